"""Rule 5: a worker that hangs is replaced when its call is over, and its late word is too late."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from compose.demo.visits import CAPSULES, CT
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    Books,
    BusStage,
    Program,
    agree,
    books_of,
    calls_of,
    hospital,
    measured,
    newcomer,
    seen,
    until,
)

ITEMS = [CAPSULES, CT]


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Its worker is replaced by the tests' own."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        yield one


async def test_what_a_frozen_worker_reports_after_its_record_was_taken_over_changes_nothing(
    stage: BusStage, his: Program
) -> None:
    stage.kill_workers()
    page = await asyncio.to_thread(stage.start_measured_worker)
    frozen = stage.workers[-1]
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=0.5)
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked, key="frozen"))
    call = await seen(stage, "2207", before)
    frozen.send_signal(signal.SIGSTOP)
    try:
        await asyncio.to_thread(stage.start_worker)
        told = await asking
        taken = await books_of(stage, "frozen")
    finally:
        frozen.send_signal(signal.SIGCONT)
    agree(told, taken)
    assert (told.status, told.msgid) == ("succeeded", call["msgid"])
    over = next(line for line in taken.story if line.what == "taken_over")
    assert over.at_ms >= call["at_ms"] + int(stage.timing.money_s * 1000)
    assert (over.fence, taken.record.fence) == (2, 2)

    async def spoken() -> Books | None:
        books = await books_of(stage, "frozen")
        return books if any(step.startswith("late_") for step in books.steps) else None

    late = await until(spoken)
    assert late.outcome == taken.outcome
    assert {line.owner for line in late.story if line.what.startswith("late_")} == {
        taken.story[0].owner
    }

    async def counted() -> bool:
        return measured(page)["yibao_late_answers_total"] >= 1

    await until(counted)
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1
    agree(told, await books_of(stage, "frozen"))
    assert len(set(his.told["frozen"])) == 1


async def test_a_record_is_not_taken_over_while_its_call_may_still_be_in_flight(
    stage: BusStage, his: Program
) -> None:
    await asyncio.to_thread(stage.start_worker)
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=stage.timing.money_s - 0.3)
    told = await visit.ask("2207", asked)
    books = await books_of(stage, told.key)
    agree(told, books)
    assert books.steps == ("clear", "accepted")
    assert (books.record.fence, told.code) == (1, "ok")
