"""2303 to 2305 and 2401 to 2406: a hospital stay without its fee rows."""

from sandbox.fields import Json, maybe, moment, node, nodes, text
from sandbox.records import Person, StoredRow, Visit
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
    one_main_diagnosis,
    open_visit,
    set_state,
    visit_of,
)

ADMISSION, DISCHARGE = "1", "2"


def _visit(call: Call, data: Json) -> tuple[Person, Visit]:
    person = person_of(call, data)
    return person, visit_of(call, data, person, "inpatient")


@answers("2401")
def admit(call: Call) -> Json:
    """Issues the mdtrt_id of a stay."""
    data = node(call.input, "mdtrtinfo")
    person = person_of(call, data)
    insured = insurance_of(call, person, text(data, "insutype"))
    require_away_fields(call, insured, data)
    for name in ("atddr_no", "chfpdr_name", "adm_dept_codg", "adm_dept_name", "adm_bed"):
        text(data, name)
    check_credential(call, data, person, spend=True)
    diagnoses = nodes(call.input, "diseinfo")
    one_main_diagnosis(diagnoses)
    mdtrt_id = open_visit(
        call,
        data,
        "inpatient",
        call.step("inpatient", "H0"),
        number=text(data, "ipt_no"),
        med_type=text(data, "med_type"),
    )
    keep_diagnoses(call, mdtrt_id, ADMISSION, diagnoses)
    return {"result": {"mdtrt_id": mdtrt_id}}


@answers("2402")
def discharge(call: Call) -> Json:
    """Closes the stay for fee rows."""
    data = node(call.input, "dscginfo")
    _, visit = _visit(call, data)
    state = call.step("inpatient", visit.state)
    moment(data, "endtime")
    for name in ("dscg_dept_codg", "dscg_dept_name", "dscg_way"):
        text(data, name)
    diagnoses = nodes(call.input, "diseinfo")
    one_main_diagnosis(diagnoses)
    keep_info(call, visit, data)
    keep_diagnoses(call, visit.mdtrt_id, DISCHARGE, diagnoses)
    set_state(call, visit, state)
    return {}


@answers("2403")
def change(call: Call) -> Json:
    """Changes what the admission said; diagnoses are matched by their number."""
    data = node(call.input, "adminfo")
    _, visit = _visit(call, data)
    state = call.step("inpatient", visit.state)
    moment(data, "begntime")
    text(data, "med_type")
    keep_info(call, visit, data, number=text(data, "ipt_otp_no"))
    keep_diagnoses(call, visit.mdtrt_id, ADMISSION, nodes(call.input, "diseinfo"))
    set_state(call, visit, state)
    return {}


@answers("2404")
def cancel_admission(call: Call) -> Json:
    """Cancels an admission without rows."""
    data = node(call.input, "data")
    _, visit = _visit(call, data)
    set_state(call, visit, call.step("inpatient", visit.state))
    return {}


@answers("2405")
def cancel_discharge(call: Call) -> Json:
    """Opens an unsettled stay again."""
    data = node(call.input, "data")
    _, visit = _visit(call, data)
    call.step("inpatient", visit.state)
    kept = call.books.number("rows_kept", mdtrt_id=visit.mdtrt_id)
    keep_info(call, visit, {"dscg_way": ""})
    set_state(call, visit, "H2" if kept else "H1")
    return {}


@answers("2406")
def special_attribute(call: Call) -> Json:
    """A special attribute of the stay; the centre's clerk audits it later."""
    data = node(call.input, "IptPsnSpFlagRegIn" if "data" not in call.input else "data")
    person, visit = _visit(call, data)
    set_state(call, visit, call.step("inpatient", visit.state))
    if text(data, "certno") != person.certno:
        raise RefusedError("cert_mismatch")
    flag = text(data, "ipt_psn_sp_flag_type")
    keep_info(call, visit, {f"special_{flag}": text(data, "ipt_psn_sp_flag")})
    serial = call.books.serial("special")
    return {"IptPsnSpFlagRegOut": {"ipt_psn_sp_flag_detl_id": f"SBXSP{serial:012d}"}}


def _bill(call: Call, *, spend: bool) -> tuple[Computed, str]:
    """The computed bill of the stay, and the state the stay moves to."""
    data = node(call.input, "data")
    person, visit = _visit(call, data)
    insured = insurance_of(call, person, text(data, "insutype"))
    if insured.insutype != visit.insutype:
        raise RefusedError("insutype_changed")
    require_away_fields(call, insured, data)
    mid = text(data, "mid_setl_flag")
    event = "2304mid" if spend and mid == "1" else ""
    state = call.step("inpatient", visit.state, event)
    text(data, "psn_setlway")
    rows = call.books.all(StoredRow, "rows_live", mdtrt_id=visit.mdtrt_id, chrg_bchno="")
    bill = Bill(
        person=person,
        insured=insured,
        kind="inpatient",
        med_type=visit.med_type,
        data=data,
        splits=tuple(splits_of(rows)),
        numbers=tuple(row.feedetl_sn for row in rows),
        visit=visit,
        mid_setl_flag=mid,
    )
    if spend or maybe(data, "mdtrt_cert_no"):
        check_credential(call, data, person, spend=spend)
    computed = compute(call, bill)
    if spend and text(data, "mdtrt_cert_type") == ID_CARD:
        spend_verification(call, person)
    return computed, state


def _reply(call: Call, computed: Computed, setl_id: str = "") -> Json:
    return {
        "setlinfo": head(call, computed, computed.bill.mdtrt_id, setl_id),
        "setldetail": details_of(computed),
    }


def _stay(call: Call, computed: Computed, state: str) -> None:
    if computed.bill.visit is not None:
        set_state(call, computed.bill.visit, state)


@answers("2303", "2303A")
def forecast(call: Call) -> Json:
    """What the settlement of the unsettled rows would be."""
    computed, state = _bill(call, spend=False)
    _stay(call, computed, state)
    return _reply(call, computed)


@answers("2304", "2304A")
def settle(call: Call) -> Json:
    """Settles the unsettled rows: after discharge, or in between with mid_setl_flag 1."""
    computed, state = _bill(call, spend=True)
    setl_id = post(call, computed, computed.bill.mdtrt_id)
    call.books.run("rows_settle", mdtrt_id=computed.bill.mdtrt_id, chrg_bchno="", setl_id=setl_id)
    _stay(call, computed, state)
    return _reply(call, computed, setl_id)


@answers("2305")
def cancel_settlement(call: Call) -> Json:
    """Cancels a settlement; the patient stays discharged, the rows are unsettled again."""
    data = node(call.input, "data")
    person, visit = _visit(call, data)
    original = settlement_of(call, data, person)
    if not original.live:
        raise RefusedError("settlement_undone")
    event = "2305mid" if original.mid_setl_flag == "1" else "2305"
    state = call.step("inpatient", visit.state, event)
    counter = undo(call, original)
    call.books.run("rows_unsettle", mdtrt_id=visit.mdtrt_id, setl_id=original.setl_id, doubtful=0)
    set_state(call, visit, state)
    return counter_reply(call, counter)
