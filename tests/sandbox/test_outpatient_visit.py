"""An outpatient visit from registration to cancellation, over real HTTP."""

from decimal import Decimal

import pytest
from sandbox_hospital import Hospital, Refusal, person
from sandbox_visits import Outpatient


def test_a_visit_settles_and_the_books_agree_with_the_reply(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    info = visit.settle()["setlinfo"]
    assert info["medfee_sumamt"] == "165.35"
    assert info["preselfpay_amt"] == "12.83"
    assert info["act_pay_dedc"] == "152.52"
    assert info["acct_pay"] == "165.35"
    assert info["medins_setl_id"] == hospital.last_msgid
    judged = hospital.centre.judgement(hospital.last_msgid)
    assert judged["committed"]
    assert judged["live"]
    assert judged["answered"]
    assert judged["setl_id"] == info["setl_id"]


def test_an_evoucher_pays_the_visit_without_a_verification(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.register(cert="01")
    visit.inform()
    visit.upload()
    visit.forecast(cert="01")
    assert visit.settle(cert="01")["setlinfo"]["psn_cash_pay"] == "0.00"


def test_cancelling_a_settlement_restores_balance_and_accumulators(hospital: Hospital) -> None:
    who = person("employee").psn_no
    before = hospital.centre.get("books/people", psn_no=who)
    visit = Outpatient(hospital)
    visit.until_forecast()
    setl_id = visit.settle()["setlinfo"]["setl_id"]
    assert hospital.centre.get("books/people", psn_no=who) != before
    undone = visit.cancel(setl_id)["setlinfo"]
    assert Decimal(undone["medfee_sumamt"]) == Decimal("-165.35")
    assert undone["setl_id"] != setl_id
    assert hospital.centre.get("books/people", psn_no=who) == before
    with pytest.raises(Refusal, match="退费结算标志不为未退费"):
        visit.cancel(setl_id)


def test_batches_of_one_registration_are_settled_each_on_its_own(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    first = visit.settle()["setlinfo"]["setl_id"]
    visit.upload("B2")
    visit.forecast("B2")
    second = visit.settle("B2")["setlinfo"]["setl_id"]
    rows = hospital.ask("5204", {"data": visit.ids()})
    assert [row["setl_id"] for row in rows] == [first, first, second, second]


def test_everything_can_be_undone_in_order(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    visit.cancel(visit.settle()["setlinfo"]["setl_id"])
    visit.remove()
    visit.unregister()
    assert hospital.centre.get("books/visits")[0]["state"] == "O0"
    with pytest.raises(Refusal, match="重复撤销"):
        visit.unregister()
