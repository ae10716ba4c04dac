"""Two workers on one journal file: they share the work and never do the same twice."""

import asyncio
from collections import Counter

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from compose.demo.visits import PILLS
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    calls_of,
    hospital,
    journal_of,
    newcomer,
    program,
)
from tests.door.raw_his import INSTITUTION
from tests.operation.running_worker import logged

PURCHASES = 30


async def test_two_workers_share_the_load_and_every_purchase_is_made_once(
    stage: BusStage, his: Program
) -> None:
    second = await asyncio.to_thread(stage.start_worker)
    desk = hospital(stage, his)
    visits = [await desk.with_card(await asyncio.to_thread(newcomer, stage)) for _ in range(6)]
    asked = [(visits[n % 6], visits[n % 6].purchase([PILLS])) for n in range(PURCHASES)]
    told = []
    for start in range(0, PURCHASES, 6):  # one purchase of a person at a time
        batch = asked[start : start + 6]
        told += await asyncio.gather(*(visit.ask("2102", data) for visit, data in batch))
    assert {answer.code for answer in told} == {"ok"}
    async with journal_of(stage) as journal:
        by = FindBy(tenant=FIRST, states=(State.SUCCEEDED,), limit=1000)
        records = [each for each in await journal.find(by) if each.infno == "2102"]
    owners = Counter(record.owner for record in records)
    assert len(records) == PURCHASES
    assert len(owners) == 2
    assert min(owners.values()) >= PURCHASES // 6
    assert {record.fence for record in records} == {1}
    calls = await calls_of(stage, "")
    assert len({call["msgid"] for call in calls}) == len(calls)
    assert len([call for call in calls if call["infno"] == "2102"]) == PURCHASES
    assert second.poll() is None


async def test_two_workers_sign_an_operator_in_once(stage: BusStage) -> None:
    signed = len(await calls_of(stage, "9001"))
    async with program(stage, opter="0077") as his:
        asked = [his.call("1201", INSTITUTION) for _ in range(20)]
        told = await asyncio.gather(*asked)
    assert {answer.code for answer in told} == {"ok"}
    assert len(await calls_of(stage, "9001")) == signed + 1


async def test_the_same_key_at_both_workers_is_one_request(stage: BusStage, his: Program) -> None:
    visit = await hospital(stage, his).with_card(newcomer(stage))
    data = visit.purchase([PILLS])
    before = len(await calls_of(stage, "2102"))
    async with program(stage) as other:
        told = await asyncio.gather(
            *(
                each.call("2102", data, key="same-key", insuplc_admdvs="530102")
                for each in (his, other)
                for _ in range(4)
            )
        )
    assert {answer.status for answer in told} == {"succeeded"}
    assert len({answer.msgid for answer in told}) == 1
    assert len({bytes(answer.output) for answer in told}) == 1
    assert len(await calls_of(stage, "2102")) == before + 1


async def test_both_workers_log_nothing_but_their_start(stage: BusStage) -> None:
    for worker in stage.workers:
        assert [line["event"] for line in logged(stage, worker)] == ["worker_started"]
