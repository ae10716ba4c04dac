"""5201 visits, 5202 diagnoses, 5203 settlement, 5204 fee rows, 5303 people in hospital."""

import msgspec

from sandbox.facts import institutions, item, told_as_uploaded
from sandbox.fields import Json, day, maybe, node, text
from sandbox.records import Insured, Person, Settlement, StoredRow, Visit
from sandbox.refusals import RefusedError
from sandbox.rules import lifecycle
from sandbox.rules.arithmetic import from_fen
from sandbox.transactions.call import Call
from sandbox.transactions.persons import face, person_of
from sandbox.transactions.registry import answers


def _insured(call: Call, psn_no: str, insutype: str) -> Insured:
    found = call.books.one(Insured, "insured", psn_no=psn_no, insutype=insutype)
    if found is None:
        raise LookupError("a visit without its insurance")
    return found


@answers("5201")
def visits(call: Call) -> Json:
    """Visits of a person at the asking institution whose begin lies in the window (whole days)."""
    data = node(call.input, "data")
    person = person_of(call, data)
    begin, end = day(data, "begntime"), day(data, "endtime")
    wanted, med_type = maybe(data, "mdtrt_id"), maybe(data, "med_type")
    found = call.books.all(Visit, "visits_of", psn_no=person.psn_no, tenant=call.tenant)
    rows = [
        _visit_row(call, person, visit)
        for visit in found
        if begin <= visit.begntime[:10] <= end
        and wanted in {"", visit.mdtrt_id}
        and (not med_type or visit.med_type in {"", med_type})
    ]
    return {"mdtrtinfo": rows}


def _visit_row(call: Call, person: Person, visit: Visit) -> Json:
    facts = visit.facts()
    insured = _insured(call, visit.psn_no, visit.insutype)
    staying = visit.kind == "inpatient" and visit.state in lifecycle.IN_HOSPITAL
    return (
        {name: str(facts.get(name) or "") for name in told_as_uploaded("5201")}
        | {"mdtrt_id": visit.mdtrt_id}
        | face(person, call.today)
        | {
            "insutype": visit.insutype,
            "psn_type": insured.psn_type,
            "cvlserv_flag": insured.cvlserv_flag,
            "maf_psn_flag": "0",
            "flxempe_flag": "0",
            "nwb_flag": "0",
            "insu_optins": insured.insuplc_admdvs,
            "emp_name": insured.emp_name,
            "begntime": visit.begntime,
            "endtime": visit.endtime or visit.begntime,
            "med_type": visit.med_type,
            "ars_year_ipt_flag": "0",
            "pre_pay_flag": "0",
            "ipt_otp_no": visit.ipt_otp_no,
            "otp_diag_info": "",
            "inhosp_stas": "1" if staying else "0",
            "ipt_days": "0",
        }
    )


@answers("5202")
def diagnoses(call: Call) -> Json:
    """Diagnoses of a visit; one voided with vali_flag 0 is left out."""
    data = node(call.input, "data")
    person = person_of(call, data)
    visit = _visit(call, data, person)
    rows = call.books.rows("diagnoses_of", mdtrt_id=visit.mdtrt_id)
    told = [(row, msgspec.json.decode(row["body"])) for row in rows]
    return {
        "diseinfo": [
            {"adm_cond": "", "maindiag_flag": "1" if row["diag_srt_no"] == 1 else "0"}
            | {name: body[name] for name in body if name != "vali_flag"}
            | {
                "diag_info_id": f"{visit.mdtrt_id}-{row['inout_diag_type']}-{row['diag_srt_no']}",
                "mdtrt_id": visit.mdtrt_id,
                "psn_no": person.psn_no,
                "inout_diag_type": row["inout_diag_type"],
            }
            for row, body in told
            if body.get("vali_flag") != "0"
        ]
    }


def _visit(call: Call, data: Json, person: Person) -> Visit:
    visit = call.books.one(Visit, "visit", mdtrt_id=text(data, "mdtrt_id"), tenant=call.tenant)
    if visit is None or visit.psn_no != person.psn_no:
        raise RefusedError("visit_unknown")
    return visit


@answers("5203")
def settlement(call: Call) -> Json:
    """One settlement by setl_id. An undone one answers with refd_setl_flag 1, and so does the
    counter entry that undid it."""
    data = node(call.input, "data")
    person = person_of(call, data)
    found = call.books.one(Settlement, "settlement", setl_id=text(data, "setl_id"))
    if found is None or found.tenant != call.tenant or found.psn_no != person.psn_no:
        raise RefusedError("settlement_unknown")
    if maybe(data, "mdtrt_id") not in {"", found.mdtrt_id}:
        raise RefusedError("settlement_unknown")
    return {
        "setlinfo": _settlement_row(call, person, found),
        "setldetail": msgspec.json.decode(found.shares),
    }


PAY_LOCATIONS = {"local": "2", "province": "3", "country": "4"}


def _settlement_row(call: Call, person: Person, entry: Settlement) -> Json:
    info: Json = msgspec.json.decode(entry.info)
    money: Json = msgspec.json.decode(entry.amounts)
    money["psn_pay"] = money.pop("psn_part_amt")
    money["cash_payamt"] = money.pop("psn_cash_pay")
    money.pop("hosp_part_amt")
    insured = _insured(call, entry.psn_no, entry.insutype)
    visit = call.books.one(Visit, "visit", mdtrt_id=entry.mdtrt_id, tenant=call.tenant)
    begin = visit.begntime[:10] if visit else entry.setl_time[:10]
    levels = {one.fixmedins_code: one.hosp_lv for one in institutions()}
    refunded = bool(entry.counter_of) or not entry.live
    return (
        {"setl_id": entry.setl_id, "mdtrt_id": entry.mdtrt_id}
        | face(person, call.today)
        | {
            "insutype": entry.insutype,
            "psn_type": insured.psn_type,
            "cvlserv_flag": insured.cvlserv_flag,
            "flxempe_flag": "0",
            "nwb_flag": "0",
            "insu_optins": insured.insuplc_admdvs,
            "emp_name": insured.emp_name,
            "pay_loc": PAY_LOCATIONS[info["distance"]],
            "fixmedins_code": entry.tenant,
            "fixmedins_name": info["fixmedins_name"],
            "hosp_lv": levels.get(entry.tenant, ""),
            "fixmedins_poolarea": call.envelope.mdtrtarea_admvs,
            "lmtpric_hosp_lv": "",
            "dedc_hosp_lv": "",
            "begndate": begin,
            "enddate": (visit.endtime[:10] if visit and visit.endtime else begin),
            "setl_time": entry.setl_time,
            "med_type": entry.med_type,
            "clr_way": "1",
            "refd_setl_flag": "1" if refunded else "0",
            "medins_setl_id": entry.msgid,
            "year": entry.year,
            "pool_prop_selfpay": "0.0000",
        }
        | money
        | {name: info[name] for name in told_as_uploaded("5203")}
    )


@answers("5204")
def fee_rows(call: Call) -> list[Json]:
    """Rows of a visit as a bare list; void rows are left out, setl_id is empty while unsettled."""
    data = node(call.input, "data")
    person = person_of(call, data)
    visit = _visit(call, data, person)
    rows = call.books.all(
        StoredRow, "rows_shown", mdtrt_id=visit.mdtrt_id, setl_id=maybe(data, "setl_id")
    )
    return [_fee_row(visit, row) for row in rows]


def _fee_row(visit: Visit, row: StoredRow) -> Json:
    entry = item(row.med_list_codg)
    body: Json = msgspec.json.decode(row.body)
    own = row.own_fen != 0
    return {name: str(body.get(name) or "") for name in told_as_uploaded("5204")} | {
        "mdtrt_id": visit.mdtrt_id,
        "setl_id": row.setl_id,
        "feedetl_sn": row.feedetl_sn,
        "rx_drord_no": str(body.get("rxno") or body.get("drord_no") or ""),
        "med_type": str(body.get("med_type") or visit.med_type),
        "cnt": row.cnt,
        "pric": row.pric,
        "det_item_fee_sumamt": str(from_fen(row.amount_fen)),
        "pric_uplmt_amt": f"{entry.pric_uplmt_amt:.6f}",
        "selfpay_prop": f"{1 if own else entry.selfpay_prop:.4f}",
        "fulamt_ownpay_amt": str(from_fen(row.own_fen)),
        "overlmt_amt": str(from_fen(row.over_fen)),
        "preselfpay_amt": str(from_fen(row.pre_fen)),
        "inscp_scp_amt": str(from_fen(row.scope_fen)),
        "chrgitm_lv": entry.chrgitm_lv,
        "hilist_code": row.med_list_codg,
        "hilist_name": entry.name,
        "list_type": entry.list_type,
        "med_list_codg": row.med_list_codg,
        "medins_list_name": entry.name,
        "med_chrgitm_type": entry.med_chrgitm_type,
        "prodname": "",
        "spec": entry.spec,
        "dosform_name": entry.dosform_name,
        "lmt_used_flag": entry.lmt_used_flag,
        "hosp_prep_flag": "0",
        "bas_medn_flag": entry.bas_medn_flag,
        "hi_nego_drug_flag": entry.hi_nego_drug_flag,
        "chld_medc_flag": "0",
        "list_sp_item_flag": "0",
        "drt_reim_flag": "1",
    }


@answers("5303")
def in_hospital(call: Call) -> Json:
    """People in hospital at the asking institution, admitted on or before the end of the window."""
    data = node(call.input, "data")
    day(data, "begntime")
    end = day(data, "endtime") if maybe(data, "endtime") else "9999-12-31"
    psn_no = maybe(data, "psn_no")
    if psn_no:
        person_of(call, data)
    found = call.books.all(Visit, "visits_in_hospital", tenant=call.tenant, psn_no=psn_no)
    return {"data": [_stay_row(call, v) for v in found if v.begntime[:10] <= end]}


def _stay_row(call: Call, visit: Visit) -> Json:
    person = call.books.one(Person, "person", psn_no=visit.psn_no)
    if person is None:
        raise LookupError("a visit without its person")
    insured = _insured(call, visit.psn_no, visit.insutype)
    away = insured.insuplc_admdvs[:4] != call.envelope.mdtrtarea_admvs[:4]
    shown = face(person, call.today)
    shown.pop("naty")
    return (
        {"mdtrt_id": visit.mdtrt_id}
        | shown
        | {
            "insutype": visit.insutype,
            "begndate": visit.begntime[:10],
            "med_type": visit.med_type,
            "ipt_otp_no": visit.ipt_otp_no,
            "out_flag": "1" if away else "0",
        }
    )
