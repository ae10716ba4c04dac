"""A broker in memory: the same ports, for unit tests and simulations. No time, no threads.

What it keeps of the real one: topic matching, confirms, unroutable messages, prefetch,
at-least-once redelivery (``lose_connection`` gives everything in hand back), dead letters of
expired and too often delivered messages, retry rungs (``ring`` lets a rung's time pass).
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

import msgspec

from bus.broker.errors import QueueMissingError
from bus.broker.port import Delivery, Handler, Message, PublishFailedError, UnroutableError
from bus.broker.received import Received
from bus.topology.items import Binding, Exchange, Item, Queue


def topic_matches(pattern: str, key: str) -> bool:
    """AMQP topic matching: ``*`` is one word, ``#`` any number of words, none included."""
    return _matches(pattern.split("."), key.split(".") if key else [])


def _matches(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_matches(pattern[1:], words[at:]) for at in range(len(words) + 1))
    if not words or pattern[0] not in ("*", words[0]):
        return False
    return _matches(pattern[1:], words[1:])


class _Stored(msgspec.Struct):
    """A message in a queue. ``reason`` and ``first_queue`` tell of its first dead-lettering."""

    message: Message
    exchange: str
    deliveries: int = 0
    reason: str = ""
    first_queue: str = ""


class _Line:
    """One queue: what waits, and what is in somebody's hands."""

    def __init__(self, item: Queue) -> None:
        self.item = item
        self.waiting: deque[_Stored] = deque()
        self.in_hand: dict[int, _Stored] = {}


class _Consumer:
    def __init__(self, queue: str, prefetch: int, handler: Handler) -> None:
        self.queue = queue
        self.prefetch = prefetch
        self.handler = handler
        self.tags: set[int] = set()
        self.wanted = True


class _Hand:
    """Settles deliveries of one connection epoch; later ones ignore it."""

    def __init__(self, broker: "MemoryBroker", line: _Line, consumer: _Consumer | None) -> None:
        self._broker = broker
        self._line = line
        self._consumer = consumer

    def ack(self, tag: int) -> None:
        self._take(tag)
        self._broker.pump()

    def requeue(self, tag: int) -> None:
        stored = self._take(tag)
        if stored is not None:
            self._broker.put_back(self._line, stored)
        self._broker.pump()

    def _take(self, tag: int) -> _Stored | None:
        if self._consumer is not None:
            self._consumer.tags.discard(tag)
        return self._line.in_hand.pop(tag, None)


class MemoryBroker:
    """Publisher and Consumers of ``bus.broker.port``. ``connected`` may be switched off."""

    def __init__(self, declare: Iterable[Item] = ()) -> None:
        self.connected = True
        self._exchanges: dict[str, Exchange] = {}
        self._bindings: list[Binding] = []
        self._lines: dict[str, _Line] = {}
        self._consumers: list[_Consumer] = []
        self._tags = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._add(declare)

    # -- the ports -------------------------------------------------------------------------------

    async def publish(self, message: Message) -> None:
        """See the port."""
        await asyncio.sleep(0)
        if not self.connected:
            raise PublishFailedError("not sent: no connection to the broker")
        # A copy: the publisher may change its headers afterwards.
        stored = _Stored(
            message=msgspec.structs.replace(message, headers=dict(message.headers)),
            exchange=message.exchange,
        )
        lines = self._route(message.exchange, message.routing_key)
        if any(self._is_full(line) for line in lines):
            raise PublishFailedError("the broker refused the message (queue full?)")
        for line in lines:
            self._store(line, msgspec.structs.replace(stored))
        self.pump()
        if not lines and message.mandatory:
            raise UnroutableError("no queue took the message: NO_ROUTE")

    async def consume(self, queue: str, prefetch: int, handler: Handler) -> None:
        """See the port."""
        self._consumers.append(_Consumer(queue, prefetch, handler))
        self.pump()

    async def stop_consuming(self) -> None:
        """See the port."""
        for consumer in self._consumers:
            consumer.wanted = False

    def missing(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(
            each.queue
            for each in self._consumers
            if each.wanted and not (self.connected and each.queue in self._lines)
        )

    async def declare(self, items: Iterable[Item]) -> None:
        """As ``bus.broker.client.Broker.declare``."""
        self._add(items)
        self.pump()

    async def get(self, queue: str) -> Delivery | None:
        """As ``bus.broker.client.Broker.get``."""
        line = self._lines.get(queue)
        if line is None:
            raise QueueMissingError(f"no queue {queue}")
        return self._hand_out(line, None) if line.waiting else None

    async def close(self) -> None:
        """Cancel handlers that still run; what they held goes back."""
        await self.stop_consuming()
        for task in tuple(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self.lose_connection()

    # -- faults and time, for tests --------------------------------------------------------------

    def lose_connection(self) -> None:
        """Everything in hand goes back to its queue; acknowledgements still to come mean
        nothing."""
        self.connected = False
        for consumer in self._consumers:
            consumer.tags.clear()
        for line in self._lines.values():
            back, line.in_hand = list(line.in_hand.values()), {}
            for stored in reversed(back):
                self.put_back(line, stored)

    def regain_connection(self) -> None:
        """Consumers are back and get what waits."""
        self.connected = True
        self.pump()

    def delete_queue(self, queue: str) -> None:
        """As an operator might; its consumer is missing until it is declared again."""
        self._lines.pop(queue, None)
        self._bindings = [each for each in self._bindings if each.queue != queue]

    def ring(self, queue: str) -> int:
        """Let the time-to-live of ``queue`` pass: how many messages were dead-lettered."""
        line = self._lines[queue]
        gone = list(line.waiting)
        line.waiting.clear()
        for stored in gone:
            self._bury(line, stored, "expired")
        self.pump()
        return len(gone)

    def waiting(self, queue: str) -> int:
        """Messages in the queue and in nobody's hands."""
        return len(self._lines[queue].waiting)

    # -- how -------------------------------------------------------------------------------------

    def _add(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, Exchange):
                self._exchanges.setdefault(item.name, item)
            elif isinstance(item, Queue):
                self._lines.setdefault(item.name, _Line(item))
            elif item not in self._bindings:
                self._bindings.append(item)

    def _route(self, exchange: str, key: str) -> list[_Line]:
        if not exchange:
            return [self._lines[key]] if key in self._lines else []
        declared = self._exchanges.get(exchange)
        if declared is None:
            raise PublishFailedError(f"not confirmed: no exchange {exchange}")
        found = {
            each.queue: self._lines[each.queue]
            for each in self._bindings
            if each.exchange == exchange
            and each.queue in self._lines
            and _bound(declared.kind, each.key, key)
        }
        if not found and declared.alternate:
            return self._route(declared.alternate, key)
        return list(found.values())

    def _is_full(self, line: _Line) -> bool:
        held = len(line.waiting) + len(line.in_hand)
        return line.item.overflow == "reject-publish" and held >= line.item.messages_max

    def _store(self, line: _Line, stored: _Stored) -> None:
        line.waiting.append(stored)
        if len(line.waiting) > line.item.messages_max:
            line.waiting.popleft()

    def put_back(self, line: _Line, stored: _Stored) -> None:
        """A delivery that was not acknowledged; too many of them bury the message."""
        if stored.deliveries > line.item.deliveries_max:
            self._bury(line, stored, "delivery_limit")
        else:
            line.waiting.appendleft(stored)

    def _bury(self, line: _Line, stored: _Stored, reason: str) -> None:
        if not line.item.dead_letter_exchange:
            return
        dead = msgspec.structs.replace(
            stored,
            deliveries=0,
            exchange=line.item.dead_letter_exchange,
            reason=stored.reason or reason,
            first_queue=stored.first_queue or line.item.name,
        )
        for target in self._route(dead.exchange, stored.message.routing_key):
            self._store(target, msgspec.structs.replace(dead))

    def pump(self) -> None:
        """Hand out what can be handed out."""
        if not self.connected:
            return
        for consumer in self._consumers:
            line = self._lines.get(consumer.queue)
            while consumer.wanted and line and line.waiting and self._has_room(consumer):
                received = self._hand_out(line, consumer)
                task = asyncio.get_running_loop().create_task(self._handle(consumer, received))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _has_room(self, consumer: _Consumer) -> bool:
        return not consumer.prefetch or len(consumer.tags) < consumer.prefetch

    def _hand_out(self, line: _Line, consumer: _Consumer | None) -> Received:
        stored = line.waiting.popleft()
        tag = next(self._tags)
        line.in_hand[tag] = stored
        if consumer is not None:
            consumer.tags.add(tag)
        message = stored.message
        received = Received(tag, _Hand(self, line, consumer), message.body)
        received.exchange = stored.exchange
        received.redelivered = stored.deliveries > 0
        for name in ("routing_key", "message_id", "correlation_id", "type", "reply_to", "user_id"):
            setattr(received, name, getattr(message, name))
        received.headers = dict(message.headers)
        if stored.reason:
            received.headers["x-first-death-reason"] = stored.reason
            received.headers["x-first-death-queue"] = stored.first_queue
        stored.deliveries += 1
        return received

    async def _handle(self, consumer: _Consumer, received: Received) -> None:
        try:
            await consumer.handler(received)
        except Exception:  # noqa: BLE001 - as the real one: the message goes back, the consumer stays
            received.requeue()


def _bound(kind: str, pattern: str, key: str) -> bool:
    if kind == "fanout":
        return True
    return topic_matches(pattern, key) if kind == "topic" else pattern == key
