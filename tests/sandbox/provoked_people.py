"""Refusals about envelopes, sign-ins, credentials and people."""

from tests.sandbox.sandbox_hospital import Hospital, RefusalError
from tests.sandbox.sandbox_outpatient import Outpatient, purchase, settlement_row
from tests.sandbox.sandbox_provocations import runs_into
from tests.sandbox.sandbox_stay import Stay

DAY_S = 86_400


def refused_bytes(hospital: Hospital, body: bytes) -> None:
    raise RefusalError(hospital.post(body).json())


@runs_into("not_json")
def garbage(hospital: Hospital) -> None:
    refused_bytes(hospital, b"\xff{")


@runs_into("not_json")
def a_list(hospital: Hospital) -> None:
    refused_bytes(hospital, b"[]")


@runs_into("not_json")
def deep_nesting(hospital: Hospital) -> None:
    refused_bytes(hospital, b"[" * 50_000 + b"]" * 50_000)


@runs_into("too_large")
def a_large_request(hospital: Hospital) -> None:
    refused_bytes(hospital, b" " * 409_601)


@runs_into("field_empty")
def no_operator_name(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), opter_name="")


@runs_into("field_empty")
def no_input(hospital: Hospital) -> None:
    hospital.ask("2102", {})


@runs_into("field_empty")
def no_area_of_the_insurance(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), insuplc_admdvs="")


@runs_into("field_format")
def time_without_seconds(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), inf_time="2026-01-01 08:00")


@runs_into("field_format")
def input_as_text(hospital: Hospital) -> None:
    hospital.ask("2102", {}, input="{}")


@runs_into("field_format")
def verification_for_nothing(hospital: Hospital) -> None:
    hospital.verify("1101")


@runs_into("field_fault", place="hospital")
def a_field_too_long_for_the_catalogue(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, med_type="4141414"))


@runs_into("msgid_shape")
def a_short_msgid(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), msgid=hospital.msgid()[:-1])


@runs_into("msgid_shape")
def a_msgid_of_another_institution(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), msgid=f"X{hospital.msgid()[1:]}")


@runs_into("msgid_repeated")
def the_same_message_twice(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    hospital.ask("2102", purchase(hospital), msgid=hospital.last_msgid)


@runs_into("msgid_repeated")
def a_number_that_was_refused_before(hospital: Hospital) -> None:
    number = hospital.msgid()
    assert hospital.raw("2102", purchase(hospital, medfee_sumamt="1"), msgid=number)["infcode"]
    hospital.ask("2102", purchase(hospital), msgid=number)


@runs_into("not_signed_in")
def no_sign_in(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), sign_no="")


@runs_into("not_signed_in")
def a_sign_in_of_another_institution(hospital: Hospital) -> None:
    with Hospital(hospital.centre) as other:
        other.sign_in()
        hospital.sign_no = other.sign_no
    hospital.ask("2102", purchase(hospital))


@runs_into("signed_other_day", place="own_hospital")
def a_sign_in_of_yesterday(hospital: Hospital) -> None:
    hospital.centre.shift(DAY_S)
    hospital.ask("2102", purchase(hospital))


@runs_into("signed_out")
def a_call_after_the_sign_out(hospital: Hospital) -> None:
    hospital.sign_out()
    hospital.ask("2102", purchase(hospital))


@runs_into("signed_out_today")
def a_second_sign_in_after_the_sign_out(hospital: Hospital) -> None:
    hospital.sign_out()
    hospital.sign_in()


@runs_into("signed_other_operator")
def a_sign_in_of_a_colleague(hospital: Hospital) -> None:
    hospital.opter = "0202"
    hospital.ask("2102", purchase(hospital))


@runs_into("signed_in_yesterday", place="own_hospital")
def a_sign_out_on_the_next_day(hospital: Hospital) -> None:
    hospital.centre.shift(DAY_S)
    hospital.sign_out()


@runs_into("token_invalid")
def an_invented_token(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, cert="01", mdtrt_cert_no="SBXEC0"))


@runs_into("token_invalid", place="own_hospital")
def a_token_older_than_three_minutes(hospital: Hospital) -> None:
    told = purchase(hospital, cert="01")
    hospital.centre.shift(181)
    hospital.ask("2102", told)


@runs_into("token_used")
def a_token_for_two_businesses(hospital: Hospital) -> None:
    told = purchase(hospital, cert="01")
    hospital.ask("2102", told)
    hospital.ask("2102", told)


@runs_into("cert_mismatch")
def a_token_of_somebody_else(hospital: Hospital) -> None:
    token = hospital.token()
    hospital.receive("retired")
    hospital.ask("2102", purchase(hospital, cert="01", mdtrt_cert_no=token))


@runs_into("cert_mismatch")
def a_card_of_somebody_else(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, mdtrt_cert_no="539900000000000000"))


@runs_into("cert_mismatch")
def a_name_that_does_not_belong_to_the_number(hospital: Hospital) -> None:
    data = hospital.credential() | {"psn_name": "别人"}
    hospital.ask("1101", {"data": data})


@runs_into("cert_mismatch")
def a_social_card_with_another_serial(hospital: Hospital) -> None:
    hospital.ask("1101", {"data": hospital.credential("03") | {"card_sn": "0"}})


@runs_into("cert_type")
def a_credential_nobody_knows(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, mdtrt_cert_type="99"))


@runs_into("not_verified")
def a_2207_with_an_id_card_without_1192(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    hospital.ask("2207", visit.bill())


@runs_into("not_verified")
def a_2207_after_a_1192_for_2304(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    hospital.verify("2304")
    hospital.ask("2207", visit.bill())


@runs_into("not_verified")
def a_1192_of_somebody_else(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    patient = hospital.patient
    hospital.receive("retired")
    hospital.verify("2207")
    hospital.patient = patient
    hospital.ask("2207", visit.bill())


@runs_into("not_verified")
def one_1192_for_two_settlements(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_settled()
    visit.upload("B2")
    visit.forecast("B2")
    hospital.ask("2207", visit.bill("B2"))


@runs_into("not_verified")
def a_2304_with_an_id_card_without_1192(hospital: Hospital) -> None:
    stay = Stay(hospital)
    stay.until_forecast()
    hospital.ask("2304", stay.bill())


@runs_into("nobody_at_desk")
def a_reader_without_a_card(hospital: Hospital) -> None:
    data = {"mdtrt_cert_type": "02", "extData": "539999"}
    hospital.ask("1191", {"data": data})


@runs_into("person_unknown")
def a_person_nobody_knows(hospital: Hospital) -> None:
    hospital.ask("1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "1"}})


@runs_into("person_unknown")
def a_personal_number_nobody_knows(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, psn_no="1"))


@runs_into("not_insured")
def an_insurance_the_person_has_not(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital, insutype="390"))


@runs_into("not_insured")
def somebody_without_any_insurance(hospital: Hospital) -> None:
    hospital.receive("uninsured")
    hospital.ask("2102", purchase(hospital))


@runs_into("insurance_suspended")
def a_suspended_insurance(hospital: Hospital) -> None:
    hospital.receive("suspended")
    Outpatient(hospital).register()


@runs_into("admdvs_mismatch")
def another_area_than_the_insurance(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital), insuplc_admdvs="530103")


@runs_into("away_field")
def an_other_province_without_certificate_number(hospital: Hospital) -> None:
    hospital.receive("other_province")
    hospital.ask("2102", purchase(hospital, certno=""))


@runs_into("away_field")
def an_other_city_without_certificate_number(hospital: Hospital) -> None:
    hospital.receive("other_city")
    Outpatient(hospital).register(certno="")


@runs_into("no_plan")
def a_purchase_on_maternity_insurance(hospital: Hospital) -> None:
    hospital.receive("two_insurances")
    hospital.ask("2102", purchase(hospital, insutype="510"))


@runs_into("settlement_unknown")
def a_settlement_of_another_institution(hospital: Hospital) -> None:
    info = hospital.ask("2102", purchase(hospital))["setlinfo"]
    with Hospital(hospital.centre) as other:
        other.patient = hospital.patient
        other.sign_in()
        settlement_row(other, info["setl_id"], info["mdtrt_id"])


@runs_into("settlement_unknown")
def a_settlement_of_another_visit(hospital: Hospital) -> None:
    info = hospital.ask("2102", purchase(hospital))["setlinfo"]
    settlement_row(hospital, info["setl_id"], "SBXM0")
