"""Schedules on a real worker: operators are signed out at closing time, by one run."""

import asyncio
import json
import subprocess
from collections.abc import Iterator

import pytest

from compose.demo.visits import PILLS
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    SECOND,
    BusStage,
    Program,
    calls_of,
    hospital,
    newcomer,
    program,
    seen,
)

EXTRA = (
    f'[schedules.closing]\njob = "sign_out"\nat = ["23:59"]\ninstitutions = ["{FIRST}"]\n'
    '[schedules.tidy]\njob = "purge"\nat = ["03:00"]\n'
)
INSTITUTION = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": "", "fixmedins_code": FIRST}}


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Two workers."""
    with BusStage(tmp_path_factory.mktemp("schedules"), broker_node, extra=EXTRA) as one:
        one.start_worker()
        yield one


async def schedule(stage: BusStage, *words: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(stage.yibao, "schedule", *words)


async def asked(his: Program) -> str:
    return (await his.call("1201", INSTITUTION)).code


async def test_nobody_is_signed_out_while_a_request_is_open(stage: BusStage) -> None:
    async with program(stage, opter="0401") as his:
        desk = hospital(stage, his)
        visit = await desk.with_card(newcomer(stage))
        before, out = len(await calls_of(stage, "2102")), len(await calls_of(stage, "9002", FIRST))
        desk.fault("2102", "delay", s=1.4)
        asking = asyncio.create_task(visit.ask("2102", visit.purchase([PILLS])))
        await seen(stage, "2102", before)
        waiting = await schedule(stage, "run", "closing")
        assert (waiting.returncode, "1 open requests" in waiting.stdout) == (0, True)
        assert len(await calls_of(stage, "9002", FIRST)) == out
        assert (await asking).code == "ok"


async def test_all_operators_are_signed_out_once_by_one_of_the_workers(stage: BusStage) -> None:
    async with program(stage, opter="0402") as one, program(stage, opter="0403") as two:
        assert [await asked(his) for his in (one, one, two, two)] == ["ok"] * 4
        before = len(await calls_of(stage, "9002", FIRST))
        done = await schedule(stage, "run", "closing", "--json")
        [run] = json.loads(done.stdout)
        assert (run["state"], run["tenant"]) == ("done", FIRST)
        count = int(run["detail"].split()[0])
        assert count >= 2
        assert len(await calls_of(stage, "9002", FIRST)) == before + count
        again = json.loads((await schedule(stage, "run", "closing", "--json")).stdout)
        assert again[0]["detail"] == "0 signed out"
        listed = (await schedule(stage, "list", "closing")).stdout
        assert "23:59:00  closing" in listed
        assert f"{count} signed out" in listed


async def test_a_purge_says_what_it_deleted(stage: BusStage) -> None:
    done = json.loads((await schedule(stage, "run", "tidy", "--tenant", SECOND, "--json")).stdout)
    assert [(run["tenant"], run["state"]) for run in done] == [(SECOND, "done")]
    assert "0 deleted" in done[0]["detail"]


async def test_what_nobody_configured_is_refused_with_what_there_is(stage: BusStage) -> None:
    refused = await schedule(stage, "run", "lunch")
    assert refused.returncode == 2
    assert "closing" in refused.stderr
    assert (await schedule(stage, "run", "closing", "--tenant", "H99999999999")).returncode == 2
