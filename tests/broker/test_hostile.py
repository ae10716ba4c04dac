"""What other clients can do to us through the real broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiormq
import pytest
from pamqp import commands

from bus.broker.client import Broker
from bus.broker.frames import publish_frames
from bus.broker.outlet import Outlet
from bus.broker.port import Delivery, Message, PublishFailedError
from bus.clock import SystemClock
from bus.topology import EXPIRED_QUEUE, REQUESTS_EXCHANGE, declaration, request_queue
from tests.broker.conftest import plain_queue, until
from tests.conftest import Vhost

ITEMS = (*declaration({"2207": "call"}, ("H1",)), plain_queue("q"))


@pytest.fixture
async def bus(vhost: Vhost) -> AsyncIterator[Broker]:
    broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    yield broker
    await broker.close()


@pytest.fixture
async def stranger(vhost: Vhost) -> AsyncIterator[aiormq.abc.AbstractChannel]:
    """Another vendor's client."""
    connection = await aiormq.connect(vhost.url)
    yield await connection.channel()
    await connection.close()


async def test_a_message_with_an_expiration_ends_beside_the_requests_and_says_so(
    bus: Broker, stranger: aiormq.abc.AbstractChannel
) -> None:
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)
        delivery.ack()

    await bus.consume(EXPIRED_QUEUE, 10, handler)
    properties = commands.Basic.Properties(
        expiration="20", message_id="m", reply_to="yibao.replies.H1", delivery_mode=2
    )
    await stranger.basic_publish(
        b"{}", exchange=REQUESTS_EXCHANGE, routing_key="2207.H1", properties=properties
    )
    await until(lambda: len(seen) == 1, "the expired message")
    assert seen[0].headers["x-first-death-reason"] == "expired"
    assert seen[0].headers["x-first-death-queue"] == request_queue("2207")
    assert (seen[0].routing_key, seen[0].message_id) == ("2207.H1", "m")
    assert seen[0].reply_to == "yibao.replies.H1"


async def test_properties_that_are_not_utf8_neither_end_the_connection_nor_stop_the_next_message(
    bus: Broker,
) -> None:
    outlet = bus._outlet
    assert isinstance(outlet, Outlet)
    marked = Message(body=b"gbk", routing_key="q", correlation_id="GBKGBK", reply_to="GBKGBK")
    frames = publish_frames(outlet.lane.number, marked, "m", 0)
    outlet.lane.write(frames.replace(b"GBKGBK", "结算单".encode("gbk")))
    next(outlet._tags)
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)
        delivery.ack()

    link = bus._link
    await bus.consume("q", 10, handler)
    await bus.publish(Message(body=b"good", routing_key="q"))
    await until(lambda: len(seen) == 2, "both messages")
    assert [each.body for each in seen] == [b"gbk", b"good"]
    assert "?" in seen[0].reply_to
    assert bus._link is link
    assert bus.connected


async def test_a_fetched_message_with_properties_in_gbk_does_not_end_the_connection(
    bus: Broker,
) -> None:
    outlet = bus._outlet
    assert isinstance(outlet, Outlet)
    frames = publish_frames(
        outlet.lane.number, Message(body=b"x", routing_key="q", type="GBKGBK"), "m", 0
    )
    outlet.lane.write(frames.replace(b"GBKGBK", "结算单".encode("gbk")))
    next(outlet._tags)
    await bus.publish(Message(body=b"y", routing_key="q"))
    first, second = await bus.get("q"), await bus.get("q")
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b"x", b"y")
    assert await bus.get("q") is None


async def test_a_refused_publish_closes_one_channel_and_the_next_publish_works(
    bus: Broker,
) -> None:
    link = bus._link
    with pytest.raises(PublishFailedError, match="NOT_FOUND"):
        await bus.publish(Message(body=b"x", exchange="no-such", routing_key="k"))
    with pytest.raises(PublishFailedError, match="user_id"):
        await bus.publish(Message(body=b"x", routing_key="q", user_id="somebody-else"))
    await bus.publish(Message(body=b"x", routing_key="q"))
    assert bus._link is link


async def test_a_cancelled_publish_leaves_the_others_their_own_answers(bus: Broker) -> None:
    tasks = [
        asyncio.create_task(
            bus.publish(Message(body=b"x", routing_key="q" if each % 2 else "nowhere"))
        )
        for each in range(20)
    ]
    await asyncio.sleep(0)
    for task in tasks[:10]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [type(each).__name__ for each in results]
    assert kinds[:10] == ["CancelledError"] * 10
    assert kinds[10:] == ["UnroutableError", "NoneType"] * 5


async def test_close_waits_for_open_confirms(vhost: Vhost) -> None:
    broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    tasks = [
        asyncio.create_task(broker.publish(Message(body=b"x", routing_key="q"))) for _ in range(50)
    ]
    await asyncio.sleep(0)
    await broker.close()
    assert await asyncio.gather(*tasks) == [None] * 50
    with pytest.raises(PublishFailedError):
        await broker.publish(Message(body=b"x", routing_key="q"))
    await broker.close()


async def test_a_password_file_that_is_away_for_a_moment_does_not_end_the_supervision(
    vhost: Vhost, tmp_path: Path
) -> None:
    broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    link = broker._link
    assert link is not None
    secret = Path(vhost.password_file)
    away = await asyncio.to_thread(secret.rename, tmp_path / "away")
    link._tap.abort()
    await until(lambda: not broker.connected, "the connection is lost")
    await asyncio.sleep(0.2)
    await asyncio.to_thread(away.rename, secret)
    await until(lambda: broker.connected, "the connection is back")
    await broker.publish(Message(body=b"x", routing_key="q"))
    await broker.close()


async def test_a_queue_name_the_protocol_cannot_carry_is_told_at_once(bus: Broker) -> None:
    async def handler(_delivery: Delivery) -> None:
        """Never called."""

    with pytest.raises(ValueError, match="length"):
        await bus.consume("q" * 300, 1, handler)
