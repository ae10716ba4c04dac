"""Fee rows: 2204 and 2205 (outpatient batches), 2301 and 2302 (hospital stay)."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from sandbox.facts import item, traits
from sandbox.fields import Json, amount, maybe, moment, node, nodes, text
from sandbox.records import Batch, Person, StoredRow, Visit
from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import Split, from_fen, split_row, to_fen
from sandbox.rules.rows import FeeRow, Original, bad_amount, check_refunds, repeated_number
from sandbox.transactions.call import Call
from sandbox.transactions.persons import person_of
from sandbox.transactions.registry import answers
from sandbox.transactions.visits import set_state, visit_of

ALL = "0000"


def read_row(row: Json) -> FeeRow:
    """One uploaded row; refuses wrong amounts, signs and missing fields."""
    moment(row, "fee_ocur_time")
    text(row, "medins_list_codg")
    fee = FeeRow(
        feedetl_sn=text(row, "feedetl_sn"),
        med_list_codg=text(row, "med_list_codg"),
        cnt=amount(row, "cnt", 4),
        pric=amount(row, "pric", 6),
        amount=amount(row, "det_item_fee_sumamt", 2),
        init_feedetl_sn=maybe(row, "init_feedetl_sn"),
        chrg_bchno=maybe(row, "chrg_bchno"),
        hosp_appr_flag=maybe(row, "hosp_appr_flag"),
        body=row,
    )
    fault = bad_amount(fee)
    if fault:
        raise RefusedError(fault, sn=fee.feedetl_sn)
    return fee


def keep_rows(call: Call, mdtrt_id: str, rows: list[FeeRow]) -> list[Json]:
    """Split every row, write it, and give the rows of the reply."""
    first = call.books.serial("fee_rows")
    return [_keep_row(call, mdtrt_id, row, first) for row in rows]


def _keep_row(call: Call, mdtrt_id: str, row: FeeRow, position: int) -> Json:
    entry = item(row.med_list_codg)
    split = split_row(row.cnt, row.pric, entry, row.hosp_appr_flag)
    call.books.run(
        "row_add",
        mdtrt_id=mdtrt_id,
        feedetl_sn=row.feedetl_sn,
        position=position,
        chrg_bchno=row.chrg_bchno,
        init_feedetl_sn=row.init_feedetl_sn,
        med_list_codg=row.med_list_codg,
        cnt=f"{row.cnt:.4f}",
        pric=f"{row.pric:.6f}",
        amount_fen=to_fen(split.amount),
        own_fen=to_fen(split.own),
        over_fen=to_fen(split.over),
        pre_fen=to_fen(split.pre),
        scope_fen=to_fen(split.scope),
        body=msgspec.json.encode(row.body).decode(),
    )
    return row_result(row.feedetl_sn, row.cnt, row.pric, split, row.med_list_codg)


def row_result(sn: str, cnt: Decimal, pric: Decimal, split: Split, code: str) -> Json:
    """A row of the reply of 2204, 2301 and 2102."""
    entry = item(code)
    return {
        "feedetl_sn": sn,
        "det_item_fee_sumamt": str(split.amount),
        "cnt": f"{cnt:.4f}",
        "pric": f"{pric:.6f}",
        "pric_uplmt_amt": f"{entry.pric_uplmt_amt:.6f}",
        "selfpay_prop": f"{1 if split.own else entry.selfpay_prop:.4f}",
        "fulamt_ownpay_amt": str(split.own),
        "overlmt_amt": str(split.over),
        "preselfpay_amt": str(split.pre),
        "inscp_scp_amt": str(split.scope),
        "chrgitm_lv": entry.chrgitm_lv,
        "med_chrgitm_type": entry.med_chrgitm_type,
        "bas_medn_flag": entry.bas_medn_flag,
        "hi_nego_drug_flag": entry.hi_nego_drug_flag,
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "lmt_used_flag": entry.lmt_used_flag,
        "drt_reim_flag": "1",
        "memo": entry.memo,
    }


def splits_of(rows: Iterable[StoredRow]) -> list[Split]:
    """The stored parts of rows, back in yuan."""
    return [
        Split(
            amount=from_fen(row.amount_fen),
            own=from_fen(row.own_fen),
            over=from_fen(row.over_fen),
            pre=from_fen(row.pre_fen),
            scope=from_fen(row.scope_fen),
        )
        for row in rows
    ]


def _subject(call: Call, rows: list[Json], kind: str) -> tuple[Person, Visit]:
    if len({(text(row, "mdtrt_id"), text(row, "psn_no")) for row in rows}) != 1:
        raise RefusedError("rows_many_visits")
    person = person_of(call, rows[0])
    return person, visit_of(call, rows[0], person, kind)


def _refuse_repeated(call: Call, visit: Visit, rows: list[FeeRow]) -> list[StoredRow]:
    stored = call.books.all(StoredRow, "rows_of", mdtrt_id=visit.mdtrt_id)
    repeated = repeated_number(rows, {row.feedetl_sn for row in stored})
    if repeated is not None:
        raise RefusedError("row_repeated", sn=repeated)
    return stored


@answers("2204")
def upload_batches(call: Call) -> Json:
    """Rows of one or more batches; a batch comes whole, in one call."""
    given = nodes(call.input, "feedetail")
    _, visit = _subject(call, given, "outpatient")
    call.step("outpatient", visit.state)
    rows = [read_row(row) for row in given]
    for row in rows:
        if row.cnt < 0:
            raise RefusedError("refund_here", sn=row.feedetl_sn)
    _refuse_repeated(call, visit, rows)
    diseases: dict[str, set[str]] = defaultdict(set)
    for told in given:
        batch = text(told, "chrg_bchno")
        if batch == ALL:
            raise RefusedError("field_format", field="chrg_bchno")
        diseases[batch].add(maybe(told, "dise_codg"))
    for batch, codes in diseases.items():
        if len(codes) > 1:
            raise RefusedError("batch_disease", batch=batch)
        _start_batch(call, visit, batch)
    return {"result": keep_rows(call, visit.mdtrt_id, rows)}


def _start_batch(call: Call, visit: Visit, chrg_bchno: str) -> None:
    known = call.books.one(Batch, "batch", mdtrt_id=visit.mdtrt_id, chrg_bchno=chrg_bchno)
    if known is not None and known.state != "none":
        raise RefusedError("batch_known", batch=chrg_bchno)
    state = call.step("batch", "none")
    call.books.run("batch_put", mdtrt_id=visit.mdtrt_id, chrg_bchno=chrg_bchno, state=state)


@answers("2205")
def remove_batches(call: Call) -> Json:
    """One batch, or 0000 for every unsettled one."""
    data = node(call.input, "data")
    visit = visit_of(call, data, person_of(call, data), "outpatient")
    call.step("outpatient", visit.state)
    wanted = text(data, "chrg_bchno")
    batches = call.books.all(Batch, "batches_of", mdtrt_id=visit.mdtrt_id)
    if wanted == ALL:
        chosen = [batch for batch in batches if batch.state in {"O3", "O4"}]
    else:
        chosen = [batch for batch in batches if batch.chrg_bchno == wanted]
    if not chosen:
        raise RefusedError("nothing_to_delete")
    for batch in chosen:
        state = call.step("batch", batch.state)
        _drop_rows(call, visit.mdtrt_id, batch.chrg_bchno)
        call.books.run(
            "batch_put", mdtrt_id=visit.mdtrt_id, chrg_bchno=batch.chrg_bchno, state=state
        )
    return {}


def _drop_rows(call: Call, mdtrt_id: str, chrg_bchno: str = "") -> None:
    """Rows of a reversed settlement keep their numbers (void); others are gone for good."""
    call.books.run("rows_void_again", mdtrt_id=mdtrt_id, chrg_bchno=chrg_bchno)
    call.books.run("rows_delete", mdtrt_id=mdtrt_id, chrg_bchno=chrg_bchno)


@answers("2301")
def upload_stay_rows(call: Call) -> Json:
    """Charges and refunds of a hospital stay; one bad row fails the call."""
    given = nodes(call.input, "feedetail")
    limit = traits().limits.rows_max
    if len(given) > limit:
        raise RefusedError("rows_too_many", limit=str(limit))
    _, visit = _subject(call, given, "inpatient")
    state = call.step("inpatient", visit.state)
    rows = [read_row(row) for row in given]
    stored = _refuse_repeated(call, visit, rows)
    fault, sn = check_refunds(rows, _originals(stored, rows))
    if fault:
        raise RefusedError(fault, sn=sn)
    set_state(call, visit, state)
    return {"result": keep_rows(call, visit.mdtrt_id, rows)}


def _originals(stored: list[StoredRow], rows: list[FeeRow]) -> dict[str, Original]:
    refunded: dict[str, Decimal] = defaultdict(Decimal)
    for row in stored:
        if row.init_feedetl_sn and row.status != "void":
            refunded[row.init_feedetl_sn] += Decimal(row.cnt)
    known = {
        row.feedetl_sn: Original(
            pric=Decimal(row.pric),
            med_list_codg=row.med_list_codg,
            left=Decimal(row.cnt) + refunded[row.feedetl_sn],
            status=row.status,
        )
        for row in stored
        if not row.init_feedetl_sn
    }
    new = {
        row.feedetl_sn: Original(
            pric=row.pric, med_list_codg=row.med_list_codg, left=row.cnt, status="live"
        )
        for row in rows
        if row.cnt > 0
    }
    return known | new


@answers("2302")
def remove_stay_rows(call: Call) -> Json:
    """Single rows by number, or 0000 for every unsettled row of the stay."""
    given = nodes(call.input, "data")
    _, visit = _subject(call, given, "inpatient")
    call.step("inpatient", visit.state)
    numbers = {text(row, "feedetl_sn") for row in given}
    if ALL in numbers:
        if not call.books.rows("rows_live", mdtrt_id=visit.mdtrt_id, chrg_bchno=""):
            raise RefusedError("nothing_to_delete")
        _drop_rows(call, visit.mdtrt_id)
    else:
        for sn in sorted(numbers):
            _drop_row(call, visit, sn, numbers)
    left = call.books.number("rows_kept", mdtrt_id=visit.mdtrt_id)
    set_state(call, visit, "H2" if left else "H1")
    return {}


def _drop_row(call: Call, visit: Visit, sn: str, numbers: set[str]) -> None:
    row = call.books.one(StoredRow, "row", mdtrt_id=visit.mdtrt_id, feedetl_sn=sn)
    if row is None or row.status == "void":
        raise RefusedError("row_unknown", sn=sn)
    if row.status == "settled":
        raise RefusedError("row_settled", sn=sn)
    refunds = call.books.all(StoredRow, "rows_of", mdtrt_id=visit.mdtrt_id)
    kept = [r for r in refunds if r.init_feedetl_sn == sn and r.status != "void"]
    if any(refund.feedetl_sn not in numbers for refund in kept):
        raise RefusedError("row_has_refund", sn=sn)
    call.books.run("row_delete", mdtrt_id=visit.mdtrt_id, feedetl_sn=sn)
