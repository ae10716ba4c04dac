"""Rule 3: one key is one request, whoever sends it, however often, in whatever notation."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bus.journal.port import FindBy
from bus.lifecycle.record import State
from compose.demo.visits import CAPSULES, CT, PILLS, Visit
from compose.node import PrivateNode
from producers.wire import Answer
from tests.consumers.bus_stage import (
    FIRST,
    SECOND,
    BusStage,
    Program,
    agree,
    books_of,
    calls_of,
    hospital,
    journal_of,
    newcomer,
    program,
    seen,
    until,
)

ITEMS = [CAPSULES, CT]


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Two workers: the same key may reach either."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        one.start_worker()
        yield one


async def sold(stage: BusStage, his: Program) -> tuple[Visit, dict[str, Any], Answer]:
    """A purchase that was made: the visit, its input, its reply."""
    visit = await hospital(stage, his).with_card(newcomer(stage))
    asked = visit.purchase(ITEMS)
    told = await visit.ask("2102", asked)
    agree(told, await books_of(stage, told.key))
    return visit, asked, told


async def ask(his: Program, visit: Visit, content: dict[str, Any] | bytes, key: str) -> Answer:
    """The visit's 2102 through another program."""
    return await his.call("2102", content, key=key, insuplc_admdvs=visit.patient.insuplc)


async def test_the_same_request_from_another_program_gets_the_stored_reply_byte_for_byte(
    stage: BusStage, his: Program
) -> None:
    visit, asked, told = await sold(stage, his)
    before = len(await calls_of(stage, "2102"))
    async with program(stage) as other:
        await ask(other, visit, asked, told.key)
        assert other.told[told.key] == his.told[told.key]
    assert len(await calls_of(stage, "2102")) == before
    assert (await books_of(stage, told.key)).record.reply == his.told[told.key][0]


async def test_fifty_parallel_copies_from_two_programs_are_one_call_and_fifty_equal_replies(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    desk.fault("2207", "delay", s=0.5)
    before = len(await calls_of(stage, "2207"))
    insuplc, key = visit.patient.insuplc, "fifty-copies"
    async with program(stage) as other:

        def copy(his: Program) -> Any:
            return his.call("2207", asked, key=key, insuplc_admdvs=insuplc)

        told = await asyncio.gather(*(copy(one) for one in (his, other) for _ in range(25)))

        async def all_there() -> bool:
            return len(his.told[key]) + len(other.told[key]) == 50

        await until(all_there)
        assert len({*his.told[key], *other.told[key]}) == 1
    assert {answer.status for answer in told} == {"succeeded"}
    assert len(await calls_of(stage, "2207")) == before + 1
    agree(told[0], await books_of(stage, key))


async def test_the_stored_reply_survives_the_workers(stage: BusStage, his: Program) -> None:
    visit, asked, told = await sold(stage, his)
    before = len(await calls_of(stage, "2102"))
    stage.kill_workers()
    for _ in range(2):
        await asyncio.to_thread(stage.start_worker)
    async with program(stage) as other:
        await ask(other, visit, asked, told.key)
        assert other.told[told.key] == his.told[told.key]
    assert len(await calls_of(stage, "2102")) == before


async def test_other_content_under_a_used_key_is_a_conflict_and_changes_nothing(
    stage: BusStage, his: Program
) -> None:
    visit, _, told = await sold(stage, his)
    books = await books_of(stage, told.key)
    before = len(await calls_of(stage, "2102"))
    async with program(stage) as other:
        refused = await ask(other, visit, visit.purchase([PILLS]), told.key)
    assert (refused.status, refused.code) == ("conflict", "key_reused")
    assert len(await calls_of(stage, "2102")) == before
    after = await books_of(stage, told.key)
    assert (after.outcome, after.story, after.centre) == (books.outcome, books.story, books.centre)


async def test_other_content_under_the_key_of_a_call_in_flight_is_a_conflict_at_once(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    desk.fault("2102", "delay", s=1.0)
    before = len(await calls_of(stage, "2102"))
    asking = asyncio.create_task(visit.ask("2102", visit.purchase(ITEMS), key="in-flight"))
    await seen(stage, "2102", before)
    async with program(stage) as other:
        refused = await ask(other, visit, visit.purchase([PILLS]), "in-flight")
    assert (refused.status, asking.done()) == ("conflict", False)
    told = await asking
    agree(told, await books_of(stage, told.key))
    assert len(await calls_of(stage, "2102")) == before + 1


async def test_the_order_of_names_and_white_space_do_not_make_another_request(
    stage: BusStage, his: Program
) -> None:
    visit, asked, told = await sold(stage, his)
    before = len(await calls_of(stage, "2102"))
    turned = {
        "drugdetail": [dict(reversed(row.items())) for row in asked["drugdetail"]],
        "druginfo": dict(reversed(asked["druginfo"].items())),
    }
    for notation in (json.dumps(turned, indent=3), json.dumps(turned, ensure_ascii=True)):
        async with program(stage) as other:
            await ask(other, visit, notation.encode(), told.key)
            assert other.told[told.key] == his.told[told.key]
    assert len(await calls_of(stage, "2102")) == before


async def test_the_order_of_rows_makes_another_request(stage: BusStage, his: Program) -> None:
    visit, asked, told = await sold(stage, his)
    turned = {**asked, "drugdetail": asked["drugdetail"][::-1]}
    async with program(stage) as other:
        refused = await ask(other, visit, turned, told.key)
    assert refused.code == "key_reused"


async def test_a_refusal_of_the_bus_is_stored_too_and_told_again_without_another_judgement(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    wrong = {"data": {**asked["data"], "medfee_sumamt": "1.00"}}
    told = await visit.ask("2207", wrong)
    assert (told.status, told.code) == ("invalid", "sum_mismatch")
    async with program(stage) as other:
        again = await other.call("2207", wrong, key=told.key, insuplc_admdvs=visit.patient.insuplc)
        assert (again.code, other.told[told.key]) == ("sum_mismatch", his.told[told.key])
    async with journal_of(stage) as journal:
        (record,) = await journal.find(FindBy(tenant=FIRST, key=told.key))
        assert (record.state, record.msgid) == (State.INVALID, "")
        assert len(await journal.story(FIRST, told.key)) == 1


async def test_the_same_key_of_another_hospital_is_another_request(
    stage: BusStage, his: Program
) -> None:
    _, _, told = await sold(stage, his)
    async with program(stage, SECOND) as neighbour:
        visit = await hospital(stage, neighbour).with_card(newcomer(stage))
        own = await visit.ask("2102", visit.purchase(ITEMS), key=told.key)
        assert own.status == "succeeded"
        assert own.msgid != told.msgid
    agree(own, await books_of(stage, told.key, SECOND))
    agree(told, await books_of(stage, told.key))
