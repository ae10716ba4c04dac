"""Whole visits from registration to cancellation, over real HTTP."""

from decimal import Decimal

import msgspec
import pytest

from tests.sandbox.sandbox_fees import worked_example
from tests.sandbox.sandbox_hospital import Hospital, Json, RefusalError, seeded
from tests.sandbox.sandbox_outpatient import Outpatient, purchase, reverse, settlement_row
from tests.sandbox.sandbox_stay import Stay


def pharmacy_cancel(hospital: Hospital, info: Json) -> Json:
    data = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    output: Json = hospital.ask("2103", {"data": data})
    return output


def test_a_visit_settles_and_the_books_agree_with_the_reply(hospital: Hospital) -> None:
    info = Outpatient(hospital).until_settled()
    assert info["medfee_sumamt"] == "165.35"
    assert info["preselfpay_amt"] == "12.83"
    assert info["act_pay_dedc"] == "152.52"
    assert info["acct_pay"] == "165.35"
    assert info["medins_setl_id"] == hospital.last_msgid
    judged = hospital.judgement()
    assert judged["committed"]
    assert judged["live"]
    assert judged["answered"]
    assert judged["setl_id"] == info["setl_id"]


@pytest.mark.parametrize("cert", ["01", "03"])
def test_an_evoucher_or_a_card_pays_without_a_verification(hospital: Hospital, cert: str) -> None:
    visit = Outpatient(hospital)
    visit.register(cert=cert)
    visit.inform("2203A")
    visit.upload()
    visit.forecast(cert=cert, infno="2206A")
    assert visit.settle(cert=cert, infno="2207A")["setlinfo"]["psn_cash_pay"] == "0.00"


def test_cancelling_a_settlement_restores_balance_and_accumulators(hospital: Hospital) -> None:
    before = hospital.account()
    visit = Outpatient(hospital)
    setl_id = visit.until_settled()["setl_id"]
    assert hospital.account() != before
    undone = visit.cancel(setl_id)["setlinfo"]
    assert Decimal(undone["medfee_sumamt"]) == Decimal("-165.35")
    assert undone["setl_id"] != setl_id
    assert hospital.account() == before
    assert settlement_row(hospital, setl_id, visit.mdtrt_id)["refd_setl_flag"] == "1"
    with pytest.raises(RefusalError, match="退费结算标志不为未退费"):
        visit.cancel(setl_id)


def test_the_yearly_deductible_is_used_up_and_comes_back_with_a_cancel(hospital: Hospital) -> None:
    visits = [Outpatient(hospital, f"OP{n}") for n in range(3)]
    infos = [visit.until_settled() for visit in visits]
    assert [info["act_pay_dedc"] for info in infos] == ["152.52", "152.52", "94.96"]
    assert infos[2]["hifp_pay"] == "34.54"
    assert hospital.account()["dedc_fen"] == 40000
    visits[0].cancel(infos[0]["setl_id"])
    assert hospital.account()["dedc_fen"] == 24748
    assert Outpatient(hospital, "OP4").until_settled()["act_pay_dedc"] == "152.52"


def test_batches_of_one_registration_are_settled_each_on_its_own(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    first = visit.until_settled()["setl_id"]
    visit.upload("B2")
    assert [row["setl_id"] for row in visit.fee_rows()] == [first, first, "", ""]
    visit.forecast("B2")
    second = visit.settle("B2")["setlinfo"]["setl_id"]
    assert [row["setl_id"] for row in visit.fee_rows()] == [first, first, second, second]
    visit.cancel(first)
    assert [row["setl_id"] for row in visit.fee_rows()] == ["", "", second, second]


def test_an_outpatient_visit_is_undone_in_order(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.cancel(visit.until_settled()["setl_id"])
    visit.remove()
    visit.unregister()
    (row,) = hospital.centre.get("books/visits", tenant=hospital.code)
    assert row["state"] == "O0"
    with pytest.raises(RefusalError, match="重复撤销"):
        visit.unregister()


def test_a_purchase_settles_is_listed_and_can_be_cancelled(hospital: Hospital) -> None:
    before = hospital.account()
    told = hospital.ask("2101", purchase(hospital))["setlinfo"]
    output = hospital.ask("2102", purchase(hospital))
    info = output["setlinfo"]
    assert "hosp_part_amt" not in info
    assert told["psn_part_amt"] == info["psn_part_amt"]
    assert [row["preselfpay_amt"] for row in output["detlcutinfo"]] == ["0.00", "12.83"]
    window = {"begntime": "2026-01-01 00:00:00", "endtime": "2026-01-01 23:59:59"}
    asked = {"psn_no": hospital.patient.psn_no, "med_type": "41"} | window
    (listed,) = hospital.ask("5201", {"data": asked})["mdtrtinfo"]
    assert listed["mdtrt_id"] == info["mdtrt_id"]
    pharmacy_cancel(hospital, info)
    assert hospital.account() == before
    rows = hospital.ask(
        "5204", {"data": {"psn_no": hospital.patient.psn_no, "mdtrt_id": info["mdtrt_id"]}}
    )
    assert rows == []


def test_the_same_purchase_under_two_message_numbers_settles_twice(hospital: Hospital) -> None:
    first = hospital.ask("2102A", purchase(hospital))["setlinfo"]["setl_id"]
    second = hospital.ask("2102A", purchase(hospital))["setlinfo"]["setl_id"]
    assert first != second
    assert len(hospital.centre.get("books/settlements", tenant=hospital.code)) == 2


def test_a_stay_reproduces_the_worked_example_to_the_cent(hospital: Hospital) -> None:
    (own,) = seeded("civil_servant").insured
    aided = msgspec.structs.replace(own, mutual_aid=Decimal("200.00"))
    hospital.receive("civil_servant", insured=(aided,))
    stay = Stay(hospital)
    stay.admit()
    stay.upload()
    stay.discharge()
    stay.forecast(acct_used_flag="2")
    info = stay.settle(acct_used_flag="2")["setlinfo"]
    expected = {
        "medfee_sumamt": "4563.50",
        "fulamt_ownpay_amt": "260.00",
        "overlmt_selfpay": "600.00",
        "preselfpay_amt": "492.83",
        "inscp_scp_amt": "3210.67",
        "act_pay_dedc": "880.00",
        "hifp_pay": "1981.07",
        "cvlserv_pay": "174.80",
        "fund_pay_sumamt": "2155.87",
        "hosp_part_amt": "0.00",
        "psn_part_amt": "2407.63",
        "acct_pay": "1500.00",
        "acct_mulaid_pay": "200.00",
        "psn_cash_pay": "907.63",
        "balc": "0.00",
    }
    assert {name: info[name] for name in expected} == expected


def test_a_stay_is_undone_in_order(hospital: Hospital) -> None:
    before = hospital.account()
    stay = Stay(hospital)
    stay.cancel(stay.until_settled()["setl_id"])
    stay.readmit()
    stay.remove()
    stay.cancel_admission()
    assert hospital.account() == before
    (row,) = hospital.centre.get("books/visits", tenant=hospital.code)
    assert row["state"] == "H0"
    with pytest.raises(RefusalError, match="重复撤销"):
        stay.cancel_admission()


def test_an_interim_settlement_freezes_its_rows_and_the_final_one_takes_the_rest(
    hospital: Hospital,
) -> None:
    stay = Stay(hospital)
    stay.admit()
    stay.upload()
    interim = stay.settle(mid="1")["setlinfo"]
    assert interim["act_pay_dedc"] == "880.00"
    frozen = stay.rows
    stay.rows = []
    with pytest.raises(RefusalError, match="已结算"):
        stay.upload([worked_example()[4] | {"feedetl_sn": "99"}])
    with pytest.raises(RefusalError, match="已结算"):
        stay.remove("12")
    stay.upload(worked_example("2"))
    stay.discharge()
    stay.forecast(infno="2303A")
    final = stay.settle(infno="2304A")["setlinfo"]
    assert final["act_pay_dedc"] == "0.00"
    settled = {row["setl_id"] for row in stay.fee_rows()}
    assert settled == {interim["setl_id"], final["setl_id"]}
    assert len(frozen) + len(stay.rows) == len(stay.fee_rows())


def test_after_a_reversed_2304_the_rows_are_void_and_the_patient_stays_discharged(
    hospital: Hospital,
) -> None:
    before = hospital.account()
    stay = Stay(hospital)
    setl_id = stay.until_settled()["setl_id"]
    reverse(hospital, hospital.last_msgid, "2304")
    assert hospital.account() == before
    assert stay.fee_rows() == []
    assert settlement_row(hospital, setl_id, stay.mdtrt_id)["refd_setl_flag"] == "1"
    with pytest.raises(RefusalError, match="出院"):
        stay.upload(worked_example("2"))
    stay.readmit()
    with pytest.raises(RefusalError, match="重复"):
        stay.upload(worked_example("1"))
    stay.rows = []
    stay.upload(worked_example("2"))
    stay.discharge()
    stay.forecast()
    assert stay.settle()["setlinfo"]["setl_id"] != setl_id
