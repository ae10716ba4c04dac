"""1101 person, 1201 institution, 2001 entitlement."""

import msgspec

from sandbox.facts import institutions, plan, plans
from sandbox.fields import Json, maybe, moment, node, text
from sandbox.records import Insured
from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import from_fen
from sandbox.transactions.call import Call
from sandbox.transactions.persons import (
    SOCIAL_CARD,
    age_of,
    credential_owner,
    face,
    person_of,
)
from sandbox.transactions.registry import answers


@answers("1101")
def person(call: Call) -> Json:
    """Who somebody is and how they are insured."""
    data = node(call.input, "data")
    found = credential_owner(call, data)
    if text(data, "mdtrt_cert_type") == SOCIAL_CARD and text(data, "card_sn") != found.card_sn:
        raise RefusedError("cert_mismatch")
    insured = call.books.all(Insured, "insured_of", psn_no=found.psn_no)
    return {
        "baseinfo": face(found, call.today) | {"age": age_of(found, call.today), "exp_content": ""},
        "insuinfo": [_insurance(row) for row in insured],
        "idetinfo": [
            {"psn_type_lv": "", "memo": "", "endtime": "", **row}
            for row in msgspec.json.decode(found.identities)
        ],
    }


def _insurance(row: Insured) -> Json:
    return {
        "balc": str(from_fen(row.balance_fen)),
        "insutype": row.insutype,
        "psn_type": row.psn_type,
        "psn_insu_stas": row.psn_insu_stas,
        "psn_insu_date": "2010-01-01",
        "paus_insu_date": "2026-01-01" if row.psn_insu_stas == "2" else "",
        "cvlserv_flag": row.cvlserv_flag,
        "insuplc_admdvs": row.insuplc_admdvs,
        "emp_name": row.emp_name,
    }


@answers("1201")
def institution(call: Call) -> Json:
    """Institutions by code or by a part of the name."""
    data = node(call.input, "medinsinfo")
    kind = text(data, "fixmedins_type")
    code, name = maybe(data, "fixmedins_code"), maybe(data, "fixmedins_name")
    if not (code or name):
        raise RefusedError("field_empty", field="fixmedins_code")
    rows = [
        msgspec.to_builtins(one) | {"exp_content": ""}
        for one in institutions()
        if one.fixmedins_type == kind
        and code in {"", one.fixmedins_code}
        and name in one.fixmedins_name
    ]
    return {"medinsinfo": rows}


def kind_of_care(med_type: str) -> str:
    """pharmacy, outpatient or inpatient, by the class of the med_type."""
    if med_type in {"41", "18", "93"}:
        return "pharmacy"
    return "inpatient" if med_type.startswith("2") or med_type == "52" else "outpatient"


@answers("2001")
def entitlement(call: Call) -> Json:
    """What a person may enjoy: a refusal of benefits is data, not an error."""
    data = node(call.input, "data")
    found = person_of(call, data)
    insutype, med_type = text(data, "insutype"), text(data, "med_type")
    begin = moment(data, "begntime")[:10]
    insured = call.books.one(Insured, "insured", psn_no=found.psn_no, insutype=insutype)
    if insured is None:
        raise RefusedError("not_insured", insutype=insutype)
    fund = plan(insutype, kind_of_care(med_type), med_type)
    suspended = insured.psn_insu_stas != "1"
    reason = "参保状态为暂停参保，不享受待遇" if suspended else ""
    funds = [fund.fund_pay_type]
    if insured.balance_fen:
        funds.append(plans().fund_pay_types["acct_pay"])
    return {
        "trtinfo": [
            {
                "psn_no": found.psn_no,
                "trt_chk_type": "01",
                "fund_pay_type": code,
                "trt_enjymnt_flag": "0" if suspended else "1",
                "begndate": begin,
                "enddate": "",
                "trt_chk_rslt": reason,
            }
            for code in funds
        ]
    }
