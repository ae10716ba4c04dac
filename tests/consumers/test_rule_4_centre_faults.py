"""Rule 4 and 6: whatever happens to an answer, three books agree and money moves at most once."""

import asyncio
from collections.abc import Iterator

import pytest

from compose.demo.judge import double_settled
from compose.node import PrivateNode
from schemas.outcomes import outcome
from tests.consumers.bus_stage import BusStage, agree, live_settlements
from tests.consumers.fault_cases import Case, End, run_all

pytestmark = pytest.mark.timeout(150)
"""The first test carries the fixture in which all cases are run."""

LATE = {"after_s": 3.0, "clock": "real"}
"""Later than the bus waits for the answer, earlier than the centre's own time-out."""

CASES = (
    Case("2207", "delay", "ok", {"s": 0.3}),
    Case("2207", "lose_answer", "adopted"),
    Case("2207", "commit_then_hang", "adopted"),
    Case("2207", "http_502_after_commit", "adopted"),
    Case("2207", "http_502_before", "not_done"),
    Case("2207", "half_body", "adopted"),
    Case("2207", "html", "adopted"),
    Case("2207", "gbk_bytes", "ok"),
    Case("2207", "string_infcode", "ok"),
    Case("2207", "zero_with_err_msg", "not_done"),
    Case("2207", "zero_with_err_msg", "ok", {"committed": True}),
    Case("2207", "other_msgid", "adopted"),
    Case("2207", "late_commit", "reversed", LATE),
    Case("2207", "system_error", "adopted"),
    Case("2207", "timeout_before_commit", "not_done"),
    Case("2207", "amounts_as_numbers", "ok"),
    Case("2207", "empty_amount_texts", "ok"),
    Case("2102", "lose_answer", "adopted"),
    Case("2102", "half_body", "adopted"),
    Case("2102", "http_502_before", "not_done"),
    Case("2102", "late_commit", "reversed", LATE),
    Case("2304", "lose_answer", "adopted"),
    Case("2304", "commit_then_hang", "adopted"),
    Case("2304", "timeout_before_commit", "not_done"),
    Case("2304", "late_commit", "reversed", LATE),
    Case("2103", "lose_answer", "adopted"),
    Case("2103", "http_502_before", "not_done"),
    Case("2208", "http_502_after_commit", "adopted"),
    Case("2208", "timeout_before_commit", "not_done"),
    Case("2305", "html", "adopted"),
    Case("2305", "http_502_before", "not_done"),
    Case("2401", "lose_answer", "adopted"),
    Case("2401", "http_502_before", "not_done"),
    Case("2401", "zero_with_err_msg", "not_done"),
    Case("2201", "lose_answer", "adopted"),
    Case("2201", "http_502_before", "not_done"),
    Case("2204", "half_body", "adopted"),
    Case("2204", "timeout_before_commit", "not_done"),
    Case("2301", "lose_answer", "adopted"),
    Case("2301", "http_502_before", "not_done"),
)
OWN_REVERSALS = (
    Case("2601", "lose_answer", "adopted"),
    Case("2601", "http_502_before", "not_done"),
)
"""A 2601 of the HIS itself; run apart, so that the bus's own 2601 do not meet its faults."""
REPEATED = (
    Case("2202", "lose_answer", "already_done"),
    Case("2202", "http_502_before", "ok"),
    Case("2402", "commit_then_hang", "already_done"),
    Case("2402", "http_502_before", "ok"),
)
SETTLES = {"2102", "2207", "2304"}


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A gateway that is not paused, however many answers are lost."""
    breaker = "\n[gateways.centre.breaker]\nfailures = 1000\n"
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node, extra=breaker) as one:
        yield one


@pytest.fixture(scope="module")
def ends(stage: BusStage) -> dict[str, End]:
    """All cases, run side by side: a centre in trouble fails many calls at once."""
    first = asyncio.run(run_all(stage, CASES + REPEATED))
    return first | asyncio.run(run_all(stage, OWN_REVERSALS))


@pytest.mark.parametrize("case", CASES + OWN_REVERSALS, ids=lambda case: case.name)
def test_an_answer_in_trouble_ends_in_one_outcome_on_which_all_books_agree(
    case: Case, ends: dict[str, End]
) -> None:
    end = ends[case.name]
    assert end.told.code == case.code
    agree(end.told, end.books)
    assert set(end.bodies) == {end.bodies[-1]} == {end.books.record.reply}
    assert case.fault in end.sent[0]["fault"]
    assert [call["msgid"] for call in end.sent] == [end.told.msgid]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.infno in SETTLES], ids=lambda case: case.name
)
def test_a_settlement_whose_answer_is_in_trouble_moves_money_once_or_not_at_all(
    case: Case, ends: dict[str, End], stage: BusStage
) -> None:
    end = ends[case.name]
    expected = outcome(case.code).status == "succeeded"
    if end.mdtrt_id:
        assert live_settlements(stage, end.mdtrt_id) == expected
    assert double_settled(stage) == 0


@pytest.mark.parametrize("case", REPEATED, ids=lambda case: case.name)
def test_a_repeatable_request_is_sent_again_under_a_new_number_and_takes_effect_once(
    case: Case, ends: dict[str, End]
) -> None:
    end = ends[case.name]
    assert (end.told.status, end.told.code) == ("succeeded", case.code)
    assert (end.books.record.state, end.books.record.code) == ("succeeded", case.code)
    assert len(end.sent) == len({call["msgid"] for call in end.sent}) == 2
    assert sum(call["committed"] for call in end.sent) == 1
    assert end.sent[-1]["msgid"] == end.told.msgid == end.books.record.msgid
    repeats = [line.detail for line in end.books.story if line.what == "repeat"]
    assert repeats == [end.sent[0]["msgid"]]
