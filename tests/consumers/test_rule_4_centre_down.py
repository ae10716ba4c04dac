"""Rule 4: a centre that cannot be reached was sent nothing, and is tried again by a query."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from compose.demo.stage import end
from compose.demo.visits import CAPSULES, CT, Visit
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    admin,
    agree,
    books_of,
    calls_of,
    hospital,
    journal_of,
    measured,
    newcomer,
    seen,
    until,
)

ITEMS = [CAPSULES, CT]
BREAKER = "\n[gateways.centre.breaker]\nfailures = 6\nopen_s = 1.0\n"
"""A request that cannot be sent is tried three times, so the second one opens the breaker."""


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A gateway that is paused early and not for long."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node, extra=BREAKER) as one:
        yield one


def close_the_centre(stage: BusStage) -> None:
    """Its port refuses connections from now on."""
    assert stage._sandbox is not None
    end(stage._sandbox)


async def rows(visit: Visit) -> str:
    """The status of a query."""
    data = {"psn_no": visit.patient.psn_no, "mdtrt_id": visit.mdtrt_id}
    return str((await visit.ask("5204", {"data": data})).status)


async def test_a_centre_that_is_down_is_told_as_unavailable_and_a_query_finds_it_up_again(
    stage: BusStage, his: Program
) -> None:
    page = await asyncio.to_thread(stage.start_measured_worker)
    await asyncio.to_thread(end, stage.workers[0])
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    before = len(await calls_of(stage, "2207", FIRST))
    close_the_centre(stage)
    told = [await visit.ask("2207", asked) for _ in range(3)]
    codes = ["centre_unreachable", "centre_unreachable", "breaker_open"]
    assert [(answer.status, answer.code) for answer in told] == [
        ("unavailable", code) for code in codes
    ]

    async def circuit() -> float:
        figures = await asyncio.to_thread(measured, page)
        return figures['yibao_breaker_state{gateway="centre"}']

    async def paused() -> bool:
        return await circuit() > 0

    await until(paused)
    await asyncio.to_thread(stage.start_sandbox)

    async def half_open() -> bool:
        return await circuit() == 1

    await until(half_open)
    money = await visit.ask("2207", asked)
    assert (money.status, money.code) == ("unavailable", "breaker_open")
    assert await rows(visit) == "succeeded"
    last = await visit.ask("2207", asked)
    assert last.status == "succeeded"
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1
    for answer in (*told, money, last):
        books = await books_of(stage, answer.key)
        agree(answer, books)
        assert bool(books.calls) == (answer is last)


async def test_a_query_of_a_centre_that_is_down_is_unavailable(
    stage: BusStage, his: Program
) -> None:
    visit = await hospital(stage, his).with_card(newcomer(stage))
    await visit.register()
    await visit.charge(ITEMS)
    close_the_centre(stage)
    assert await rows(visit) == "unavailable"
    await asyncio.to_thread(stage.start_sandbox)

    async def answered() -> bool:
        return await rows(visit) == "succeeded"

    await until(answered)


async def test_a_doubt_outlives_a_centre_that_is_down_and_looks_in_vain_are_not_counted(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "commit_then_hang")
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    call = await seen(stage, "2207", before)

    async def committed() -> bool:
        truth = await admin(stage, f"/books/judgement?msgid={call['msgid']}")
        return bool(truth["committed"])

    await until(committed)
    close_the_centre(stage)

    async def in_vain() -> Any:
        async with journal_of(stage) as journal:
            found = await journal.find(FindBy(msgid=call["msgid"], states=(State.VERIFYING,)))
            story = await journal.story(FIRST, found[0].key) if found else []
        return found if "look_not_sent" in [line.what for line in story] else None

    (record,) = await until(in_vain)
    assert record.looks == 0
    await asyncio.to_thread(stage.start_sandbox)
    told = await asking
    agree(told, await books_of(stage, told.key))
    assert (told.status, told.code) == ("succeeded", "adopted")
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1
