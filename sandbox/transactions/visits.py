"""Visits in the books: find one, move it on, keep what was uploaded about it."""

import msgspec

from sandbox.fields import Json, moment, small_number, text
from sandbox.records import Person, Visit
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call


def visit_of(call: Call, data: Json, person: Person, kind: str) -> Visit:
    """The visit named by mdtrt_id: of this institution, this person and this kind."""
    visit = call.books.one(Visit, "visit", mdtrt_id=text(data, "mdtrt_id"), tenant=call.tenant)
    if visit is None or visit.kind != kind:
        raise RefusedError("visit_unknown")
    if visit.psn_no != person.psn_no:
        raise RefusedError("visit_person")
    return visit


def open_visit(call: Call, data: Json, kind: str, state: str, *, number: str, med_type: str) -> str:
    """Register a visit; its mdtrt_id. ``number`` is the hospital's own, empty for a pharmacy."""
    if number:
        taken = call.books.one(
            Visit, "visit_open_with_number", tenant=call.tenant, ipt_otp_no=number
        )
        if taken is not None:
            raise RefusedError("ipt_otp_no_repeated")
    mdtrt_id = f"SBXM{call.books.serial('mdtrt_id'):016d}"
    call.books.run(
        "visit_add",
        mdtrt_id=mdtrt_id,
        tenant=call.tenant,
        psn_no=text(data, "psn_no"),
        kind=kind,
        state=state,
        insutype=text(data, "insutype"),
        ipt_otp_no=number,
        med_type=med_type,
        begntime=moment(data, "begntime"),
        endtime="",
        msgid=call.msgid,
        at_ms=call.now_ms,
        info=_json(_operator(call) | data),
    )
    return mdtrt_id


def set_state(call: Call, visit: Visit, state: str) -> None:
    """Move the visit to ``state``."""
    if state != visit.state:
        call.books.run("visit_state", mdtrt_id=visit.mdtrt_id, state=state)


def keep_info(call: Call, visit: Visit, told: Json, *, number: str = "") -> None:
    """Add what was told about the visit; a field told again replaces the old one."""
    facts = visit.facts() | _operator(call) | told
    call.books.run(
        "visit_info",
        mdtrt_id=visit.mdtrt_id,
        info=_json(facts),
        med_type=str(told.get("med_type") or visit.med_type),
        begntime=str(told.get("begntime") or visit.begntime)
        if visit.kind == "inpatient"
        else visit.begntime,
        endtime=str(told.get("endtime") or visit.endtime),
        ipt_otp_no=number or visit.ipt_otp_no,
    )


def keep_diagnoses(call: Call, mdtrt_id: str, kind: str, rows: list[Json]) -> None:
    """Upsert diagnoses by their number. ``kind``: 1 admission (and outpatient), 2 discharge."""
    for row in rows:
        for name in ("diag_type", "diag_code", "diag_name", "dise_dor_no", "dise_dor_name"):
            text(row, name)
        moment(row, "diag_time")
        call.books.run(
            "diagnosis_put",
            mdtrt_id=mdtrt_id,
            inout_diag_type=kind,
            diag_srt_no=small_number(row, "diag_srt_no"),
            body=_json(_operator(call) | row),
        )


def one_main_diagnosis(rows: list[Json]) -> None:
    """Exactly one row with maindiag_flag 1."""
    if sum(text(row, "maindiag_flag") == "1" for row in rows) != 1:
        raise RefusedError("main_diagnosis")


def _operator(call: Call) -> Json:
    return {
        "opter_id": call.envelope.opter,
        "opter_name": call.envelope.opter_name,
        "opt_time": call.moment,
    }


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()
