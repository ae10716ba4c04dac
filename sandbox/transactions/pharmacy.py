"""2101 to 2103: a pharmacy purchase is registered, charged and settled in one call."""

from sandbox.facts import item
from sandbox.fields import Json, moment, node, nodes, text
from sandbox.records import Settlement
from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import split_row
from sandbox.rules.rows import FeeRow, repeated_number
from sandbox.transactions.call import Call
from sandbox.transactions.fees import keep_rows, read_row, row_result
from sandbox.transactions.money import (
    Bill,
    compute,
    counter_reply,
    details_of,
    head,
    post,
    settlement_of,
    undo,
)
from sandbox.transactions.persons import (
    check_credential,
    insurance_of,
    person_of,
    require_away_fields,
)
from sandbox.transactions.registry import answers
from sandbox.transactions.visits import open_visit, set_state, visit_of


def _bill(call: Call, *, spend: bool) -> tuple[Bill, list[FeeRow]]:
    data = node(call.input, "druginfo")
    person = person_of(call, data)
    insured = insurance_of(call, person, text(data, "insutype"))
    require_away_fields(call, insured, data)
    moment(data, "begntime")
    rows = [read_row(row) for row in nodes(call.input, "drugdetail")]
    for row in rows:
        if row.cnt < 0:
            raise RefusedError("refund_here", sn=row.feedetl_sn)
    repeated = repeated_number(rows, ())
    if repeated is not None:
        raise RefusedError("row_repeated", sn=repeated)
    check_credential(call, data, person, spend=spend)
    splits = tuple(
        split_row(row.cnt, row.pric, item(row.med_list_codg), row.hosp_appr_flag) for row in rows
    )
    bill = Bill(
        person=person,
        insured=insured,
        kind="pharmacy",
        med_type=text(data, "med_type"),
        data=data,
        splits=splits,
        numbers=tuple(row.feedetl_sn for row in rows),
    )
    return bill, rows


@answers("2101")
def forecast(call: Call) -> Json:
    """What a purchase would cost; nothing is kept."""
    call.step("pharmacy", "P0")
    bill, rows = _bill(call, spend=False)
    computed = compute(call, bill)
    cut = [
        row_result(row.feedetl_sn, row.cnt, row.pric, split, row.med_list_codg)
        for row, split in zip(rows, bill.splits, strict=True)
    ]
    return {
        "setlinfo": head(call, computed, ""),
        "setldetail": details_of(computed),
        "detlcutinfo": cut,
    }


@answers("2102", "2102A")
def purchase(call: Call) -> Json:
    """Posts rows and settlement together. Asked twice with new message numbers, it settles
    twice."""
    state = call.step("pharmacy", "P0")
    bill, rows = _bill(call, spend=True)
    computed = compute(call, bill)
    mdtrt_id = open_visit(call, bill.data, "pharmacy", state, number="", med_type=bill.med_type)
    cut = keep_rows(call, mdtrt_id, rows)
    setl_id = post(call, computed, mdtrt_id)
    call.books.run("rows_settle", mdtrt_id=mdtrt_id, chrg_bchno="", setl_id=setl_id)
    return {
        "setlinfo": head(call, computed, mdtrt_id, setl_id),
        "setldetail": details_of(computed),
        "detlcutinfo": cut,
    }


@answers("2103")
def cancel(call: Call) -> Json:
    """Cancels a purchase with its rows."""
    data = node(call.input, "data")
    person = person_of(call, data)
    visit = visit_of(call, data, person, "pharmacy")
    original: Settlement = settlement_of(call, data, person)
    if not original.live:
        raise RefusedError("settlement_undone")
    set_state(call, visit, call.step("pharmacy", visit.state))
    counter = undo(call, original)
    call.books.run("rows_void", mdtrt_id=visit.mdtrt_id, setl_id=original.setl_id)
    return counter_reply(call, counter)
