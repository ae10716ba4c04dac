"""Every scripted fault: what the caller sees, and what the books say truly happened."""

import random
from typing import Any

import httpx
import msgspec
import pytest

from sandbox.faults import FAULTS
from tests.sandbox.sandbox_hospital import Hospital, Json
from tests.sandbox.sandbox_outpatient import Outpatient, purchase, reverse
from tests.sandbox.sandbox_process import until

QUIET_S = 0.4
"""How long a test waits for an answer that must not come."""


@pytest.fixture
def impatient(hospital: Hospital) -> Hospital:
    """A hospital that gives a call up quickly."""
    hospital.patience(QUIET_S)
    return hospital


def settled(hospital: Hospital) -> bool:
    """Whether the last message was committed and stands."""
    judged = hospital.judgement()
    assert judged["committed"] == judged["live"]
    return bool(judged["live"])


def test_delay_answers_as_usual_only_later(hospital: Hospital) -> None:
    hospital.fault("2102", "delay", s=0.05)
    assert hospital.raw("2102", purchase(hospital))["infcode"] == 0
    assert settled(hospital)


@pytest.mark.parametrize(
    ("fault", "committed"), [("timeout_before_commit", False), ("commit_then_hang", True)]
)
def test_a_silent_centre_may_or_may_not_have_acted(
    impatient: Hospital, fault: str, committed: bool
) -> None:
    impatient.fault("2102", fault)
    with pytest.raises(httpx.ReadTimeout):
        impatient.raw("2102", purchase(impatient))
    until(lambda: impatient.judgement()["committed"] is committed)
    assert settled(impatient) is committed
    assert not impatient.judgement()["answered"]


def test_lose_answer_commits_and_cuts_without_a_byte(hospital: Hospital) -> None:
    hospital.fault("2102", "lose_answer")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        hospital.raw("2102", purchase(hospital))
    assert settled(hospital)
    judged = hospital.judgement()
    assert not judged["answered"]
    assert judged["faults"] == ["lose_answer"]


def test_half_body_commits_and_cuts_in_the_middle(hospital: Hospital) -> None:
    hospital.fault("2102", "half_body")
    with pytest.raises(httpx.RemoteProtocolError):
        hospital.raw("2102", purchase(hospital))
    assert settled(hospital)


@pytest.mark.parametrize(
    ("fault", "committed"), [("http_502_before", False), ("http_502_after_commit", True)]
)
def test_502_says_nothing_about_the_commit(hospital: Hospital, fault: str, committed: bool) -> None:
    hospital.fault("2102", fault)
    response = hospital.send(hospital.envelope("2102", purchase(hospital)))
    assert response.status_code == 502
    assert settled(hospital) is committed


def test_html_hides_a_commit_behind_a_page(hospital: Hospital) -> None:
    hospital.fault("2102", "html")
    response = hospital.send(hospital.envelope("2102", purchase(hospital)))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert settled(hospital)


def test_gbk_bytes_hold_the_same_answer(hospital: Hospital) -> None:
    hospital.fault("2102", "gbk_bytes")
    response = hospital.send(hospital.envelope("2102", purchase(hospital)))
    with pytest.raises(UnicodeDecodeError):
        response.content.decode("utf-8")
    answer = msgspec.json.decode(response.content.decode("gb18030"))
    assert answer["output"]["setlinfo"]["psn_name"] == hospital.patient.psn_name
    assert settled(hospital)


def test_string_infcode_is_still_a_success(hospital: Hospital) -> None:
    hospital.fault("2102", "string_infcode")
    assert hospital.raw("2102", purchase(hospital))["infcode"] == "0"
    assert settled(hospital)


@pytest.mark.parametrize("committed", [False, True])
def test_zero_with_err_msg_is_done_only_when_asked_so(hospital: Hospital, committed: bool) -> None:
    hospital.fault("2102", "zero_with_err_msg", committed=committed)
    answer = hospital.raw("2102", purchase(hospital))
    assert answer["infcode"] == 0
    assert answer["err_msg"]
    assert settled(hospital) is committed


def test_other_msgid_answers_for_another_message(hospital: Hospital) -> None:
    hospital.fault("2102", "other_msgid")
    answer = hospital.raw("2102", purchase(hospital))
    assert answer["output"]["setlinfo"]["medins_setl_id"] != hospital.last_msgid
    assert answer["msgid"] != hospital.last_msgid
    assert settled(hospital)


def test_late_commit_commits_when_the_caller_has_long_given_up(own_hospital: Hospital) -> None:
    own_hospital.patience(QUIET_S)
    own_hospital.fault("2102", "late_commit", after_s=600)
    with pytest.raises(httpx.ReadTimeout):
        own_hospital.raw("2102", purchase(own_hospital))
    late = own_hospital.last_msgid
    assert not own_hospital.judgement(late)["reached"]
    own_hospital.centre.shift(601)
    until(lambda: own_hospital.judgement(late)["committed"])
    assert own_hospital.judgement(late)["live"]


def test_late_commit_by_real_time_needs_no_shift(impatient: Hospital) -> None:
    impatient.fault("2102", "late_commit", after_s=0.6, clock="real")
    with pytest.raises(httpx.ReadTimeout):
        impatient.raw("2102", purchase(impatient))
    late = impatient.last_msgid
    until(lambda: impatient.judgement(late)["committed"])


def test_refuse_with_says_the_words_it_was_given(hospital: Hospital) -> None:
    hospital.fault("2102", "refuse_with", err_msg="PTS-查无此人[sbxPsnBO_7]")
    answer = hospital.raw("2102", purchase(hospital))
    assert (answer["infcode"], answer["err_msg"]) == (-1, "PTS-查无此人[sbxPsnBO_7]")
    assert not settled(hospital)


def test_refuse_reversal_leaves_the_settlement_alone(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    hospital.fault("2601", "refuse_reversal")
    with pytest.raises(Exception, match="不允许冲正"):
        reverse(hospital, omsgid, "2102")
    assert hospital.judgement(omsgid)["live"]


def test_reversal_not_done_says_yes_and_does_nothing(hospital: Hospital) -> None:
    hospital.ask("2102", purchase(hospital))
    omsgid = hospital.last_msgid
    hospital.fault("2601", "reversal_not_done")
    reverse(hospital, omsgid, "2102")
    assert hospital.judgement(omsgid)["live"]
    reverse(hospital, omsgid, "2102")
    assert not hospital.judgement(omsgid)["live"]


def test_system_error_hides_a_commit_behind_minus_one(hospital: Hospital) -> None:
    hospital.fault("2102", "system_error")
    answer = hospital.raw("2102", purchase(hospital))
    assert answer["infcode"] == -1
    assert "系统异常" in answer["err_msg"]
    assert settled(hospital)


def test_amounts_as_numbers_keep_their_digits(hospital: Hospital) -> None:
    hospital.fault("2102", "amounts_as_numbers")
    response = hospital.send(hospital.envelope("2102", purchase(hospital)))
    assert b'"medfee_sumamt":165.35,' in response.content
    assert b'"cnt":3.0000,' in response.content
    assert b'"psn_cert_type":"01"' in response.content


def test_empty_amount_texts_stand_for_zero(hospital: Hospital) -> None:
    hospital.fault("2102", "empty_amount_texts")
    info = hospital.ask("2102", purchase(hospital))["setlinfo"]
    assert info["maf_pay"] == ""
    assert info["medfee_sumamt"] == "165.35"


def test_faults_compose(hospital: Hospital) -> None:
    for fault in ("delay", "string_infcode", "amounts_as_numbers", "half_body"):
        hospital.fault("2102", fault, **({"s": 0.01} if fault == "delay" else {}))
    with pytest.raises(httpx.RemoteProtocolError):
        hospital.raw("2102", purchase(hospital))
    (call,) = hospital.centre.get("books/calls", msgid=hospital.last_msgid)
    assert call["fault"] == "delay,string_infcode,amounts_as_numbers,half_body"
    named = [one["fault"] for one in hospital.centre.get("books/events") if one["n"] == call["n"]]
    assert named == call["fault"].split(",")


def test_every_fault_has_a_test_here(request: pytest.FixtureRequest) -> None:
    source = request.path.read_text("utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in source] == []


def script(hospital: Hospital, **rule: Any) -> None:
    hospital.centre.post("faults", tenant=hospital.code, **rule)


def query(hospital: Hospital) -> int:
    """A harmless call; its HTTP status."""
    given = {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": hospital.patient.certno}}
    return hospital.send(hospital.envelope("1101", given)).status_code


def call_number(hospital: Hospital) -> int:
    """The number of the last 1101 among all 1101 calls."""
    query(hospital)
    (call,) = hospital.centre.get("books/calls", msgid=hospital.last_msgid)
    number: int = call["call"]
    return number


def test_a_fault_meets_the_scripted_call_number(own_hospital: Hospital) -> None:
    now = call_number(own_hospital)
    script(own_hospital, infno="1101", call=now + 2, fault="http_502_before")
    assert [query(own_hospital) for _ in range(3)] == [200, 502, 200]


def test_a_fault_meets_a_range_of_calls(own_hospital: Hospital) -> None:
    now = call_number(own_hospital)
    script(own_hospital, infno="1101", call=f"{now + 1}-{now + 2}", fault="http_502_before")
    assert [query(own_hospital) for _ in range(3)] == [502, 502, 200]


def test_next_faults_are_used_up_and_every_lasts_until_removed(own_hospital: Hospital) -> None:
    script(own_hospital, infno="1101", call="next", times=2, fault="http_502_before")
    assert [query(own_hospital) for _ in range(3)] == [502, 502, 200]
    script(own_hospital, infno="*", call="*", fault="http_502_before")
    assert [query(own_hospital) for _ in range(2)] == [502, 502]
    assert len(own_hospital.centre.get("faults")["rules"]) == 1
    own_hospital.centre.drop_faults()
    assert query(own_hospital) == 200


def test_rates_draw_the_same_faults_from_the_same_seed(own_hospital: Hospital) -> None:
    own_hospital.centre.post("faults", rates={"http_502_before": 0.5}, seed=7, infno="1101")
    drawn = [query(own_hospital) for _ in range(40)]
    assert {200, 502} == set(drawn)
    assert drawn == expected_draws(7, len(drawn))


def expected_draws(seed: int, calls: int) -> list[int]:
    """The same draw by the published rule: seed, infno and call number."""
    chances = (random.Random(f"{seed}:1101:{n}").random() for n in range(1, calls + 1))  # noqa: S311 - a script
    return [502 if chance < 0.5 else 200 for chance in chances]


@pytest.mark.parametrize(
    "rule",
    [
        {"infno": "2207", "fault": "no_such_fault"},
        {"infno": "2207", "fault": "delay", "params": {"seconds": 1}},
        {"infno": "2207", "fault": "delay", "call": "last"},
        {"rates": {"delay": 0.9, "html": 0.2}, "seed": 1},
        {"rates": {"no_such_fault": 0.1}, "seed": 1},
    ],
)
def test_a_script_that_makes_no_sense_is_refused(hospital: Hospital, rule: Json) -> None:
    with pytest.raises(AssertionError, match="error"):
        hospital.centre.post("faults", **rule)


def test_a_fault_of_one_hospital_leaves_the_others_alone(hospital: Hospital) -> None:
    hospital.fault("1101", "http_502_before")
    with Hospital(hospital.centre) as other:
        other.patient = hospital.patient
        assert query(other) == 200
    assert query(hospital) == 502


def test_a_lost_2207_is_found_by_5204_and_5203(hospital: Hospital) -> None:
    visit = Outpatient(hospital)
    visit.until_forecast()
    hospital.fault("2207", "lose_answer")
    with pytest.raises(httpx.TransportError):
        visit.settle()
    lost = hospital.last_msgid
    (setl_id,) = {row["setl_id"] for row in visit.fee_rows()}
    data = visit.ids() | {"setl_id": setl_id}
    assert hospital.ask("5203", {"data": data})["setlinfo"]["medins_setl_id"] == lost
