"""Sign-in sessions over two workers: one 9001, renewed when stale, a clear no after sign-out."""

import asyncio
from collections.abc import Iterator

import pytest

from compose.demo.visits import CAPSULES, CT, Visit
from compose.node import PrivateNode
from tests.consumers.at_the_centre import Elsewhere
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    admin,
    agree,
    books_of,
    calls_of,
    hospital,
    newcomer,
    program,
)

ITEMS = [CAPSULES, CT]
DAY_S = 86_400
INSTITUTION = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": "", "fixmedins_code": FIRST}}
"""Input of 1201, a query that needs a sign-in."""


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Two workers; each keeps the sessions it knows in memory."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        one.start_worker()
        yield one


async def sign_ins(stage: BusStage) -> int:
    """9001 calls of the first hospital so far."""
    return len(await calls_of(stage, "9001", FIRST))


async def asked_of_both(his: Program, times: int = 8) -> set[tuple[str, str]]:
    """What queries are told that reach both workers."""
    told = await asyncio.gather(*(his.call("1201", INSTITUTION) for _ in range(times)))
    return {(answer.status, answer.code) for answer in told}


def sign_in_of(opter: str) -> dict[str, dict[str, str]]:
    """Input of 9001."""
    return {"signIn": {"opter_no": opter, "mac": "02-00-00-00-00-03", "ip": "127.0.0.1"}}


async def test_thirty_parallel_first_calls_of_an_operator_are_one_sign_in(
    stage: BusStage,
) -> None:
    async with program(stage, opter="0300") as his:
        before = await sign_ins(stage)
        assert await asked_of_both(his, 30) == {("succeeded", "ok")}
        assert await sign_ins(stage) == before + 1


async def test_each_operator_has_a_sign_in_of_its_own(stage: BusStage) -> None:
    before = await sign_ins(stage)
    for opter in ("0301", "0302"):
        async with program(stage, opter=opter) as his:
            assert await asked_of_both(his) == {("succeeded", "ok")}
    assert await sign_ins(stage) == before + 2


async def test_a_sign_out_through_the_bus_holds_for_all_workers(stage: BusStage) -> None:
    async with program(stage, opter="0310") as his:
        await asked_of_both(his)
        session = (await his.call("9001", sign_in_of("0310"))).decoded()["signinoutb"]
        out = {"signOut": {"sign_no": session["sign_no"], "opter_no": "0310"}}
        assert (await his.call("9002", out)).status == "succeeded"
        assert await asked_of_both(his) == {("unavailable", "signed_out_today")}
        async with program(stage, opter="0311") as other:
            desk = hospital(stage, other)
            patients = [(await desk.with_card(newcomer(stage))).patient for _ in range(4)]
        visits = [Visit(his.call, patient) for patient in patients]
        purchases = await asyncio.gather(*(v.ask("2102", v.purchase(ITEMS)) for v in visits))
    for told in purchases:
        agree(told, await books_of(stage, told.key))
        assert (told.status, told.code) == ("unavailable", "signed_out_today")


async def test_a_sign_out_behind_the_back_of_the_bus_is_told_as_such(stage: BusStage) -> None:
    async with program(stage, opter="0320") as his:
        desk = hospital(stage, his)
        visit = await desk.with_card(newcomer(stage))
        await asked_of_both(his)
        elsewhere = Elsewhere(stage, "0320")
        await elsewhere.sign_in()
        assert (await elsewhere.sign_out()).status == "succeeded"
        told = await visit.ask("2102", visit.purchase(ITEMS))
        books = await books_of(stage, told.key)
        agree(told, books)
        assert (told.status, told.code) == ("unavailable", "signed_out_today")
        assert not books.centre["committed"]
        assert await asked_of_both(his) == {("unavailable", "signed_out_today")}


async def test_a_number_the_centre_no_longer_takes_is_renewed_and_the_request_sent_once_more(
    stage: BusStage,
) -> None:
    """The centre's clock passes midnight before ours."""
    async with program(stage, opter="0330") as his:
        desk = hospital(stage, his)
        visit = await desk.with_card(newcomer(stage))
        asked = await desk.outpatient(visit, ITEMS)
        await asked_of_both(his)
        before, signed = len(await calls_of(stage, "2207")), await sign_ins(stage)
        await admin(stage, "/clock", {"shift_s": DAY_S})
        told = await visit.ask("2207", asked)
        books = await books_of(stage, told.key)
        agree(told, books)
        assert (told.status, told.attempts) == ("succeeded", 2)
        first, second = (await calls_of(stage, "2207"))[before:]
        assert (first["refusal"], first["committed"]) == ("signed_other_day", False)
        assert (second["msgid"], second["committed"]) == (told.msgid, True)
        assert first["msgid"] != second["msgid"]
        assert books.steps == ("clear", "stale_sign_in", "accepted")
        assert first["msgid"] in books.story[1].detail
        assert await asked_of_both(his) == {("succeeded", "ok")}
        assert await sign_ins(stage) == signed + 1
