"""2601: undoes one call by its message number, whatever its caller knows of it."""

import msgspec

from sandbox.facts import traits
from sandbox.fields import Json, node, text
from sandbox.records import Batch, Settlement, Visit
from sandbox.refusals import RefusedError
from sandbox.rules import lifecycle
from sandbox.transactions.call import Call
from sandbox.transactions.money import restore, undo
from sandbox.transactions.persons import person_of
from sandbox.transactions.registry import answers
from sandbox.transactions.visits import set_state


@answers("2601")
def reverse(call: Call) -> Json:
    """Reverses a settlement, a cancel or an admission recorded under omsgid."""
    data = node(call.input, "data")
    person = person_of(call, data)
    omsgid, oinfno = text(data, "omsgid"), text(data, "oinfno")
    if oinfno not in traits().reversible:
        raise RefusedError("reversal_kind", oinfno=oinfno)
    if oinfno == "2401":
        _reverse_admission(call, person.psn_no, omsgid)
    else:
        _reverse_money(call, person.psn_no, omsgid, oinfno)
    call.books.run(
        "reversal_add",
        msgid=call.msgid,
        tenant=call.tenant,
        omsgid=omsgid,
        oinfno=oinfno,
        psn_no=person.psn_no,
        at_ms=call.now_ms,
    )
    return {}


def _step(call: Call, kind: str, state: str, oinfno: str, suffix: str = "") -> str:
    following = lifecycle.step(kind, state, f"2601:{lifecycle.base(oinfno)}{suffix}")
    if following is None:
        raise RefusedError("reversal_state", state=state, oinfno=oinfno)
    return following


def _reverse_admission(call: Call, psn_no: str, omsgid: str) -> None:
    visit = call.books.one(Visit, "visit_by_msgid", psn_no=psn_no, tenant=call.tenant, msgid=omsgid)
    if visit is None:
        raise RefusedError("reversal_nothing")
    if visit.state in lifecycle.GONE:
        raise RefusedError("reversal_done")
    set_state(call, visit, _step(call, "inpatient", visit.state, "2401"))


def _reverse_money(call: Call, psn_no: str, omsgid: str, oinfno: str) -> None:
    entry = call.books.one(
        Settlement,
        "settlement_by_msgid",
        msgid=omsgid,
        infno=oinfno,
        psn_no=psn_no,
        tenant=call.tenant,
    )
    if entry is None:
        raise RefusedError("reversal_nothing")
    if not entry.live:
        raise RefusedError("reversal_done")
    visit = call.books.one(Visit, "visit", mdtrt_id=entry.mdtrt_id, tenant=call.tenant)
    if visit is None:
        raise LookupError("a settlement without its visit")
    if entry.counter_of:
        _bring_back(call, visit, entry)
    else:
        _take_back(call, visit, entry)


def _take_back(call: Call, visit: Visit, entry: Settlement) -> None:
    """A settlement: rows of a batch become doubtful, rows of a stay or a purchase void."""
    books, where = call.books, {"mdtrt_id": visit.mdtrt_id, "setl_id": entry.setl_id}
    state = _place(call, visit, entry)
    undo(call, entry)
    if visit.kind == "outpatient":
        books.run("rows_unsettle", doubtful=1, **where)
    else:
        books.run("rows_void", **where)
    if visit.kind == "inpatient" and state in lifecycle.IN_HOSPITAL:
        state = "H2" if books.number("rows_kept", mdtrt_id=visit.mdtrt_id) else "H1"
    _move_to(call, visit, entry, state)


def _bring_back(call: Call, visit: Visit, counter: Settlement) -> None:
    """A cancel: the settlement counts again, with exactly the rows it had."""
    state = _place(call, visit, counter)
    original = restore(call, counter)
    numbers: list[str] = msgspec.json.decode(original.info)["rows"]
    revived = call.books.run(
        "rows_revive",
        mdtrt_id=visit.mdtrt_id,
        setl_id=original.setl_id,
        numbers=msgspec.json.encode(numbers).decode(),
    )
    if revived != len(numbers):
        raise RefusedError("reversal_state", state=visit.state, oinfno=counter.infno)
    _move_to(call, visit, original, state)


def _place(call: Call, visit: Visit, entry: Settlement) -> str:
    """The state that the batch or the visit moves to; refuses when it has moved on since."""
    suffix = "mid" if entry.mid_setl_flag == "1" else ""
    if visit.kind != "outpatient":
        return _step(call, visit.kind, visit.state, entry.infno, suffix)
    batch = call.books.one(Batch, "batch", mdtrt_id=visit.mdtrt_id, chrg_bchno=entry.chrg_bchno)
    state = batch.state if batch else "none"
    return _step(call, "batch", state, entry.infno)


def _move_to(call: Call, visit: Visit, entry: Settlement, state: str) -> None:
    if visit.kind == "outpatient":
        call.books.run(
            "batch_put", mdtrt_id=visit.mdtrt_id, chrg_bchno=entry.chrg_bchno, state=state
        )
    else:
        set_state(call, visit, state)
