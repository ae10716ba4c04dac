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
from consumers.centre import SETTLEMENT_QUERY
from consumers.rows import first_row, rows_of
from schemas.jsontext import JsonTextError, decode_answer
from schemas.views import Keys

VISITS_MAX = 20
"""Visits of one person examined in one look; a person has a handful in the window. What was not
examined is not absent: then the look has failed."""
SETTLEMENTS_MAX = 20
REFUNDED = {"0": False, "1": True}
"""refd_setl_flag"""
ROW_MARKS = {"5201": {"mdtrt_id"}, "5204": {"setl_id", "feedetl_sn"}, "5303": {"mdtrt_id"}}
"""Fields every row of the answer has; they may be empty."""
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
    """Rows of a query's answer; a refusal that means *not found* is no rows. A row without the
    fields that every row of this query has is none of its rows: the look is blind."""
    found = listed(await answered(case, infno, data), node)
    if not all(ROW_MARKS[infno] <= row.keys() for row in found):
        raise Blind(Seen.FAILED)
    return found


async def answered(case: Case, infno: str, data: dict[str, Any]) -> Any:
    """The decoded output of a query; ``None`` where the centre found nothing."""
    answer = await case.query(infno, data)
    if isinstance(answer, Accepted):
        return decode_answer(answer.output)
    if isinstance(answer, Refused) and answer.kind == "not_found":
        return None
    raise Blind(Seen.NOT_SENT if isinstance(answer, NeverSent | Denied) else Seen.FAILED)


def listed(output: Any, node: str) -> list[dict[str, Any]]:
    """The rows in an output. An output without any is empty; one in another shape says nothing of
    what the centre has, so it is not taken for *nothing*."""
    found = output[node] if isinstance(output, dict) and node in output else output
    if found in (None, "", {}, []):
        return []
    if isinstance(found, dict) and found is not output:
        return [found]
    if isinstance(found, list) and all(isinstance(row, dict) and row for row in found):
        return found
    raise Blind(Seen.FAILED)


async def settlement(case: Case, psn_no: str, setl_id: str, mdtrt_id: str) -> dict[str, Any]:
    """The output of 5203, {} when the centre says that it knows no such settlement."""
    asked = {"data": {"psn_no": psn_no, "setl_id": setl_id, "mdtrt_id": mdtrt_id}}
    output = await answered(case, "5203", asked)
    if output is None:
        return {}
    if not isinstance(output, dict) or len(listed(output, "setlinfo")) != 1:
        raise Blind(Seen.FAILED)
    return output


async def look_settle(case: Case, chain: tuple[str, ...]) -> Sight:
    """2102, 2207, 2304: the visit's rows name their setl_id (5204), 5203 names the msgid."""
    subject = case.subject
    visits = [subject.mdtrt_id] if subject.mdtrt_id else await visits_of(case, chain)
    whole = len(visits) <= VISITS_MAX
    for mdtrt_id in visits[:VISITS_MAX]:
        asked = {"data": {"psn_no": subject.psn_no, "mdtrt_id": mdtrt_id}}
        found = await rows(case, "5204", asked, "data")
        setl_ids = sorted({str(row.get("setl_id") or "") for row in found} - {""})
        whole = whole and len(setl_ids) <= SETTLEMENTS_MAX
        for setl_id in setl_ids[:SETTLEMENTS_MAX]:
            output = await settlement(case, subject.psn_no, setl_id, mdtrt_id)
            info = first_row(output, "setlinfo")
            if output and not info.get("medins_setl_id"):
                raise Blind(Seen.FAILED)  # it may be ours
            if info.get("medins_setl_id") == case.record.msgid:
                return settled_sight(output, info)
    return Sight(Seen.ABSENT if whole else Seen.FAILED)


def settled_sight(output: dict[str, Any], info: dict[str, Any]) -> Sight:
    """A found settlement: live, or taken back. 5203 names two amounts otherwise than the reply."""
    if refunded(info):
        return Sight(Seen.UNDONE)
    adopted = dict(info)
    adopted.setdefault("psn_part_amt", info.get("psn_pay", ""))
    adopted.setdefault("psn_cash_pay", info.get("cash_payamt", ""))
    adopted.setdefault("hosp_part_amt", "0")
    return Sight(Seen.DONE, {"setlinfo": adopted, "setldetail": rows_of(output, "setldetail")})


def refunded(info: dict[str, Any]) -> bool:
    """Whether a settlement was taken back, which its 5203 has to say."""
    flag = REFUNDED.get(str(info.get("refd_setl_flag")))
    if flag is None:
        raise Blind(Seen.FAILED)
    return flag


async def visits_of(case: Case, chain: tuple[str, ...]) -> list[str]:
    """Visits of the person around the call (5201), where no mdtrt_id was known before it."""
    if "5201" not in chain:
        raise Blind(Seen.FAILED)
    found = await rows(case, "5201", {"data": {**window(case), **med_type(case)}}, "mdtrtinfo")
    visits = [str(row.get("mdtrt_id") or "") for row in found]
    if not all(visits):
        raise Blind(Seen.FAILED)
    return visits


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
    return Sight(Seen.DONE, {"setlinfo": info}) if refunded(info) else Sight(Seen.ABSENT)


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
    there = await rows(case, "5204", asked, "data")
    found = [row for row in there if str(row["feedetl_sn"]) in wanted]
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
