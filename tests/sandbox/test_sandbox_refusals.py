"""Every refusal of the sandbox is run into at least once, and a refused call changes nothing."""

import pytest

from sandbox.refusals import refusal_texts
from tests.sandbox import provoked_files, provoked_money, provoked_people, provoked_visits
from tests.sandbox.sandbox_hospital import Hospital, RefusalError
from tests.sandbox.sandbox_outpatient import purchase
from tests.sandbox.sandbox_provocations import PLACES, PROVOCATIONS, Provocation

assert provoked_money, (provoked_files, provoked_people, provoked_visits)

CASES = [
    pytest.param(slug, provocation, id=f"{slug}-{provocation.__name__}")
    for slug, provocations in PROVOCATIONS.items()
    for provocation in provocations
]


@pytest.mark.parametrize(("slug", "provocation"), CASES)
def test_the_refusal_is_the_one_expected(
    slug: str, provocation: Provocation, request: pytest.FixtureRequest
) -> None:
    hospital: Hospital = request.getfixturevalue(PLACES[provocation.__name__])
    with pytest.raises(RefusalError) as caught:
        provocation(hospital)
    layer, rule, _ = refusal_texts()[slug]
    assert caught.value.rule == rule, caught.value.text
    assert caught.value.text.startswith(f"{layer}-")
    assert hospital.patient.certno not in caught.value.text
    assert hospital.patient.psn_no not in caught.value.text


def test_there_is_a_provocation_for_every_refusal() -> None:
    assert set(PROVOCATIONS) == set(refusal_texts())


def test_an_unknown_transaction_gets_the_short_shape(hospital: Hospital) -> None:
    answer = hospital.raw("0815", {"data": {}})
    assert set(answer) == {"type", "infcode", "err_msg"}
    assert answer["type"] == "error"
    assert answer["infcode"] == -1
    assert "未知交易编号" in answer["err_msg"]


def test_a_refused_settlement_leaves_the_books_as_they_were(hospital: Hospital) -> None:
    before = hospital.account()
    token = purchase(hospital, cert="01", medfee_sumamt="1.00")
    answer = hospital.raw("2102", token)
    assert answer["output"] is None
    judged = hospital.judgement()
    assert judged["reached"]
    assert not judged["committed"]
    assert judged["refusal"] == "sum_mismatch"
    assert hospital.account() == before
    assert hospital.centre.get("books/visits", tenant=hospital.code) == []
    token["druginfo"]["medfee_sumamt"] = "165.35"
    hospital.ask("2102", token)


def test_a_query_may_repeat_its_message_number(hospital: Hospital) -> None:
    given = {"data": hospital.credential()}
    hospital.ask("1101", given)
    hospital.ask("1101", given, msgid=hospital.last_msgid)
