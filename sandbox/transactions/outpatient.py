"""2201 to 2208 without the fee rows: registration, visit information, settlement by batch."""

from sandbox.fields import Json, maybe, moment, node, nodes, text
from sandbox.records import Batch, Person, StoredRow, Visit
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call
from sandbox.transactions.fees import splits_of
from sandbox.transactions.money import (
    Bill,
    Computed,
    compute,
    counter_reply,
    details_of,
    head,
    post,
    settlement_of,
    undo,
)
from sandbox.transactions.persons import (
    ID_CARD,
    check_credential,
    insurance_of,
    person_of,
    require_away_fields,
    spend_verification,
)
from sandbox.transactions.registry import answers
from sandbox.transactions.visits import (
    keep_diagnoses,
    keep_info,
    open_visit,
    set_state,
    visit_of,
)


@answers("2201")
def register(call: Call) -> Json:
    """Issues the mdtrt_id of an outpatient visit."""
    data = node(call.input, "data")
    person = person_of(call, data)
    insured = insurance_of(call, person, text(data, "insutype"))
    require_away_fields(call, insured, data)
    for name in ("atddr_no", "dr_name", "dept_code", "dept_name", "caty"):
        text(data, name)
    check_credential(call, data, person, spend=True)
    number = text(data, "ipt_otp_no")
    state = call.step("outpatient", "O0")
    mdtrt_id = open_visit(call, data, "outpatient", state, number=number, med_type="")
    return {"data": {"mdtrt_id": mdtrt_id, "psn_no": person.psn_no, "ipt_otp_no": number}}


def _visit(call: Call, data: Json) -> tuple[Person, Visit]:
    person = person_of(call, data)
    return person, visit_of(call, data, person, "outpatient")


def _refuse_open_batches(call: Call, visit: Visit) -> None:
    states = {b.state for b in call.books.all(Batch, "batches_of", mdtrt_id=visit.mdtrt_id)}
    if "O5" in states:
        raise RefusedError("order_settled")
    if states & {"O3", "O4"}:
        raise RefusedError("order_rows")


@answers("2202")
def unregister(call: Call) -> Json:
    """Cancels a registration without rows and settlements."""
    data = node(call.input, "data")
    _, visit = _visit(call, data)
    if text(data, "ipt_otp_no") != visit.ipt_otp_no:
        raise RefusedError("visit_unknown")
    state = call.step("outpatient", visit.state)
    _refuse_open_batches(call, visit)
    set_state(call, visit, state)
    return {}


@answers("2203", "2203A")
def visit_information(call: Call) -> Json:
    """What the doctor saw; again allowed until rows are uploaded."""
    data = node(call.input, "mdtrtinfo")
    _, visit = _visit(call, data)
    state = call.step("outpatient", visit.state)
    batches = call.books.all(Batch, "batches_of", mdtrt_id=visit.mdtrt_id)
    open_states = [b.state for b in batches if b.state != "none"]
    if open_states:
        raise RefusedError("order", state=open_states[0], infno=call.infno)
    text(data, "med_type")
    moment(data, "begntime")
    keep_info(call, visit, data)
    keep_diagnoses(call, visit.mdtrt_id, "1", nodes(call.input, "diseinfo"))
    set_state(call, visit, state)
    return {}


def _batch(call: Call, visit: Visit, chrg_bchno: str) -> Batch:
    found = call.books.one(Batch, "batch", mdtrt_id=visit.mdtrt_id, chrg_bchno=chrg_bchno)
    if found is None or found.state == "none":
        raise RefusedError("batch_unknown", batch=chrg_bchno)
    return found


def _bill(call: Call, *, spend: bool) -> tuple[Computed, str]:
    """The computed bill of the batch, and the state the batch moves to."""
    data = node(call.input, "data")
    person, visit = _visit(call, data)
    insured = insurance_of(call, person, text(data, "insutype"))
    if insured.insutype != visit.insutype:
        raise RefusedError("insutype_changed")
    require_away_fields(call, insured, data)
    chrg_bchno = text(data, "chrg_bchno")
    state = call.step("batch", _batch(call, visit, chrg_bchno).state)
    text(data, "psn_setlway")
    text(data, "acct_used_flag")
    rows = call.books.all(StoredRow, "rows_live", mdtrt_id=visit.mdtrt_id, chrg_bchno=chrg_bchno)
    bill = Bill(
        person=person,
        insured=insured,
        kind="outpatient",
        med_type=text(data, "med_type"),
        data=data,
        splits=tuple(splits_of(rows)),
        numbers=tuple(row.feedetl_sn for row in rows),
        visit=visit,
        chrg_bchno=chrg_bchno,
    )
    if spend or maybe(data, "mdtrt_cert_no"):
        check_credential(call, data, person, spend=spend)
    computed = compute(call, bill)
    if spend and text(data, "mdtrt_cert_type") == ID_CARD:
        spend_verification(call, person)
    return computed, state


def _put_batch(call: Call, bill: Bill, state: str) -> None:
    call.books.run("batch_put", mdtrt_id=bill.mdtrt_id, chrg_bchno=bill.chrg_bchno, state=state)


@answers("2206", "2206A")
def forecast(call: Call) -> Json:
    """What the settlement of a batch would be; must come before 2207."""
    computed, state = _bill(call, spend=False)
    _put_batch(call, computed.bill, state)
    return {
        "setlinfo": head(call, computed, computed.bill.mdtrt_id),
        "setldetail": details_of(computed),
    }


@answers("2207", "2207A")
def settle(call: Call) -> Json:
    """Settles one batch."""
    computed, state = _bill(call, spend=True)
    bill = computed.bill
    setl_id = post(call, computed, bill.mdtrt_id)
    call.books.run(
        "rows_settle", mdtrt_id=bill.mdtrt_id, chrg_bchno=bill.chrg_bchno, setl_id=setl_id
    )
    _put_batch(call, bill, state)
    return {
        "setlinfo": head(call, computed, bill.mdtrt_id, setl_id),
        "setldetail": details_of(computed),
    }


@answers("2208")
def cancel(call: Call) -> Json:
    """Cancels the settlement of a batch; its rows are unsettled again."""
    data = node(call.input, "data")
    person, visit = _visit(call, data)
    original = settlement_of(call, data, person)
    if not original.live:
        raise RefusedError("settlement_undone")
    batch = _batch(call, visit, original.chrg_bchno)
    state = call.step("batch", batch.state)
    counter = undo(call, original)
    call.books.run("rows_unsettle", mdtrt_id=visit.mdtrt_id, setl_id=original.setl_id, doubtful=0)
    call.books.run(
        "batch_put", mdtrt_id=visit.mdtrt_id, chrg_bchno=original.chrg_bchno, state=state
    )
    return counter_reply(call, counter)
