"""The broker goes away and comes back, a queue vanishes: every consumer is back by itself."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator

import aiormq
import msgspec
import pytest
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity

from bus.config.load import load_settings
from bus.topology import EXPIRED_QUEUE, UNROUTED_QUEUE, reply_queue, request_key, request_queue
from compose.demo.stage import end
from compose.demo.visits import PILLS
from compose.node import PrivateNode
from consumers.worker import queues_of
from schemas.contract import Reply
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    agree,
    books_of,
    calls_of,
    hospital,
    measured,
    newcomer,
    program,
    seen,
    until,
)
from tests.door.raw_his import frame, raw_his, serves
from tests.operation.running_worker import tell

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A stage on a broker node of its own, which may be stopped; its worker has a page."""
    base = tmp_path_factory.mktemp("own-node")
    with PrivateNode(base / "rabbitmq") as node, BusStage(base / "stage", node) as one:
        yield one


@pytest.fixture(scope="module")
def page(stage: BusStage) -> str:
    """The metrics page of the only worker."""
    address = stage.start_measured_worker()
    end(stage.workers.pop(0))
    return address


def wanted(stage: BusStage) -> list[str]:
    """Every queue a worker of this stage consumes."""
    requests = [queue for queue, _ in queues_of(load_settings(stage.config, {}), ())]
    return [EXPIRED_QUEUE, UNROUTED_QUEUE, *requests]


async def without_consumer(stage: BusStage) -> list[str]:
    """Queues that are not there or that nobody reads."""
    try:
        connection = await aiormq.connect(stage.admin_url)
    except (OSError, AMQPError):
        return ["no broker"]
    async with connection:
        return [queue for queue in wanted(stage) if await readers(connection, queue) == 0]


async def readers(connection: aiormq.abc.AbstractConnection, queue: str) -> int:
    """How many consumers a queue has; 0 when it is not there."""
    channel = await connection.channel()
    try:
        found = await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return 0
    await channel.close()
    return found.consumer_count or 0


def health(page: str) -> tuple[int, dict[str, bool]]:
    """Status and content of /healthz."""
    try:
        address = page.replace("/metrics", "/healthz")
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - ours
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


async def healthy(page: str) -> bool:
    """Whether /healthz says that all is well."""
    return (await asyncio.to_thread(health, page))[0] == 200


def missing(page: str) -> set[str]:
    """Queues whose consumer the worker misses, by its own page."""
    figures = measured(page)
    return {name for name, value in figures.items() if "consumer_missing" in name and value}


async def test_after_a_broker_restart_every_consumer_is_back(stage: BusStage, page: str) -> None:
    assert await without_consumer(stage) == []
    assert await asyncio.to_thread(health, page) == (200, {"broker": True, "consumers": True})
    (worker,) = stage.workers
    async with program(stage) as his:
        desk = hospital(stage, his)
        visit = await desk.with_card(newcomer(stage))
        before = len(await calls_of(stage, "2102"))
        desk.fault("2102", "delay", s=1.0)
        asked = visit.purchase([PILLS])
        asking = asyncio.create_task(visit.ask("2102", asked, key="during-restart"))
        await seen(stage, "2102", before)
        restarting = asyncio.create_task(asyncio.to_thread(stage.node.restart))
        await until(lambda: ill(page))
        assert (await asyncio.to_thread(measured, page))["yibao_broker_connected"] == 0
        await restarting
        told = await asking
        assert told.code == "ok"
        agree(told, await books_of(stage, "during-restart"))
    await until(lambda: healthy(page))
    await until(lambda: nobody_missing(stage))
    await until(lambda: calm(page))
    assert worker.poll() is None


async def ill(page: str) -> bool:
    """Whether the worker says of itself that its broker is gone."""
    status, checks = await asyncio.to_thread(health, page)
    figures = await asyncio.to_thread(measured, page)
    return status == 503 and not checks["broker"] and not figures["yibao_broker_connected"]


async def nobody_missing(stage: BusStage) -> bool:
    """Whether every queue is read again."""
    return not await without_consumer(stage)


async def calm(page: str) -> bool:
    """Whether the figures say so too."""
    figures = await asyncio.to_thread(measured, page)
    connected = figures["yibao_broker_connected"] == 1 and figures["yibao_in_flight"] == 0
    return connected and not await asyncio.to_thread(missing, page)


async def test_a_request_at_a_broker_that_is_killed_is_answered_when_it_is_back(
    stage: BusStage, page: str
) -> None:
    (worker,) = stage.workers
    tell(worker, signal.SIGSTOP)  # it reads nothing while the request is stored
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        await his.send(frame(), request_key("1201", FIRST), message_id="before-the-kill")
    await asyncio.to_thread(stage.node.kill9)
    tell(worker, signal.SIGCONT)
    await asyncio.to_thread(stage.node.start_again)
    reply = await until(lambda: first_in(stage, reply_queue(FIRST)))
    assert msgspec.json.decode(reply, type=Reply).code == "ok"
    await until(lambda: healthy(page))
    await until(lambda: nobody_missing(stage))
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        await serves(his)


async def first_in(stage: BusStage, queue: str) -> bytes:
    """The first message of a queue; nothing while the broker is not ready or the queue empty."""
    try:
        connection = await aiormq.connect(stage.admin_url)
        async with connection:
            return (await (await connection.channel()).basic_get(queue, no_ack=True)).body
    except (OSError, AMQPError):
        return b""


@pytest.mark.parametrize("queue", [request_queue("1201"), request_queue("2301", FIRST)])
async def test_a_queue_that_was_deleted_is_declared_and_read_again(
    stage: BusStage, page: str, queue: str
) -> None:
    connection = await aiormq.connect(stage.admin_url)
    await (await connection.channel()).queue_delete(queue)
    await connection.close()
    await until(lambda: nobody_missing(stage))
    await until(lambda: healthy(page))
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        await serves(his)
