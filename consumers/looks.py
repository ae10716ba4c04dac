"""Looking for the truth at the centre: queries that tell whether a lost request took effect.

Each look answers a ``Sight``. Money is recognised by ``medins_setl_id``, which is the msgid of the
settling request (5203). A query that fails says nothing about the request: ``failed``.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple

from bus.clock import centre_time
from bus.gateway.answer import Accepted, Denied, Refused
from bus.gateway.port import NeverSent
from bus.lifecycle.machine import Seen
from bus.lifecycle.record import Record, State
from consumers.rows import first_row, rows_of
from schemas.jsontext import JsonTextError, reread
from schemas.views import Keys

VISITS_MAX = 20
"""Visits of one person examined in one look; a person has a handful in the window."""
SETTLEMENTS_MAX = 20
SETTLEMENT_QUERY = "5203"
"""What settles or cancels is recognised by it; other money (an online order) is for a person."""
REFUNDED = "1"
MED_TYPE_DEFAULT = "11"
"""5201 demands a med_type; a registration (2201) has none yet, 11 is the ordinary outpatient."""

Query = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""(infno, input) -> the query's answer type of ``consumers.centre``."""


class Sight(NamedTuple):
    """What was seen; ``output`` is the centre's record of the request in its reply's form."""

    seen: Seen
    output: Any = None


class Blind(Exception):  # noqa: N818 - not an error of ours: the centre could not be asked
    """A query of the look gave no usable answer."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self.seen = seen


class Case(NamedTuple):
    """The lost request: its record, its decoded input, its subject, and how to ask.

    ``original`` is the case a lost 2601 was to reverse, where the journal knows it.
    """

    record: Record
    data: Any
    subject: Keys
    query: Query
    original: "Case | None" = None
    original_chain: tuple[str, ...] = ()


async def look(case: Case, chain: tuple[str, ...]) -> Sight:
    """Look once. ``chain`` is the catalogue's list of queries for this transaction."""
    looker = LOOKERS.get(case.record.infno.rstrip("A"))
    if looker is None and SETTLEMENT_QUERY in chain:
        looker = BY_EFFECT.get(case.record.effect)
    if looker is None or not chain:
        return Sight(Seen.FAILED)
    try:
        return await looker(case, chain)
    except Blind as blind:
        return Sight(blind.seen)
    except JsonTextError:
        return Sight(Seen.FAILED)


async def rows(case: Case, infno: str, data: dict[str, Any], node: str) -> list[dict[str, Any]]:
    """Rows of a query's answer; a refusal that means *not found* is no rows."""
    answer = await case.query(infno, data)
    if isinstance(answer, Accepted):
        output = reread(answer.output)
        if isinstance(output, list):
            return [row for row in output if isinstance(row, dict)]
        return rows_of(output, node)
    if isinstance(answer, Refused) and answer.kind == "not_found":
        return []
    raise Blind(Seen.NOT_SENT if isinstance(answer, NeverSent | Denied) else Seen.FAILED)


async def settlement(case: Case, psn_no: str, setl_id: str, mdtrt_id: str) -> dict[str, Any]:
    """The output of 5203, {} when the centre knows no such settlement."""
    asked = {"data": {"psn_no": psn_no, "setl_id": setl_id, "mdtrt_id": mdtrt_id}}
    answer = await case.query("5203", asked)
    if isinstance(answer, Accepted):
        output = reread(answer.output)
        return output if isinstance(output, dict) else {}
    if isinstance(answer, Refused) and answer.kind == "not_found":
        return {}
    raise Blind(Seen.NOT_SENT if isinstance(answer, NeverSent | Denied) else Seen.FAILED)


async def look_settle(case: Case, chain: tuple[str, ...]) -> Sight:
    """2102, 2207, 2304: the visit's rows name their setl_id (5204), 5203 names the msgid."""
    subject = case.subject
    visits = [subject.mdtrt_id] if subject.mdtrt_id else await visits_of(case, chain)
    for mdtrt_id in visits[:VISITS_MAX]:
        asked = {"data": {"psn_no": subject.psn_no, "mdtrt_id": mdtrt_id}}
        found = await rows(case, "5204", asked, "data")
        setl_ids = sorted({str(row.get("setl_id") or "") for row in found} - {""})
        for setl_id in setl_ids[:SETTLEMENTS_MAX]:
            output = await settlement(case, subject.psn_no, setl_id, mdtrt_id)
            info = first_row(output, "setlinfo")
            if info.get("medins_setl_id") == case.record.msgid:
                return settled_sight(output, info)
    return Sight(Seen.ABSENT)


def settled_sight(output: dict[str, Any], info: dict[str, Any]) -> Sight:
    """A found settlement: live, or taken back. 5203 names two amounts otherwise than the reply."""
    if str(info.get("refd_setl_flag", "0")) == REFUNDED:
        return Sight(Seen.UNDONE)
    adopted = dict(info)
    adopted.setdefault("psn_part_amt", info.get("psn_pay", ""))
    adopted.setdefault("psn_cash_pay", info.get("cash_payamt", ""))
    adopted.setdefault("hosp_part_amt", "0")
    return Sight(Seen.DONE, {"setlinfo": adopted, "setldetail": rows_of(output, "setldetail")})


async def visits_of(case: Case, chain: tuple[str, ...]) -> list[str]:
    """Visits of the person around the call (5201), where no mdtrt_id was known before it."""
    if "5201" not in chain:
        raise Blind(Seen.FAILED)
    found = await rows(case, "5201", {"data": {**window(case), **med_type(case)}}, "mdtrtinfo")
    return [str(row["mdtrt_id"]) for row in found if row.get("mdtrt_id")]


def window(case: Case) -> dict[str, Any]:
    """Person and a window of a day round the sending; a date range covers whole days."""
    at = centre_time(case.record.sent_ms)
    return {
        "psn_no": case.subject.psn_no,
        "begntime": (at - timedelta(days=1)).strftime("%Y-%m-%d 00:00:00"),
        "endtime": (at + timedelta(days=1)).strftime("%Y-%m-%d 23:59:59"),
    }


def med_type(case: Case) -> dict[str, str]:
    """The request's med_type, which 5201 demands."""
    for node in case.data if isinstance(case.data, dict) else ():
        row = first_row(case.data, node)
        if row.get("med_type"):
            return {"med_type": str(row["med_type"])}
    return {"med_type": MED_TYPE_DEFAULT}


async def look_cancel(case: Case, chain: tuple[str, ...]) -> Sight:
    """2103, 2208, 2305 took effect when 5203 shows their settlement as refunded."""
    del chain
    subject = case.subject
    output = await settlement(case, subject.psn_no, subject.setl_id, subject.mdtrt_id)
    info = first_row(output, "setlinfo")
    if not info:
        return Sight(Seen.FAILED)
    refunded = str(info.get("refd_setl_flag", "0")) == REFUNDED
    return Sight(Seen.DONE, {"setlinfo": info}) if refunded else Sight(Seen.ABSENT)


async def look_admission(case: Case, chain: tuple[str, ...]) -> Sight:
    """2401: the person is in hospital under this admission number (5303)."""
    del chain
    ipt_no = str(first_row(case.data, "mdtrtinfo").get("ipt_no", ""))
    for row in await rows(case, "5303", {"data": window(case)}, "data"):
        if ipt_no and row.get("ipt_otp_no") == ipt_no:
            return Sight(Seen.DONE, {"result": {"mdtrt_id": row.get("mdtrt_id", "")}})
    return Sight(Seen.ABSENT)


async def look_registration(case: Case, chain: tuple[str, ...]) -> Sight:
    """2201: the visit exists under this registration number (5201)."""
    del chain
    asked = first_row(case.data, "data")
    ipt_otp_no = str(asked.get("ipt_otp_no", ""))
    query = {"data": {**window(case), **med_type(case)}}
    for row in await rows(case, "5201", query, "mdtrtinfo"):
        if ipt_otp_no and row.get("ipt_otp_no") == ipt_otp_no:
            kept = {name: row.get(name, "") for name in ("mdtrt_id", "psn_no", "ipt_otp_no")}
            return Sight(Seen.DONE, {"data": kept})
    return Sight(Seen.ABSENT)


async def look_rows(case: Case, chain: tuple[str, ...]) -> Sight:
    """2204, 2301: all rows are there, or none; a part is for a person to judge."""
    del chain
    sent = rows_of(case.data, "feedetail")
    wanted = {str(row.get("feedetl_sn", "")) for row in sent}
    subject = case.subject
    asked = {"data": {"psn_no": subject.psn_no, "mdtrt_id": subject.mdtrt_id}}
    found = [r for r in await rows(case, "5204", asked, "data") if r.get("feedetl_sn") in wanted]
    if not found:
        return Sight(Seen.ABSENT)
    if {str(row["feedetl_sn"]) for row in found} != wanted:
        return Sight(Seen.FAILED)
    return Sight(Seen.DONE, {"result": found})


async def look_reversal(case: Case, chain: tuple[str, ...]) -> Sight:
    """2601 sent by a HIS took effect when the original is not in effect any more."""
    del chain
    if case.original is None:
        return Sight(Seen.FAILED)
    sight = await look(case.original, case.original_chain)
    if sight.seen is Seen.DONE:
        return Sight(Seen.ABSENT)
    was_done = case.original.record.state is State.SUCCEEDED
    if sight.seen is Seen.UNDONE or (sight.seen is Seen.ABSENT and was_done):
        return Sight(Seen.DONE, {})
    return Sight(Seen.FAILED if sight.seen is Seen.ABSENT else sight.seen)


Looker = Callable[[Case, tuple[str, ...]], Awaitable[Sight]]

BY_EFFECT: dict[str, Looker] = {"settle": look_settle, "cancel": look_cancel}
LOOKERS: dict[str, Looker] = {
    "2201": look_registration,
    "2204": look_rows,
    "2301": look_rows,
    "2401": look_admission,
    "2601": look_reversal,
}
