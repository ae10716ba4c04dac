"""Rule 1: durable before sent, durable before told, confirmed before acknowledged."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from compose.demo.visits import CAPSULES, CT
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
    program,
    seen,
    until,
)

ITEMS = [CAPSULES, CT]
TOLD_2207 = 'yibao_requests_total{infno="2207",status="succeeded"}'


class Witness(Program):
    """A HIS program that looks into the journal at the moment a reply arrives."""

    stage: BusStage
    found: list[tuple[State, bytes]]

    async def _on_message(self, key: str, body: bytes) -> bool:
        async with journal_of(self.stage) as journal:
            records = await journal.find(FindBy(tenant=FIRST, key=key))
        self.found += [(record.state, record.reply) for record in records]
        return await super()._on_message(key, body)


@contextmanager
def publishers_blocked(node: PrivateNode) -> Iterator[None]:
    """The broker takes no message from anybody, as when its memory is full; it still delivers."""
    node.eval("rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})")
    try:
        yield
    finally:
        node.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")


async def test_the_row_with_its_number_is_in_the_journal_while_the_centre_works_on_the_call(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=0.7)
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    call = await seen(stage, "2207", before)
    async with journal_of(stage) as journal:
        (record,) = await journal.find(FindBy(tenant=FIRST, msgid=call["msgid"]))
    assert (record.state, record.msgid) == (State.SENDING, call["msgid"])
    assert not asking.done()
    told = await asking
    books = await books_of(stage, told.key)
    agree(told, books)
    assert books.steps == ("clear", "accepted")
    assert books.record.sent_ms <= call["at_ms"] + 1


async def test_the_outcome_is_in_the_journal_when_its_reply_arrives(stage: BusStage) -> None:
    async with program(stage, kind=Witness) as his:
        his.stage, his.found = stage, []
        visit = await hospital(stage, his).with_card(newcomer(stage))
        his.found.clear()
        told = await visit.ask("2102", visit.purchase(ITEMS))
        assert his.found == [(State.SUCCEEDED, his.told[told.key][0])]
    agree(told, await books_of(stage, told.key))


async def test_a_request_whose_worker_is_killed_while_the_centre_works_has_one_outcome(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=1.0)
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    await seen(stage, "2207", before)
    stage.kill_workers()
    await asyncio.to_thread(stage.start_worker)
    told = await asking
    books = await books_of(stage, told.key)
    agree(told, books)
    assert told.status == "succeeded"
    assert {"taken_over", "owner_lost"} <= set(books.steps)
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1
    assert len(set(his.told[told.key])) == 1


async def test_an_outcome_that_is_durable_but_untold_when_the_worker_dies_is_told_by_the_next_one(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=0.7)
    before = len(await calls_of(stage, "2207", FIRST))
    asking = asyncio.create_task(visit.ask("2207", asked))
    call = await seen(stage, "2207", before)
    with publishers_blocked(stage.node):
        async with journal_of(stage) as journal:
            by = FindBy(msgid=call["msgid"], states=(State.SUCCEEDED,))
            (record,) = await until(lambda: journal.find(by))
        assert not his.told.get(record.key)
        stage.kill_workers()
    page = await asyncio.to_thread(stage.start_measured_worker)

    async def told_by_the_next() -> bool:
        return measured(page).get(TOLD_2207, 0) == 1

    await until(told_by_the_next)
    told = await asking
    agree(told, await books_of(stage, told.key))
    # The first reply may lie half sent in the broker's ear: then the HIS hears it twice, the same.
    assert set(his.told[told.key]) == {record.reply}
    assert len(await calls_of(stage, "2207", FIRST)) == before + 1


async def test_a_request_that_waits_in_its_queue_when_the_worker_dies_is_done_once_by_the_next_one(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    before = len(await calls_of(stage, "2102", FIRST))
    stage.kill_workers()
    asking = asyncio.create_task(visit.ask("2102", visit.purchase(ITEMS)))
    await asyncio.to_thread(stage.start_worker)
    told = await asking
    agree(told, await books_of(stage, told.key))
    assert told.status == "succeeded"
    assert len(await calls_of(stage, "2102", FIRST)) == before + 1
    assert await admin(stage, "/faults") == {"rules": [], "rates": []}
