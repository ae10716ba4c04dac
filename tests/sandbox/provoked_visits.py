"""Refusals about the order of visits."""

from tests.sandbox.sandbox_hospital import Hospital
from tests.sandbox.sandbox_outpatient import Outpatient
from tests.sandbox.sandbox_provocations import runs_into
from tests.sandbox.sandbox_stay import Stay


def registered(hospital: Hospital) -> Outpatient:
    """O2."""
    visit = Outpatient(hospital)
    visit.register()
    visit.inform()
    return visit


def admitted(hospital: Hospital) -> Stay:
    """H1."""
    stay = Stay(hospital)
    stay.admit()
    return stay


@runs_into("visit_unknown")
def a_visit_nobody_knows(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.mdtrt_id = "SBXM0"
    visit.inform()


@runs_into("visit_unknown")
def a_stay_asked_as_an_outpatient_visit(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.mdtrt_id = admitted(hospital).mdtrt_id
    visit.inform()


@runs_into("visit_unknown")
def a_registration_cancelled_under_another_number(hospital: Hospital) -> None:
    registered(hospital).unregister(ipt_otp_no="OP2")


@runs_into("visit_person")
def a_visit_of_somebody_else(hospital: Hospital) -> None:
    visit = registered(hospital)
    hospital.receive("retired")
    visit.inform()


@runs_into("ipt_otp_no_repeated")
def a_hospital_number_twice(hospital: Hospital) -> None:
    registered(hospital)
    Outpatient(hospital).register()


@runs_into("order")
def rows_before_the_visit_information(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.register()
    visit.upload()


@runs_into("order")
def visit_information_after_rows(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload()
    visit.inform()


@runs_into("order")
def a_change_of_the_admission_after_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.discharge()
    stay.change()


@runs_into("order")
def an_interim_settlement_after_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.discharge()
    stay.settle(mid="1")


@runs_into("order")
def a_final_settlement_without_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.settle()


@runs_into("order")
def a_special_attribute_after_rows(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.special()
    stay.upload()
    stay.special()


@runs_into("order")
def a_discharged_stay_cannot_be_cancelled(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.discharge()
    stay.cancel_admission()


@runs_into("order_done")
def a_registration_cancelled_twice(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.unregister()
    visit.unregister()


@runs_into("order_done")
def an_admission_cancelled_twice(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.cancel_admission()
    stay.cancel_admission()


@runs_into("order_discharged")
def rows_after_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.discharge()
    stay.upload()


@runs_into("order_discharged")
def removal_of_rows_after_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.discharge()
    stay.remove()


@runs_into("order_rows")
def a_registration_with_rows_cannot_be_cancelled(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload()
    visit.unregister()


@runs_into("order_rows")
def an_admission_with_rows_cannot_be_cancelled(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.cancel_admission()


@runs_into("order_settled")
def a_settled_registration_cannot_be_cancelled(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_settled()
    visit.unregister()


@runs_into("order_settled")
def settled_rows_cannot_be_removed(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_settled()
    visit.remove("B1")


@runs_into("order_settled")
def a_settled_stay_cannot_be_opened(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.until_settled()
    stay.readmit()


@runs_into("order_presettle")
def a_2207_without_2206(hospital: Hospital) -> None:
    visit = registered(hospital)
    visit.upload()
    visit.settle()


@runs_into("order_presettle")
def a_2304_without_2303(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.upload()
    stay.discharge()
    stay.settle()


@runs_into("main_diagnosis")
def an_admission_without_main_diagnosis(hospital: Hospital) -> None:
    stay = Stay(hospital)
    data = hospital.credential() | stay._ward() | {"ipt_no": "IP9"}
    (row,) = stay._diagnosis()
    given = {"mdtrtinfo": data, "diseinfo": [row | {"maindiag_flag": "0"}]}
    hospital.ask("2401", given)


@runs_into("already_discharged")
def a_second_discharge(hospital: Hospital) -> None:
    stay = admitted(hospital)
    stay.discharge()
    stay.discharge()


@runs_into("not_discharged")
def an_open_stay_cannot_be_opened(hospital: Hospital) -> None:
    admitted(hospital).readmit()
