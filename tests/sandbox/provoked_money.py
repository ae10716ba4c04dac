"""Refusals about fee rows, settlements and reversals."""

from tests.sandbox.provoked_visits import admitted, registered
from tests.sandbox.sandbox_fees import DRUG_1, fee, two_rows, worked_example
from tests.sandbox.sandbox_hospital import Hospital
from tests.sandbox.sandbox_outpatient import Outpatient, purchase, reverse
from tests.sandbox.sandbox_provocations import runs_into
from tests.sandbox.sandbox_stay import Stay


def row(sn: str = "11", cnt: str = "1", amount: str = "2.00", **more: str) -> list[dict[str, str]]:
    """One row of 2.00 a piece."""
    return [fee(sn, DRUG_1, cnt, "2", amount, **more)]


@runs_into("row_repeated")
def a_row_number_used_before(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload("B1", two_rows("1"))
    visit.upload("B2", two_rows("1"))


@runs_into("row_repeated")
def a_row_number_twice_in_one_call(hospital: Hospital) -> None:
    admitted(hospital).upload(row() + row())


@runs_into("row_repeated")
def a_row_number_twice_in_one_purchase(hospital: Hospital) -> None:
    given = purchase(hospital)
    given["drugdetail"].append(given["drugdetail"][0])
    hospital.ask("2102", given)


@runs_into("row_amount")
def a_row_one_cent_off(hospital: Hospital) -> None:
    admitted(hospital).upload(row(amount="2.01"))


@runs_into("row_amount")
def a_row_rounded_half_even(hospital: Hospital) -> None:
    admitted(hospital).upload([fee("1", DRUG_1, "1", "0.125", "0.12")])


@runs_into("row_sign")
def a_row_of_nothing(hospital: Hospital) -> None:
    admitted(hospital).upload(row(cnt="0", amount="0.00"))


@runs_into("batch_known")
def a_batch_in_two_calls(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload("B1", two_rows("1"))
    visit.upload("B1", two_rows("2"))


@runs_into("batch_unknown")
def a_forecast_of_a_batch_nobody_uploaded(hospital: Hospital) -> None:
    registered(hospital).forecast("B9")


@runs_into("batch_disease")
def a_batch_with_two_diseases(hospital: Hospital) -> None:
    rows = row("11", dise_codg="M03900") + row("12", dise_codg="M01600")
    registered(hospital).upload("B1", rows)


@runs_into("refund_without_original")
def a_refund_of_nothing(hospital: Hospital) -> None:
    admitted(hospital).upload(row(cnt="-1", amount="-2.00"))


@runs_into("refund_unknown_original")
def a_refund_of_an_unknown_row(hospital: Hospital) -> None:
    admitted(hospital).upload(row(cnt="-1", amount="-2.00", init_feedetl_sn="99"))


@runs_into("refund_of_settled")
def a_refund_of_a_settled_row(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload(row())
    stay.settle(mid="1")
    stay.upload(row("12", "-1", "-2.00", init_feedetl_sn="11"))


@runs_into("refund_price")
def a_refund_at_another_price(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload(row())
    stay.upload([fee("12", DRUG_1, "-1", "1", "-1.00", init_feedetl_sn="11")])


@runs_into("refund_too_much")
def more_refunds_than_charged(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload(row())
    stay.upload(row("12", "-1", "-2.00", init_feedetl_sn="11"))
    stay.upload(row("13", "-1", "-2.00", init_feedetl_sn="11"))


@runs_into("refund_too_much")
def more_refunds_than_charged_in_one_call(hospital: Hospital) -> None:
    refunds = [row(sn, "-1", "-2.00", init_feedetl_sn="11")[0] for sn in ("12", "13")]
    admitted(hospital).upload(row() + refunds)


@runs_into("refund_here")
def a_refund_in_an_outpatient_batch(hospital: Hospital) -> None:
    registered(hospital).upload("B1", row(cnt="-1", amount="-2.00", init_feedetl_sn="11"))


@runs_into("rows_too_many")
def a_hundred_and_one_rows(hospital: Hospital) -> None:
    stay = admitted(hospital)
    rows = [stay.ids() | {"feedetl_sn": str(n)} for n in range(101)]
    hospital.ask("2301", {"feedetail": rows})


@runs_into("rows_many_visits")
def rows_of_two_visits_in_one_call(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload("B1", row("11") + row("12", mdtrt_id="SBXM0"))


@runs_into("nothing_to_delete")
def removal_where_no_row_is(hospital: Hospital) -> None:
    admitted(hospital).remove()


@runs_into("nothing_to_delete")
def removal_of_batches_where_none_is(hospital: Hospital) -> None:
    registered(hospital).remove()


@runs_into("nothing_to_delete")
def removal_of_the_rest_when_all_is_settled(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.settle(mid="1")
    stay.remove()


@runs_into("row_settled")
def removal_of_a_settled_row(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.settle(mid="1")
    stay.remove("11")


@runs_into("row_has_refund")
def removal_of_a_refunded_row(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.remove("11")


@runs_into("row_unknown")
def removal_of_an_unknown_row(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.remove("99")


@runs_into("nothing_to_settle")
def a_stay_without_rows(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.discharge()
    stay.forecast()


@runs_into("sum_mismatch")
def a_total_one_cent_off(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload()
    visit.forecast(medfee_sumamt="165.36")


@runs_into("sum_mismatch")
def a_settlement_of_another_total(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.until_forecast()
    stay.settle(medfee_sumamt="4563.49")


@runs_into("sum_negative")
def refunds_piece_by_piece_that_leave_a_cent(hospital: Hospital) -> None:
    stay = admitted(hospital)
    charge = [fee("1", DRUG_1, "3", "1.115", "3.35")]
    back = [fee(str(n), DRUG_1, "-1", "1.115", "-1.12", init_feedetl_sn="1") for n in range(2, 5)]
    stay.upload(charge + back)
    stay.forecast()


@runs_into("already_settled")
def a_batch_settled_twice(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_settled()
    visit.settle()


@runs_into("already_settled")
def a_stay_settled_twice(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.until_settled()
    stay.settle()


@runs_into("settlement_undone")
def a_settlement_cancelled_twice(hospital: Hospital) -> None:
    stay = Stay(hospital)
    setl_id = stay.until_settled()["setl_id"]
    stay.cancel(setl_id)
    stay.cancel(setl_id)


@runs_into("insutype_changed")
def another_insurance_than_at_registration(hospital: Hospital) -> None:
    hospital.receive("two_insurances")
    visit = registered(hospital)
    visit.upload()
    visit.forecast(insutype="510")


@runs_into("balance_short")
def a_cancel_reversed_after_the_account_is_spent(hospital: Hospital) -> None:
    hospital.receive("retired")
    stay = Stay(hospital)
    stay.cancel(stay.until_settled()["setl_id"])
    cancel = hospital.last_msgid
    hospital.ask("2102", purchase(hospital))
    reverse(hospital, cancel, "2305")


@runs_into("reversal_kind")
def a_reversal_of_2204(hospital: Hospital) -> None:
    reverse(hospital, hospital.msgid(), "2204")


@runs_into("reversal_nothing")
def a_reversal_of_an_unknown_message(hospital: Hospital) -> None:
    reverse(hospital, hospital.msgid(), "2207")


@runs_into("reversal_nothing")
def a_reversal_of_an_unknown_admission(hospital: Hospital) -> None:
    reverse(hospital, hospital.msgid(), "2401")


@runs_into("reversal_done")
def a_second_reversal(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    reverse(hospital, omsgid, "2102")
    reverse(hospital, omsgid, "2102")


@runs_into("reversal_state")
def a_reversal_of_an_admission_with_rows(hospital: Hospital) -> None:
    stay = admitted(hospital)
    admission = hospital.last_msgid
    stay.upload(worked_example())
    reverse(hospital, admission, "2401")


@runs_into("reversal_scripted")
def a_reversal_the_script_refuses(hospital: Hospital) -> None:
    hospital.fault("2601", "refuse_reversal")
    reverse(hospital, hospital.msgid(), "2207")


@runs_into("system_error")
def a_scripted_system_error(hospital: Hospital) -> None:
    hospital.fault("2102", "system_error")
    hospital.ask("2102", purchase(hospital))
