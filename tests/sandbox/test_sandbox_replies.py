"""Replies hold what the catalogue says they hold, and queries tell what was uploaded."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from schemas.catalogue import load
from schemas.nodes import Node
from tests.sandbox.sandbox_fees import diagnosis
from tests.sandbox.sandbox_hospital import TIME, Hospital, Json
from tests.sandbox.sandbox_outpatient import Outpatient, purchase
from tests.sandbox.sandbox_stay import Stay

CATALOGUE = load("yunnan")

Replies = dict[str, object]


def pharmacy(hospital: Hospital, replies: Replies) -> None:
    replies["2101"] = hospital.ask("2101", purchase(hospital))
    for infno in ("2102", "2102A"):
        output = hospital.ask(infno, purchase(hospital))
        replies[infno] = output
    info = output["setlinfo"]
    ids = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    replies["2103"] = hospital.ask("2103", {"data": ids})


def outpatient(hospital: Hospital, replies: Replies) -> None:
    visit = Outpatient(hospital)
    visit.register()
    visit.inform()
    replies["2204"] = {"result": visit.upload()}
    replies["2206"] = visit.forecast()
    replies["2206A"] = visit.forecast(infno="2206A")
    settled = visit.settle()
    replies["2207"] = settled
    setl_id = settled["setlinfo"]["setl_id"]
    ids = visit.ids()
    window = {"begntime": TIME, "endtime": TIME, "med_type": "11"}
    replies["5201"] = hospital.ask("5201", {"data": ids | window})
    replies["5202"] = hospital.ask("5202", {"data": ids})
    replies["5203"] = hospital.ask("5203", {"data": ids | {"setl_id": setl_id}})
    replies["5204"] = hospital.ask("5204", {"data": ids})
    replies["2208"] = visit.cancel(setl_id)
    visit.forecast()
    replies["2207A"] = visit.settle(infno="2207A")


def stay(hospital: Hospital, replies: Replies) -> None:
    one = Stay(hospital)
    one.admit()
    one.change(adm_bed="14")
    replies["2406"] = one.special()
    replies["5303"] = hospital.ask("5303", {"data": {"psn_no": "", "begntime": TIME}})
    replies["2301"] = {"result": one.upload()}
    one.discharge()
    replies["2303"] = one.forecast()
    replies["2303A"] = one.forecast(infno="2303A")
    settled = one.settle()
    replies["2304"] = settled
    replies["2305"] = one.cancel(settled["setlinfo"]["setl_id"])
    one.forecast()
    replies["2304A"] = one.settle(infno="2304A")


def people(hospital: Hospital, replies: Replies) -> None:
    hospital.receive("assisted")
    replies["1101"] = hospital.ask("1101", {"data": hospital.credential()})
    asked = {"fixmedins_type": "1", "fixmedins_name": "示例"}
    replies["1201"] = hospital.ask("1201", {"medinsinfo": asked})
    data = {
        "psn_no": hospital.patient.psn_no,
        "insutype": "390",
        "fixmedins_code": hospital.code,
        "med_type": "11",
        "begntime": TIME,
    }
    replies["2001"] = hospital.ask("2001", {"data": data})


def missing(node: Node, value: object, path: str) -> list[str]:
    """Mandatory output fields that are absent, and places where the shape is another."""
    if node.repeat:
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [fault for row in value for fault in missing_in(node, row, path)]
    return missing_in(node, value, path)


def missing_in(node: Node, value: object, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    faults = [
        f"{path}.{field.name}"
        for field in node.fields
        if field.required and value.get(field.name) is None
    ]
    for inner in node.nodes:
        faults += missing(inner, value.get(inner.name), f"{path}.{inner.name}")
    return faults


@pytest.mark.parametrize("part", [people, pharmacy, outpatient, stay])
def test_every_mandatory_field_of_a_reply_is_there(
    hospital: Hospital, part: Callable[[Hospital, Replies], None]
) -> None:
    replies: Replies = {}
    part(hospital, replies)
    for infno, output in replies.items():
        assert missing(CATALOGUE[infno].outputs, output, infno) == []
        CATALOGUE[infno].decode_output(output)


def test_5201_and_5303_tell_admitted_from_discharged(hospital: Hospital) -> None:
    one = Stay(hospital)
    one.admit()
    asked = {"psn_no": hospital.patient.psn_no, "begntime": TIME, "endtime": TIME}
    (row,) = hospital.ask("5201", {"data": asked | {"med_type": "21"}})["mdtrtinfo"]
    assert (row["inhosp_stas"], row["ipt_otp_no"]) == ("1", "IP1")
    assert len(hospital.ask("5303", {"data": asked})["data"]) == 1
    one.upload()
    one.discharge()
    (row,) = hospital.ask("5201", {"data": asked | {"med_type": "21"}})["mdtrtinfo"]
    assert row["inhosp_stas"] == "0"
    assert hospital.ask("5303", {"data": asked})["data"] == []
    window = {"begntime": "2026-01-02 00:00:00", "endtime": "2026-01-03 00:00:00"}
    outside = asked | window | {"med_type": "21"}
    assert hospital.ask("5201", {"data": outside})["mdtrtinfo"] == []


def test_5202_leaves_out_a_diagnosis_that_was_voided(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.register()
    visit.inform()
    assert len(hospital.ask("5202", {"data": visit.ids()})["diseinfo"]) == 1
    data = visit.ids() | {"med_type": "11", "begntime": TIME, "dise_codg": "", "dise_name": ""}
    given = {"mdtrtinfo": data, "diseinfo": [diagnosis(vali_flag="0")]}
    hospital.ask("2203", given)
    assert hospital.ask("5202", {"data": visit.ids()})["diseinfo"] == []


def test_2001_tells_a_suspended_insurance_as_data(hospital: Hospital) -> None:
    hospital.receive("suspended")
    data = {
        "psn_no": hospital.patient.psn_no,
        "insutype": "310",
        "fixmedins_code": hospital.code,
        "med_type": "11",
        "begntime": TIME,
    }
    rows = hospital.ask("2001", {"data": data})["trtinfo"]
    assert {row["trt_enjymnt_flag"] for row in rows} == {"0"}
    assert all(row["trt_chk_rslt"] for row in rows)


@pytest.mark.parametrize(
    ("role", "pay_loc", "share"),
    [("employee", "2", "0.85"), ("other_city", "3", "0.80"), ("other_province", "4", "0.80")],
)
def test_care_away_from_home_is_paid_less_and_says_where(
    hospital: Hospital, role: str, pay_loc: str, share: str
) -> None:
    hospital.receive(role)
    one = Stay(hospital)
    info: Json = one.until_settled()
    base = Decimal(info["inscp_scp_amt"]) - Decimal(info["act_pay_dedc"])
    expected = (base * Decimal(share)).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert Decimal(info["hifp_pay"]) == expected
    data = one.ids() | {"setl_id": info["setl_id"]}
    assert hospital.ask("5203", {"data": data})["setlinfo"]["pay_loc"] == pay_loc
