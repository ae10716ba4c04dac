"""Rule 7: one money call of a visit at a time."""

import asyncio
from collections.abc import Iterator

import pytest

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from compose.demo.judge import double_settled
from compose.demo.visits import CAPSULES, CT, PILLS
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    agree,
    books_of,
    calls_of,
    final,
    hospital,
    journal_of,
    live_settlements,
    newcomer,
    seen,
    until,
)

ITEMS = [CAPSULES, CT]


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Two workers: two clicks may reach both at once."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        one.start_worker()
        yield one


async def test_of_twenty_clicks_on_one_visit_one_settles_and_the_others_are_busy(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=1.0)
    before = len(await calls_of(stage, "2207", FIRST))
    told = await asyncio.gather(*(visit.ask("2207", asked) for _ in range(20)))
    statuses = sorted(answer.status for answer in told)
    assert statuses == ["busy"] * 19 + ["succeeded"]
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1
    assert live_settlements(stage, visit.mdtrt_id) == 1
    for answer in told:
        agree(answer, await books_of(stage, answer.key))
        assert answer.status == "succeeded" or (answer.code, answer.msgid) == ("visit_busy", "")


async def test_the_visit_is_free_again_after_the_outcome(stage: BusStage, his: Program) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    settled = await visit.ask("2207", asked)
    info = settled.decoded()["setlinfo"]
    keys = {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
    undone = await visit.ask("2208", {"data": keys})
    assert (settled.status, undone.status) == ("succeeded", "succeeded")
    assert live_settlements(stage, visit.mdtrt_id) == 0


async def in_doubt(stage: BusStage) -> bool:
    """Whether the bus knows that it does not know an outcome."""
    async with journal_of(stage) as journal:
        return bool(await journal.find(FindBy(states=(State.VERIFYING, State.REVERSING))))


async def test_a_visit_in_doubt_stays_busy_until_its_outcome_is_known(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "timeout_before_commit")
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    await seen(stage, "2207", before)
    await until(lambda: in_doubt(stage))
    second = await visit.ask("2207", asked)
    assert second.status == "busy"
    first = await final(his, await asking)
    assert first.status == "reversed"
    third = await visit.ask("2207", asked)
    assert third.status == "succeeded"
    for answer in (first, second, third):
        agree(answer, await books_of(stage, answer.key))
    assert double_settled(stage) == 0


async def test_a_person_without_a_visit_number_is_claimed_by_person(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    desk.fault("2102", "delay", s=0.8)
    before = len(await calls_of(stage, "2102", FIRST))
    asking = asyncio.create_task(visit.ask("2102", visit.purchase(ITEMS)))
    await seen(stage, "2102", before)
    other = await desk.with_card(newcomer(stage))
    busy, free = await asyncio.gather(
        visit.ask("2102", visit.purchase([PILLS])), other.ask("2102", other.purchase([PILLS]))
    )
    assert (busy.status, free.status) == ("busy", "succeeded")
    assert (await asking).status == "succeeded"


async def test_a_query_of_a_busy_visit_is_answered(stage: BusStage, his: Program) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=0.8)
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    await seen(stage, "2207", before)
    data = {"psn_no": visit.patient.psn_no, "mdtrt_id": visit.mdtrt_id}
    rows = await visit.ask("5204", {"data": data})
    assert (rows.status, asking.done()) == ("succeeded", False)
    assert (await asking).status == "succeeded"
