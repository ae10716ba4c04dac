"""2601: what it undoes, what it brings back, and when it says no."""

import pytest

from tests.sandbox.sandbox_hospital import Hospital, RefusalError
from tests.sandbox.sandbox_outpatient import Outpatient, purchase, reverse, settlement_row
from tests.sandbox.sandbox_stay import Stay


def test_a_reversed_purchase_leaves_nothing_behind(hospital: Hospital) -> None:
    before = hospital.account()
    info = hospital.ask("2102", purchase(hospital))["setlinfo"]
    omsgid = hospital.last_msgid
    reverse(hospital, omsgid, "2102")
    assert hospital.account() == before
    judged = hospital.judgement(omsgid)
    assert judged["committed"]
    assert not judged["live"]
    assert judged["undone_by"] == hospital.last_msgid
    shown = settlement_row(hospital, info["setl_id"], info["mdtrt_id"])
    assert shown["refd_setl_flag"] == "1"
    assert shown["medins_setl_id"] == omsgid


def test_a_second_reversal_is_told_that_it_is_done_already(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    reverse(hospital, omsgid, "2102")
    with pytest.raises(RefusalError, match="退费结算标志不为未退费"):
        reverse(hospital, omsgid, "2102")


def test_a_message_nobody_recorded_cannot_be_reversed(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    with pytest.raises(RefusalError, match="未找到"):
        reverse(hospital, hospital.msgid(), "2102")
    with pytest.raises(RefusalError, match="未找到"):
        reverse(hospital, omsgid, "2102A")
    other = hospital.patient
    hospital.receive("retired")
    with pytest.raises(RefusalError, match="未找到"):
        reverse(hospital, omsgid, "2102")
    hospital.patient = other
    reverse(hospital, omsgid, "2102")


def test_another_institution_cannot_reverse_it(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    with Hospital(hospital.centre) as other:
        other.patient = hospital.patient
        other.sign_in()
        with pytest.raises(RefusalError, match="未找到"):
            reverse(other, omsgid, "2102")


@pytest.mark.parametrize("oinfno", ["2207A", "2201", "2204", "2601", "9001"])
def test_what_is_on_no_list_is_not_reversible(hospital: Hospital, oinfno: str) -> None:
    with pytest.raises(RefusalError, match="不支持冲正"):
        reverse(hospital, hospital.msgid(), oinfno)


def test_a_reversed_2207_gives_the_batch_back_and_its_numbers_stay_taken(
    hospital: Hospital,
) -> None:
    before = hospital.account()
    visit = Outpatient(hospital)
    visit.until_settled()
    reverse(hospital, hospital.last_msgid, "2207")
    assert hospital.account() == before
    assert [row["setl_id"] for row in visit.fee_rows()] == ["", ""]
    rows = visit.rows["B1"]
    visit.remove("B1")
    assert visit.fee_rows() == []
    with pytest.raises(RefusalError, match="重复"):
        visit.upload("B1", rows)


def test_a_batch_given_back_can_be_settled_again(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    first = visit.until_settled()["setl_id"]
    reverse(hospital, hospital.last_msgid, "2207")
    visit.forecast()
    assert visit.settle()["setlinfo"]["setl_id"] != first


def test_reversing_a_cancel_brings_the_outpatient_settlement_back(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    setl_id = visit.until_settled()["setl_id"]
    settled = hospital.account()
    visit.cancel(setl_id)
    cancel = hospital.last_msgid
    reverse(hospital, cancel, "2208")
    assert hospital.account() == settled
    assert settlement_row(hospital, setl_id, visit.mdtrt_id)["refd_setl_flag"] == "0"
    assert {row["setl_id"] for row in visit.fee_rows()} == {setl_id}
    assert not hospital.judgement(cancel)["live"]
    with pytest.raises(RefusalError, match="退费结算标志不为未退费"):
        reverse(hospital, cancel, "2208")
    visit.cancel(setl_id)


def test_reversing_a_cancelled_purchase_brings_it_back(hospital: Hospital) -> None:
    info = hospital.ask("2102", purchase(hospital))["setlinfo"]
    settled = hospital.account()
    ids = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    hospital.ask("2103", {"data": ids})
    reverse(hospital, hospital.last_msgid, "2103")
    assert hospital.account() == settled
    hospital.ask("2103", {"data": ids})


def test_reversing_a_2305_brings_the_settlement_of_the_stay_back(hospital: Hospital) -> None:
    stay = Stay(hospital)
    setl_id = stay.until_settled()["setl_id"]
    settled = hospital.account()
    stay.cancel(setl_id)
    reverse(hospital, hospital.last_msgid, "2305")
    assert hospital.account() == settled
    with pytest.raises(RefusalError, match="已结算"):
        stay.readmit()


def test_a_cancel_the_visit_has_moved_on_from_cannot_be_reversed(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.cancel(stay.until_settled()["setl_id"])
    cancel = hospital.last_msgid
    stay.readmit()
    with pytest.raises(RefusalError, match="不能冲正"):
        reverse(hospital, cancel, "2305")


def test_a_cancel_cannot_be_reversed_once_the_account_is_spent(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.cancel(visit.until_settled()["setl_id"])
    cancel = hospital.last_msgid
    balance = hospital.account()["balance_fen"]
    stay = Stay(hospital)
    stay.admit()
    stay.upload()
    stay.settle(mid="1")
    assert hospital.account()["balance_fen"] < balance
    while hospital.account()["balance_fen"] >= 16535:
        hospital.ask("2102", purchase(hospital))
    with pytest.raises(RefusalError, match="余额不足"):
        reverse(hospital, cancel, "2208")


def test_an_interim_settlement_is_reversed_without_ending_the_stay(hospital: Hospital) -> None:
    before = hospital.account()
    stay = Stay(hospital)
    stay.admit()
    stay.upload()
    stay.settle(mid="1")
    reverse(hospital, hospital.last_msgid, "2304")
    assert hospital.account() == before
    (row,) = hospital.centre.get("books/visits", tenant=hospital.code)
    assert row["state"] == "H1"


def test_a_reversed_admission_is_gone_and_rows_forbid_it(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.admit()
    admission = hospital.last_msgid
    assert hospital.judgement(admission)["live"]
    stay.upload()
    with pytest.raises(RefusalError, match="不能冲正"):
        reverse(hospital, admission, "2401")
    stay.remove()
    reverse(hospital, admission, "2401")
    assert not hospital.judgement(admission)["live"]
    with pytest.raises(RefusalError, match="退费结算标志不为未退费"):
        reverse(hospital, admission, "2401")
