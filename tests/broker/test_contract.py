"""The broker ports, held to on the real broker and on the one in memory."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bus.broker.client import Broker
from bus.broker.memory import MemoryBroker
from bus.broker.port import Delivery, Message, PublishFailedError, UnroutableError
from bus.clock import SystemClock
from bus.topology import (
    EXPIRED_QUEUE,
    REQUESTS_EXCHANGE,
    UNROUTED_QUEUE,
    Queue,
    declaration,
    request_key,
    request_queue,
    retry_exchange,
    retry_queue,
)
from tests.broker.conftest import plain_queue, until
from tests.conftest import Vhost

LANES = {"2207": "call", "2301": "bulk"}
TENANTS = ("H53010000001", "H53010000002")
ITEMS = (
    *declaration(LANES, TENANTS),
    plain_queue("q"),
    Queue(name="small", messages_max=2, overflow="reject-publish", deliveries_max=20),
)


class Subject(msgspec.Struct):
    """A broker under test and what the test may do to it."""

    bus: Broker | MemoryBroker
    vhost: Vhost | None = None

    async def cut(self) -> None:
        """Lose the connection and come back."""
        if isinstance(self.bus, MemoryBroker):
            self.bus.lose_connection()
            self.bus.regain_connection()
            return
        link = self.bus._link
        assert link is not None
        link._tap.abort()
        await until(lambda: self.connected_anew(link), "the connection is back")

    def connected_anew(self, old: object) -> bool:
        assert isinstance(self.bus, Broker)
        return self.bus._link is not old and self.bus.connected and not self.bus.missing()

    def delete(self, queue: str) -> None:
        if isinstance(self.bus, MemoryBroker):
            self.bus.delete_queue(queue)
            return
        assert self.vhost is not None
        where = f'<<"{self.vhost.name}">>, queue, <<"{queue}">>'
        self.vhost.node.eval(
            f"{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r({where})),"
            ' element(1, rabbit_amqqueue:delete(Q, false, false, <<"test">>))'
        )

    def let_rest(self, queue: str) -> None:
        """Time passes on a rung: by itself on the real broker."""
        if isinstance(self.bus, MemoryBroker):
            assert self.bus.ring(queue) == 1


@pytest.fixture(params=["real", "memory"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = MemoryBroker(ITEMS)
        yield Subject(memory)
        await memory.close()
        return
    vhost: Vhost = request.getfixturevalue("vhost")
    broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    yield Subject(broker, vhost)
    await broker.close()


class Reader:
    """Keeps what it is given; acknowledges when ``acks``."""

    def __init__(self, *, acks: bool = True) -> None:
        self.seen: list[Delivery] = []
        self.acks = acks

    async def __call__(self, delivery: Delivery) -> None:
        self.seen.append(delivery)
        if self.acks:
            delivery.ack()

    async def count(self, number: int) -> list[Delivery]:
        await until(lambda: len(self.seen) >= number, f"{number} deliveries, got {len(self.seen)}")
        return self.seen

    @property
    def bodies(self) -> list[bytes]:
        return [each.body for each in self.seen]


async def test_a_confirmed_message_arrives_with_all_its_properties(subject: Subject) -> None:
    sent = Message(
        body="结算".encode(),
        exchange=REQUESTS_EXCHANGE,
        routing_key=request_key("2207", TENANTS[0]),
        message_id="m-1",
        correlation_id="c-1",
        type="2207",
        reply_to="yibao.replies.H53010000001",
        user_id="yibao-admin",
        headers={"idempotency-key": "k-1", "attempts": 3},
    )
    await subject.bus.publish(sent)
    reader = Reader()
    await subject.bus.consume(request_queue("2207"), 10, reader)
    (got,) = await reader.count(1)
    for name in ("body", "exchange", "routing_key", "message_id", "correlation_id", "type"):
        assert getattr(got, name) == getattr(sent, name)
    assert (got.reply_to, got.user_id, got.headers) == (sent.reply_to, sent.user_id, sent.headers)
    assert got.redelivered is False
    assert got.expiration == ""


async def test_an_empty_and_a_large_body_arrive_whole(subject: Subject) -> None:
    reader = Reader()
    await subject.bus.consume("q", 10, reader)
    large = bytes(range(256)) * 4096
    await subject.bus.publish(Message(body=b"", routing_key="q"))
    await subject.bus.publish(Message(body=large, routing_key="q"))
    await reader.count(2)
    assert reader.bodies == [b"", large]


async def test_a_mandatory_message_without_a_queue_raises_and_others_in_flight_do_not(
    subject: Subject,
) -> None:
    keys = ["q", "nowhere", "q", "nowhere", "q"] * 20
    results = await asyncio.gather(
        *(
            subject.bus.publish(Message(body=b"x", routing_key=key, message_id="same"))
            for key in keys
        ),
        return_exceptions=True,
    )
    for key, result in zip(keys, results, strict=True):
        assert isinstance(result, UnroutableError) == (key == "nowhere")


async def test_a_message_that_is_not_mandatory_may_find_no_queue(subject: Subject) -> None:
    await subject.bus.publish(Message(body=b"x", routing_key="nowhere", mandatory=False))


async def test_thousands_of_pipelined_publishes_are_all_confirmed_and_all_arrive(
    subject: Subject,
) -> None:
    number = 3000
    reader = Reader()
    await subject.bus.consume("q", 200, reader)
    await asyncio.gather(
        *(
            subject.bus.publish(Message(body=str(each).encode(), routing_key="q"))
            for each in range(number)
        )
    )
    await reader.count(number)
    assert sorted(reader.bodies) == sorted(str(each).encode() for each in range(number))


async def test_a_full_queue_refuses_and_the_publisher_is_told(subject: Subject) -> None:
    message = Message(body=b"x", routing_key="small")
    refused = 0
    for _ in range(10):  # a quorum queue may take a few more than its limit
        try:
            await subject.bus.publish(message)
        except UnroutableError:
            raise
        except PublishFailedError:
            refused += 1
    assert refused > 0


async def test_no_more_than_prefetch_is_in_hand(subject: Subject) -> None:
    for each in range(10):
        await subject.bus.publish(Message(body=str(each).encode(), routing_key="q"))
    reader = Reader(acks=False)
    await subject.bus.consume("q", 3, reader)
    await reader.count(3)
    await subject.bus.publish(Message(body=b"later", routing_key="q"))  # a round trip
    assert len(reader.seen) == 3
    reader.acks = True
    for delivery in tuple(reader.seen):
        delivery.ack()
    await reader.count(11)


async def test_what_was_not_acknowledged_comes_again_after_the_connection_is_lost(
    subject: Subject,
) -> None:
    await subject.bus.publish(Message(body=b"again", routing_key="q"))
    await subject.bus.publish(Message(body=b"done", routing_key="q"))
    reader = Reader(acks=False)
    await subject.bus.consume("q", 10, reader)
    first, second = await reader.count(2)
    second.ack()
    await subject.bus.publish(Message(body=b"x", routing_key="q"))  # the ack went out before it
    await reader.count(3)
    await subject.cut()
    seen = (await reader.count(5))[3:]
    assert sorted(each.body for each in seen) == [b"again", b"x"]
    assert all(each.redelivered for each in seen)
    # Under the old connection these mean nothing; on the new one they would hit other messages.
    first.ack()
    first.requeue()
    for each in seen:
        each.ack()
    await subject.bus.publish(Message(body=b"end", routing_key="q"))
    assert (await reader.count(6))[5].body == b"end"


async def test_a_second_ack_of_the_same_delivery_is_harmless(subject: Subject) -> None:
    reader = Reader()
    await subject.bus.consume("q", 10, reader)
    await subject.bus.publish(Message(body=b"1", routing_key="q"))
    (first,) = await reader.count(1)
    first.ack()
    first.requeue()
    await subject.bus.publish(Message(body=b"2", routing_key="q"))
    await reader.count(2)
    assert reader.bodies == [b"1", b"2"]


async def test_a_requeued_delivery_comes_again(subject: Subject) -> None:
    seen: list[bool] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.redelivered)
        if len(seen) == 1:
            delivery.requeue()
        else:
            delivery.ack()

    await subject.bus.consume("q", 1, handler)
    await subject.bus.publish(Message(body=b"x", routing_key="q"))
    await until(lambda: len(seen) == 2, "the second delivery")
    assert seen == [False, True]


async def test_a_handler_that_raises_does_not_end_the_consumer(subject: Subject) -> None:
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.body)
        if delivery.body == b"poison" and seen.count(b"poison") < 3:
            raise RuntimeError("张三 must not be logged")
        delivery.ack()

    await subject.bus.consume("q", 1, handler)
    await subject.bus.publish(Message(body=b"poison", routing_key="q"))
    await subject.bus.publish(Message(body=b"good", routing_key="q"))
    await until(lambda: seen.count(b"poison") == 3 and b"good" in seen, "poison thrice, good once")
    assert subject.bus.missing() == ()


async def test_after_stop_consuming_nothing_new_comes_and_what_is_in_hand_stays_valid(
    subject: Subject,
) -> None:
    reader = Reader(acks=False)
    await subject.bus.consume("q", 10, reader)
    await subject.bus.publish(Message(body=b"in hand", routing_key="q"))
    (held,) = await reader.count(1)
    await subject.bus.stop_consuming()
    await subject.bus.publish(Message(body=b"new", routing_key="q"))
    held.ack()
    new = await subject.bus.get("q")
    assert new is not None
    assert new.body == b"new"
    new.ack()
    assert await subject.bus.get("q") is None
    assert reader.bodies == [b"in hand"]
    assert subject.bus.missing() == ()


async def test_a_vanished_queue_is_missing_and_its_consumer_comes_back_with_it(
    subject: Subject,
) -> None:
    bus, reader = subject.bus, Reader()
    await bus.consume("q", 10, reader)
    other = Reader()
    await bus.consume("small", 10, other)
    told = []
    if isinstance(bus, Broker):
        bus._items = tuple(item for item in bus._items if item != plain_queue("q"))
    subject.delete("q")
    await until(lambda: bus.missing() == ("q",), "the consumer is reported missing")
    await bus.publish(Message(body=b"unharmed", routing_key="small"))
    await other.count(1)
    await bus.declare([plain_queue("q")])
    await until(lambda: bus.missing() == (), "the consumer is back")
    await bus.publish(Message(body=b"back", routing_key="q"))
    told = await reader.count(1)
    assert told[0].body == b"back"


async def test_a_bulk_transaction_has_a_lane_for_each_tenant(subject: Subject) -> None:
    readers = []
    for tenant in TENANTS:
        readers.append(Reader())
        await subject.bus.consume(request_queue("2301", tenant), 10, readers[-1])
        await subject.bus.publish(
            Message(
                body=tenant.encode(),
                exchange=REQUESTS_EXCHANGE,
                routing_key=request_key("2301", tenant),
            )
        )
    for tenant, reader in zip(TENANTS, readers, strict=True):
        assert (await reader.count(1))[0].body == tenant.encode()


async def test_a_request_for_an_unknown_transaction_is_not_lost(subject: Subject) -> None:
    reader = Reader()
    await subject.bus.consume(UNROUTED_QUEUE, 10, reader)
    key = request_key("9999", TENANTS[0])
    await subject.bus.publish(Message(body=b"x", exchange=REQUESTS_EXCHANGE, routing_key=key))
    assert (await reader.count(1))[0].routing_key == key


async def test_a_rung_gives_a_message_back_under_its_own_routing_key(subject: Subject) -> None:
    reader = Reader()
    await subject.bus.consume(request_queue("2207"), 10, reader)
    key = request_key("2207", TENANTS[1])
    await subject.bus.publish(
        Message(body=b"x", exchange=retry_exchange(1), routing_key=key, headers={"attempts": 2})
    )
    assert reader.seen == []
    subject.let_rest(retry_queue(1))
    (back,) = await reader.count(1)
    assert (back.body, back.routing_key, back.headers["attempts"]) == (b"x", key, 2)
    assert back.headers["x-first-death-queue"] == retry_queue(1)


async def test_a_request_that_is_delivered_too_often_ends_beside_the_expired(
    subject: Subject,
) -> None:
    async def handler(_delivery: Delivery) -> None:
        raise RuntimeError

    aside = Reader()
    await subject.bus.consume(EXPIRED_QUEUE, 10, aside)
    await subject.bus.consume(request_queue("2207"), 10, handler)
    key = request_key("2207", TENANTS[0])
    await subject.bus.publish(Message(body=b"x", exchange=REQUESTS_EXCHANGE, routing_key=key))
    (dead,) = await aside.count(1)
    assert dead.headers["x-first-death-reason"] == "delivery_limit"
    assert dead.headers["x-first-death-queue"] == request_queue("2207")
    assert dead.routing_key == key
