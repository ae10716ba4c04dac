"""SIGTERM: what was sent is finished and answered, the rest is another worker's."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from compose.demo.stage import Timing, end
from compose.demo.visits import PILLS, Visit
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    BusStage,
    Program,
    agree,
    books_of,
    calls_of,
    hospital,
    live_settlements,
    newcomer,
    program,
    seen,
    until,
)
from tests.operation.running_worker import MARGIN_S, Process, ended, logged, name_of, tell

DRAIN_S = 10.0
"""As the stage's file has it."""


@pytest.fixture
async def other(stage: BusStage) -> AsyncIterator[Program]:
    """A program whose operator nobody has signed in yet."""
    async with program(stage, opter="0002") as one:
        yield one


async def test_what_was_sent_is_answered_and_what_was_not_is_another_workers(
    stage: BusStage, his: Program, other: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, [PILLS])
    elsewhere = Visit(other.call, visit.patient)
    purchase = elsewhere.purchase([PILLS])
    first = stage.workers.pop()
    before = len(await calls_of(stage, "2207"))
    signed = len(await calls_of(stage, "9001"))
    desk.fault("2207", "delay", s=1.2)
    desk.fault("9001", "delay", s=1.0)
    sent = asyncio.create_task(visit.ask("2207", asked, key="drain-sent"))
    await seen(stage, "2207", before)
    unsent = asyncio.create_task(elsewhere.ask("2102", purchase, key="drain-unsent"))
    await seen(stage, "9001", signed)
    tell(first)
    second = await asyncio.to_thread(stage.start_worker)
    assert await ended(first, DRAIN_S + MARGIN_S) == 0
    told, later = await asyncio.gather(sent, unsent)
    assert (told.code, later.code) == ("ok", "ok"), later.message
    finished, returned = await books_of(stage, "drain-sent"), await books_of(stage, "drain-unsent")
    agree(told, finished)
    agree(later, returned)
    assert name_of(first, finished.record.owner)
    assert name_of(second, returned.record.owner)
    assert [line["event"] for line in logged(stage, first)][-2:] == [
        "worker_stopping",
        "worker_stopped",
    ]


async def test_a_doubt_goes_to_the_next_worker_when_its_own_is_told_to_stop(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, [PILLS])
    first = stage.workers.pop()
    before = len(await calls_of(stage, "2207"))
    desk.fault("2207", "commit_then_hang")
    asking = asyncio.create_task(visit.ask("2207", asked, key="drain-doubt"))
    await seen(stage, "2207", before)
    tell(first)
    await asyncio.to_thread(stage.start_worker)
    assert await ended(first, DRAIN_S + MARGIN_S) == 0
    told = await asking
    assert told.code == "adopted"
    agree(told, await books_of(stage, "drain-doubt"))
    assert live_settlements(stage, visit.mdtrt_id) == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_being_told_twice_neither_hurries_nor_hurts(
    stage: BusStage, his: Program, sign: signal.Signals
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    first = stage.workers.pop()
    before = len(await calls_of(stage, "2102"))
    desk.fault("2102", "delay", s=0.8)
    key = f"drain-twice-{sign.name}"
    asking = asyncio.create_task(visit.ask("2102", visit.purchase([PILLS]), key=key))
    await seen(stage, "2102", before)
    tell(first)
    tell(first, sign)
    assert await ended(first, DRAIN_S + MARGIN_S) == 0
    told = await asking
    assert told.code == "ok"
    assert name_of(first, (await books_of(stage, key)).record.owner)
    await asyncio.to_thread(stage.start_worker)


async def test_an_idle_worker_ends_at_once(stage: BusStage) -> None:
    worker = await asyncio.to_thread(stage.start_worker)
    tell(stage.workers.pop())
    assert await ended(worker, MARGIN_S) == 0
    stopped = logged(stage, worker)[-1]
    assert (stopped["event"], stopped["returned"]) == ("worker_stopped", 0)


async def waits(stage: BusStage, worker: Process) -> bool:
    """Whether it has said that it waits for its broker."""
    return any("waiting" in line.get("message", "") for line in logged(stage, worker))


async def test_a_worker_that_waits_for_its_broker_ends_when_told(
    stage: BusStage, tmp_path: Path
) -> None:
    text = stage.config.read_text("utf-8")
    away = text.replace(f"127.0.0.1:{stage.node.port}/", "127.0.0.1:9/")
    stage.config.write_text(away, encoding="utf-8")
    try:
        waiting = stage._launch("serve", stage.worker_command())
        await until(partial(waits, stage, waiting))
        tell(waiting)
        assert await ended(waiting, MARGIN_S) == 0
    finally:
        end(waiting)
        stage.config.write_text(text, encoding="utf-8")


class Hasty(BusStage):
    """A stage whose workers are given half a second to stop."""

    def config_text(self, secret: Path, keys: Path) -> str:
        """The file with a short drain."""
        return super().config_text(secret, keys).replace("drain_s = 10.0", "drain_s = 0.5")


@pytest.fixture
def hasty(broker_node: PrivateNode, tmp_path: Path) -> Iterator[BusStage]:
    """Its own module-free stage: the file differs."""
    timing = Timing(money_s=2.5, call_s=2.5, centre_s=1.0, patience_s=25.0, sweep_s=0.2)
    with Hasty(tmp_path, broker_node, timing=timing) as stage:
        yield stage


async def test_a_call_longer_than_the_drain_is_left_to_the_next_worker_and_settles_once(
    hasty: BusStage,
) -> None:
    async with program(hasty) as his:
        desk = hospital(hasty, his)
        visit = await desk.with_card(newcomer(hasty))
        asked = await desk.outpatient(visit, [PILLS])
        before = len(await calls_of(hasty, "2207"))
        desk.fault("2207", "delay", s=1.8)
        asking = asyncio.create_task(visit.ask("2207", asked, key="drain-long"))
        await seen(hasty, "2207", before)
        first = hasty.workers.pop()
        tell(first)
        assert await ended(first, 0.5 + MARGIN_S) == 0
        assert logged(hasty, first)[-1]["returned"] == 1
        await asyncio.to_thread(hasty.start_worker)
        told = await asking
        books = await books_of(hasty, "drain-long")
        agree(told, books)
        assert told.code == "adopted"
        assert books.record.fence > 1
        assert live_settlements(hasty, visit.mdtrt_id) == 1
