"""What the bus remembers of a visit, so that money can be checked before it moves.

Kinds: ``visit`` (the bus saw it open, so it knows all its rows), ``row`` (an uploaded fee row with
its amount; marked with the setl_id that settled it), ``check`` (a passed 1192), ``token`` (when an
e-voucher token was first seen). Persons appear as keyed digests only.
"""

from collections.abc import Callable, Iterable
from typing import Any

from bus.journal.port import Fact, FactChange
from consumers.rows import first_row, rows_of
from schemas.views import Keys, keys_of

Digest = Callable[[str, str], str]
"""(kind, value) -> keyed digest, so that no identity is stored in the clear."""

VISIT, ROW, CHECK, TOKEN = "visit", "row", "check", "token"
ALL = "0000"
"""2205 and 2302: every unsettled row of the visit."""


class Memory:
    """Turns an accepted transaction into changes of the facts. Pure."""

    def __init__(self, tenant: str, digest: Digest, now_ms: int) -> None:
        self._tenant = tenant
        self._digest = digest
        self._now_ms = now_ms

    def of(self, infno: str, data: Any, subject: Keys, output: Any) -> tuple[FactChange, ...]:
        """What is to be remembered after ``infno`` was accepted with ``data`` (about ``subject``)
        and ``output``."""
        base = infno.rstrip("A")
        if base in {"2204", "2301"}:
            return tuple(self._rows(data))
        if base in {"2205", "2302"}:
            return tuple(self._dropped(base, data, subject))
        if base in {"2207", "2304"}:
            return self._settled(
                subject, str(first_row(output, "setlinfo").get("setl_id", ""))
            ) + self._used(subject, infno)
        if base in {"2208", "2305"}:
            mark = self.fact(ROW, subject.mdtrt_id, mark="")
            return (FactChange(op="mark", fact=mark, where_mark=subject.setl_id),)
        if base in {"2201", "2401"}:
            opened = keys_of(output).mdtrt_id
            return (self._put(self.fact(VISIT, opened, item="opened")),) if opened else ()
        if infno == "1192":
            return (self._put(self._check(subject, str(data.get("data", {}).get("infno", "")))),)
        return ()

    def after_reversal(self, infno: str, data: Any) -> tuple[FactChange, ...]:
        """A reversed 2304 voids the rows: they must come again under new numbers (guide 1.11)."""
        if infno.rstrip("A") != "2304":
            return ()
        rows = self.fact(ROW, keys_of(data).mdtrt_id)
        return (FactChange(op="drop", fact=rows, where_mark=""),)

    def first_sight(self, token: str) -> FactChange:
        """An e-voucher token seen for the first time."""
        return self._put(self.fact(TOKEN, self._digest("token", token), item="seen"))

    def fact(self, kind: str, subject: str, item: str = "", mark: str = "") -> Fact:
        """A fact, or a pattern for drop and mark."""
        return Fact(
            tenant=self._tenant,
            kind=kind,
            subject=subject,
            item=item,
            mark=mark,
            at_ms=self._now_ms,
        )

    def _put(self, fact: Fact) -> FactChange:
        return FactChange(op="put", fact=fact)

    def _check(self, subject: Keys, infno: str) -> Fact:
        return self.fact(CHECK, self._digest("cert", subject.mdtrt_cert_no), item=infno)

    def _used(self, subject: Keys, infno: str) -> tuple[FactChange, ...]:
        """A 1192 serves one settlement."""
        if subject.mdtrt_cert_type != "02":
            return ()
        return (FactChange(op="drop", fact=self._check(subject, infno.rstrip("A"))),)

    def _rows(self, data: Any) -> Iterable[FactChange]:
        for row in rows_of(data, "feedetail"):
            yield self._put(
                Fact(
                    tenant=self._tenant,
                    kind=ROW,
                    subject=str(row.get("mdtrt_id", "")),
                    item=str(row.get("feedetl_sn", "")),
                    value=str(row.get("det_item_fee_sumamt", "0")),
                    batch=str(row.get("chrg_bchno", "")),
                    at_ms=self._now_ms,
                )
            )

    def _dropped(self, base: str, data: Any, subject: Keys) -> Iterable[FactChange]:
        name = "chrg_bchno" if base == "2205" else "feedetl_sn"
        for row in rows_of(data, "data"):
            which = str(row.get(name, ALL))
            chosen = "" if which == ALL else which
            fact = Fact(
                tenant=self._tenant,
                kind=ROW,
                subject=subject.mdtrt_id,
                item=chosen if base == "2302" else "",
                batch=chosen if base == "2205" else "",
            )
            yield FactChange(op="drop", fact=fact, where_mark="")

    def _settled(self, subject: Keys, setl_id: str) -> tuple[FactChange, ...]:
        if not setl_id:
            return ()
        rows = Fact(
            tenant=self._tenant,
            kind=ROW,
            subject=subject.mdtrt_id,
            item="",
            batch=subject.chrg_bchno,
            mark=setl_id,
        )
        return (FactChange(op="mark", fact=rows, where_mark=""),)
