"""What each broker user's duty lets it do and nothing else, on the real broker: the HIS beyond
publishing, the worker, the operator, the device bridge, monitoring."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource

from bus.topology import (
    DESKS_EXCHANGE,
    EVENTS_EXCHANGE,
    EXPIRED_QUEUE,
    PARKED_QUEUE,
    REQUESTS_EXCHANGE,
    UNROUTED_QUEUE,
    Account,
    Queue,
    Role,
    declaration,
    definitions,
    desk_queue,
    device_event,
    event_queue,
    password_hash,
    reply_queue,
    request_queue,
    settlement_event,
)
from tests.conftest import Vhost

A, B = "H53010000001", "H530100000011"
PASSWORD = "of this test"
DESK_A, DESK_B = (
    Queue(name=desk_queue(code, "window-1"), messages_max=9, overflow="drop-head", deliveries_max=9)
    for code in (A, B)
)
ITEMS = (*declaration({"2207": "call", "2301": "bulk"}, (A, B)), DESK_A, DESK_B)
QUORUM: Any = {"x-queue-type": "quorum"}
Act = Callable[[AbstractChannel], Awaitable[object]]


@pytest.fixture
def broker(vhost: Vhost) -> Vhost:
    """The topology, and one user of each duty."""
    duties = {
        "his": (Role.HIS, A),
        "worker": (Role.WORKER, ""),
        "operator": (Role.OPERATOR, ""),
        "bridge": (Role.BRIDGE, A),
        "monitor": (Role.MONITOR, ""),
    }
    hashed = password_hash(PASSWORD, b"salt")
    people = [
        Account(user=f"{vhost.name}-{name}", role=role, tenant=tenant, password_hash=hashed)
        for name, (role, tenant) in duties.items()
    ]
    vhost.node.import_definitions(definitions(ITEMS, vhost.name, people))
    return vhost


@asynccontextmanager
async def channel_of(broker: Vhost, name: str) -> AsyncIterator[AbstractChannel]:
    user = f"{broker.name}-{name}"
    connection = await aiormq.connect(
        broker.node.url(broker.name, user, PASSWORD.replace(" ", "%20"))
    )
    try:
        yield await connection.channel(on_return_raises=True)
    finally:
        await connection.close()


async def ignore(_message: object) -> None:
    """A consumer's handler."""


def publish(exchange: str, key: str) -> Act:
    return lambda channel: channel.basic_publish(b"{}", exchange=exchange, routing_key=key)


def get(queue: str) -> Act:
    return lambda channel: channel.basic_get(queue)


def consume(queue: str) -> Act:
    return lambda channel: channel.basic_consume(queue, ignore)


def delete(queue: str) -> Act:
    return lambda channel: channel.queue_delete(queue)


def purge(queue: str) -> Act:
    return lambda channel: channel.queue_purge(queue)


def declare(queue: str, **arguments: Any) -> Act:
    given = {**QUORUM, **{name.replace("_", "-"): value for name, value in arguments.items()}}
    return lambda channel: channel.queue_declare(queue, durable=True, arguments=given)


def bind(queue: str, exchange: str, key: str) -> Act:
    return lambda channel: channel.queue_bind(queue, exchange, key)


async def refused(broker: Vhost, name: str, *acts: Act) -> None:
    """Each on a channel of its own: a refusal closes it."""
    for number, act in enumerate(acts):
        async with channel_of(broker, name) as channel:
            try:
                await act(channel)
            except (ChannelAccessRefused, ChannelLockedResource):
                continue
        pytest.fail(f"act {number} was let through")


async def allowed(broker: Vhost, name: str, *acts: Act) -> None:
    async with channel_of(broker, name) as channel:
        for act in acts:
            await act(channel)


THEIRS = (reply_queue(B), f"{reply_queue(B)}.window-3", event_queue(B), desk_queue(B, "window-1"))
OURS = (request_queue("2207"), request_queue("2301", A), PARKED_QUEUE, EXPIRED_QUEUE)


@pytest.mark.parametrize("queue", [*THEIRS[::2], *OURS])
async def test_a_his_cannot_delete_purge_declare_or_consume_what_is_not_its_own(
    broker: Vhost, queue: str
) -> None:
    await refused(broker, "his", delete(queue), purge(queue), declare(queue), consume(queue))


async def test_a_his_does_all_that_with_queues_of_its_own(broker: Vhost) -> None:
    own = f"{reply_queue(A)}.window-3"
    await allowed(broker, "his", declare(own), consume(own), purge(own), delete(own))


async def test_a_his_cannot_bind_or_unbind_a_queue_of_another_or_of_the_bus(broker: Vhost) -> None:
    key = f"settlement.{A}.#"
    own = reply_queue(A)
    await refused(
        broker,
        "his",
        *(bind(queue, EVENTS_EXCHANGE, key) for queue in (*THEIRS, *OURS)),
        bind(own, REQUESTS_EXCHANGE, f"2207.{B}"),
        bind(own, DESKS_EXCHANGE, f"{A}.window-1"),
        lambda channel: channel.queue_unbind(
            request_queue("2207"), REQUESTS_EXCHANGE, routing_key="2207.*"
        ),
        lambda channel: channel.queue_unbind(
            event_queue(B), EVENTS_EXCHANGE, routing_key=f"settlement.{B}.#"
        ),
    )
    await allowed(broker, "his", bind(own, EVENTS_EXCHANGE, key))


async def test_a_his_cannot_delete_or_redeclare_an_exchange_of_the_bus(broker: Vhost) -> None:
    await refused(
        broker,
        "his",
        lambda channel: channel.exchange_delete(REQUESTS_EXCHANGE),
        lambda channel: channel.exchange_declare("yibao.mine", exchange_type="topic"),
        lambda channel: channel.exchange_bind(
            destination=EVENTS_EXCHANGE, source=EVENTS_EXCHANGE, routing_key=f"settlement.{A}.#"
        ),
    )


@pytest.mark.parametrize("target", ["", EVENTS_EXCHANGE, "yibao.retry.1", "yibao.expired"])
async def test_a_his_cannot_let_the_broker_publish_where_it_may_not(
    broker: Vhost, target: str
) -> None:
    """Through the default exchange it could put a forged reply into another's queue."""
    own = f"{reply_queue(A)}.trap"
    arguments: Any = {"alternate-exchange": target}
    await refused(
        broker,
        "his",
        declare(own, x_dead_letter_exchange=target, x_dead_letter_routing_key=reply_queue(B)),
        lambda channel: channel.exchange_declare(own, exchange_type="topic", arguments=arguments),
    )


@pytest.mark.parametrize("exchange", ["amq.topic", "amq.direct", "amq.fanout", "amq.headers"])
async def test_a_his_cannot_use_the_brokers_own_exchanges(broker: Vhost, exchange: str) -> None:
    own = reply_queue(A)
    await refused(broker, "his", publish(exchange, f"2207.{B}"), bind(own, exchange, "#"))


async def test_a_his_cannot_take_a_name_of_the_brokers_or_read_anothers_exclusive_queue(
    broker: Vhost,
) -> None:
    await refused(broker, "his", declare("amq.gen-mine"), declare("amq.rabbitmq.mine"))
    async with channel_of(broker, "worker") as channel:
        name = (await channel.queue_declare(f"{request_queue('9')}.x", exclusive=True)).queue or ""
        await refused(broker, "his", get(name), consume(name), delete(name))


async def test_the_worker_cannot_read_what_was_told_to_the_hospitals(broker: Vhost) -> None:
    told = (reply_queue(A), event_queue(A), desk_queue(A, "window-1"))
    await refused(broker, "worker", *map(get, told), publish("amq.topic", "x"), declare("theirs"))
    await allowed(
        broker,
        "worker",
        get(request_queue("2207")),
        get(PARKED_QUEUE),
        publish("", reply_queue(A)),
        publish(EVENTS_EXCHANGE, settlement_event(A, "succeeded")),
        declare(request_queue("9001")),
    )


async def test_an_operator_looks_at_what_is_parked_sends_it_on_and_nothing_more(
    broker: Vhost,
) -> None:
    aside = (PARKED_QUEUE, EXPIRED_QUEUE, UNROUTED_QUEUE)
    await allowed(
        broker,
        "operator",
        *map(get, aside),
        publish(REQUESTS_EXCHANGE, f"2207.{A}"),
        publish("", reply_queue(A)),
    )
    await refused(
        broker,
        "operator",
        *map(get, (request_queue("2207"), reply_queue(A), event_queue(A))),
        *map(delete, aside),
        publish(EVENTS_EXCHANGE, settlement_event(A, "succeeded")),
        declare("yibao.more"),
    )


async def test_a_device_bridge_serves_its_own_desks_and_tells_its_own_events(
    broker: Vhost,
) -> None:
    await allowed(
        broker,
        "bridge",
        consume(desk_queue(A, "window-1")),
        publish(EVENTS_EXCHANGE, device_event(A, "window-1", "card")),
    )
    await refused(
        broker,
        "bridge",
        consume(desk_queue(B, "window-1")),
        publish(EVENTS_EXCHANGE, device_event(B, "window-1", "card")),
        publish(EVENTS_EXCHANGE, settlement_event(A, "succeeded")),
        publish(REQUESTS_EXCHANGE, f"2207.{A}"),
        publish("", reply_queue(A)),
        publish(DESKS_EXCHANGE, f"{A}.window-1"),
        bind(desk_queue(A, "window-1"), DESKS_EXCHANGE, f"{B}.window-1"),
        declare(desk_queue(A, "window-2")),
        lambda channel: channel.queue_declare("", exclusive=True),
        get(reply_queue(A)),
    )


async def test_monitoring_touches_no_message(broker: Vhost) -> None:
    await refused(
        broker,
        "monitor",
        get(PARKED_QUEUE),
        get(request_queue("2207")),
        publish(REQUESTS_EXCHANGE, f"2207.{A}"),
        publish("", reply_queue(A)),
        lambda channel: channel.queue_declare("", exclusive=True),
        bind(PARKED_QUEUE, EVENTS_EXCHANGE, "#"),
    )
    async with channel_of(broker, "monitor") as channel:
        declared = await channel.queue_declare(PARKED_QUEUE, passive=True)
        assert declared.message_count == 0


async def test_no_user_of_one_virtual_host_enters_another(broker: Vhost) -> None:
    user = f"{broker.name}-his"
    with pytest.raises((aiormq.exceptions.AMQPError, ConnectionError)):
        await aiormq.connect(broker.node.url("/", user, PASSWORD.replace(" ", "%20")))
