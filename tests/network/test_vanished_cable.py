"""A cable that is pulled: no packet arrives any more, nobody acknowledges, nothing is reset."""

import asyncio
import signal
from contextlib import AsyncExitStack

import aiormq
import pytest

from bus.config.load import load_settings
from bus.topology import request_queue
from compose.demo import stage as staging
from compose.demo.stage import end
from compose.demo.visits import PILLS
from compose.node import PrivateNode
from compose.pg import PrivatePostgres
from tests.consumers.bus_stage import (
    agree,
    books_of,
    calls_of,
    final,
    hospital,
    newcomer,
    program,
    seen,
    until,
)
from tests.network.fault_proxy import fault_proxy
from tests.network.net_namespace import allowed, namespace
from tests.network.net_stage import NetStage, urls_of

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not allowed(), reason="this machine lets us make no network namespace"),
]


async def test_a_worker_whose_cable_was_pulled_finds_everything_again(
    broker_node: PrivateNode,
    postgres_server: PrivatePostgres,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path_factory.mktemp("cable")
    async with AsyncExitStack() as stack:
        stage = stack.enter_context(NetStage(folder, broker_node, postgres_server))
        cable = stack.enter_context(namespace())
        text = stage.config.read_text("utf-8").replace("[broker]", "[broker]\nheartbeat_s = 5")
        for link, url in urls_of(load_settings(stage.config, {}), stage).items():
            if link != "his":
                port = int(url.rpartition(":")[2].partition("/")[0])
                proxy = await stack.enter_async_context(fault_proxy(port, cable.host))
                text = text.replace(f"127.0.0.1:{port}/", f"{cable.host}:{proxy.port}/")
        direct = stage.config.read_text("utf-8")
        stage.config.write_text(text, "utf-8")
        monkeypatch.setattr(staging, "YIBAO", cable.command(staging.YIBAO, folder))
        worker = await asyncio.to_thread(stage.start_worker, "--only", "1101,2102")
        stage.config.write_text(direct, "utf-8")  # the books are opened from this side
        stack.callback(end, worker, signal.SIGKILL)
        his = await stack.enter_async_context(program(stage))
        desk = hospital(stage, his)
        visits = [await desk.with_card(newcomer(stage)) for _ in range(2)]
        before = len(await calls_of(stage, "2102"))
        desk.fault("2102", "delay", s=0.5)
        first = asyncio.create_task(visits[0].ask("2102", visits[0].purchase([PILLS]), key="a"))
        await seen(stage, "2102", before)
        assert not await unread(stage)
        cable.pull()
        second = asyncio.create_task(visits[1].ask("2102", visits[1].purchase([PILLS]), key="b"))
        await until(lambda: unread(stage))
        cable.plug()
        for asking in (first, second):
            told = await final(his, await asking)
            assert told.status in {"succeeded", "reversed"}
            agree(told, await books_of(stage, told.key))
        assert worker.poll() is None


async def unread(stage: NetStage) -> bool:
    """Whether the broker has given up the worker."""
    async with await aiormq.connect(stage.admin_url) as connection:
        channel = await connection.channel()
        found = await channel.queue_declare(request_queue("2102"), passive=True)
        return found.consumer_count == 0
