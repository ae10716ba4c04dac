"""A broker that keeps its promises and no more: at least once, any order, confirms that get lost.

Requests stand in queues until a worker acknowledges them. Replies and events are taken by the
hospital systems as they arrive, unless the addressee is gone.
"""

from collections.abc import Callable
from itertools import count

import msgspec

from bus.broker.port import Handler, Message, PublishFailedError, UnroutableError
from bus.broker.received import Received
from bus.topology import (
    EVENTS_EXCHANGE,
    EXPIRED_EXCHANGE,
    EXPIRED_QUEUE,
    PARKED_QUEUE,
    REQUESTS_EXCHANGE,
    UNROUTED_QUEUE,
    request_queue,
)
from consumers.order import DIRECT_REPLY
from consumers.simulation.ground import Ground
from consumers.simulation.process import Process
from consumers.simulation.watch import Watch

RECONNECT_US = 2_000_000
NOTICE_US = 3_000_000
"""Until the broker notices that a process is gone."""


class Stored(msgspec.Struct):
    """A message in a request queue."""

    message: Message
    expires_us: int = 0
    deliveries: int = 0
    reason: str = ""
    from_queue: str = ""


class Line:
    """One queue: what waits, and what is in somebody's hands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: list[Stored] = []
        self.in_hand: dict[int, Stored] = {}


class Consumer(msgspec.Struct):
    """A consumer of one process."""

    line: Line
    prefetch: int
    handler: Handler
    tags: set[int]


class Link:
    """The connection of one process: a Publisher, and where its deliveries are settled."""

    def __init__(self, broker: "SimBroker", process: Process) -> None:
        self.broker = broker
        self.process = process
        self.up = True
        self.epoch = 0
        self.consumers: list[Consumer] = []
        self.consuming = True

    async def publish(self, message: Message) -> None:
        """See ``bus.broker.port.Publisher``."""
        process, ground = self.process, self.process.ground
        traits, what = ground.traits, message.exchange or message.routing_key
        epoch = self.epoch
        await process.pause(traits.latency_us // 2)
        if ground.chance(traits.link_loss):
            self.broker.lose(self)
        process.may_die(f"before publishing to {what}")
        if not self.up or epoch != self.epoch or ground.chance(traits.publish_lost):
            ground.note(process.name, f"publish to {what} failed")
            raise PublishFailedError("no confirm")
        routed = self.broker.accept(message)
        ground.note(process.name, f"published to {what} {message.correlation_id}")
        process.may_die(f"after publishing to {what}, unconfirmed")
        await process.pause(traits.latency_us // 2)
        if epoch != self.epoch or ground.chance(traits.confirm_lost):
            ground.note(process.name, f"confirm from {what} lost")
            raise PublishFailedError("no confirm")
        if not routed and message.mandatory:
            raise UnroutableError("NO_ROUTE")
        process.may_die(f"after the confirm of {what}")


class Hand:
    """Settles the deliveries of one connection while it lasts."""

    def __init__(self, link: Link, line: Line, consumer: Consumer) -> None:
        self._link = link
        self._epoch = link.epoch
        self._line = line
        self._consumer = consumer

    def ack(self, tag: int) -> None:
        link = self._link
        if link.process.alive and link.epoch == self._epoch:
            stored = self._take(tag)
            if stored is not None:
                link.broker.acked(stored, link)

    def requeue(self, tag: int) -> None:
        link = self._link
        if link.process.alive and link.epoch == self._epoch:
            stored = self._take(tag)
            if stored is not None:
                link.broker.put_back(self._line, stored)
                link.broker.pump()

    def _take(self, tag: int) -> Stored | None:
        self._consumer.tags.discard(tag)
        return self._line.in_hand.pop(tag, None)


class SimBroker:
    """Queues, connections, and the boxes of the hospital systems."""

    def __init__(self, ground: Ground, watch: Watch, bulk: frozenset[str]) -> None:
        self._ground = ground
        self._watch = watch
        self._bulk = bulk
        self._lines: dict[str, Line] = {}
        self._links: list[Link] = []
        self._tags = count(1)
        self.boxes: dict[str, Callable[[Message], None]] = {}
        """Queues somebody reads, by name."""
        self.on_event: Callable[[Message], None] = lambda message: None
        self.parked: list[Message] = []

    # -- connections -----------------------------------------------------------------------------

    def connect(self, process: Process) -> Link:
        """A new connection."""
        link = Link(self, process)
        self._links.append(link)
        return link

    def consume(self, link: Link, queue: str, prefetch: int, handler: Handler) -> None:
        """Keep a consumer of ``queue`` on this connection."""
        line = self._lines.setdefault(queue, Line(queue))
        link.consumers.append(Consumer(line, prefetch, handler, set()))

    def lose(self, link: Link) -> None:
        """The connection is cut; everything in its hands goes back. It is made anew."""
        if not link.up:
            return
        self._ground.note(link.process.name, "CONNECTION to the broker LOST")
        self._give_back(link)
        self._ground.loop.spawn(None, self._reconnect(link))

    async def leave(self, link: Link, notice_us: int = NOTICE_US) -> None:
        """The process is gone: the broker notices after a while."""
        await self._ground.pause(notice_us)
        self._give_back(link)
        self._links.remove(link)
        self.pump()

    async def _reconnect(self, link: Link) -> None:
        await self._ground.pause(RECONNECT_US)
        if link.process.alive:
            link.up = True
            self.pump()

    def _give_back(self, link: Link) -> None:
        link.up = False
        link.epoch += 1
        for consumer in link.consumers:
            for tag in sorted(consumer.tags):
                stored = consumer.line.in_hand.pop(tag, None)
                if stored is not None:
                    self.put_back(consumer.line, stored)
            consumer.tags.clear()

    # -- messages --------------------------------------------------------------------------------

    def accept(self, message: Message) -> bool:
        """Take a message; whether it found a queue."""
        if message.exchange == REQUESTS_EXCHANGE:
            self._watch.asked(message)
            self._line_of(message).waiting.append(Stored(message, self._expiry(message)))
            self.pump()
            return True
        if message.exchange == EVENTS_EXCHANGE:
            self._watch.told(message, event=True)
            self.on_event(message)
            return True
        if message.routing_key == PARKED_QUEUE:
            self._watch.parked(message)
            self.parked.append(message)
            return True
        box = self.boxes.get(message.routing_key)
        if box is None and not message.routing_key.startswith(DIRECT_REPLY):
            return False
        # The broker confirms what goes to a direct reply-to, whoever is there.
        self._watch.told(message, event=False)
        if box is not None:
            box(message)
        return True

    def acked(self, stored: Stored, link: Link) -> None:
        """A request was dealt with."""
        self._ground.note(link.process.name, f"acked {stored.message.correlation_id}")
        self._watch.acked(stored.message)
        self.pump()

    def put_back(self, line: Line, stored: Stored) -> None:
        """Not acknowledged: again in the queue, or buried when that has happened too often."""
        limit = self._ground.traits.deliveries_max
        if stored.deliveries > limit and line.name != EXPIRED_QUEUE:
            self._bury(line, stored, "delivery_limit")
        else:
            line.waiting.insert(0, stored)

    def drained(self) -> bool:
        """Whether every request was taken and acknowledged."""
        return not any(line.waiting or line.in_hand for line in self._lines.values())

    def _line_of(self, message: Message) -> Line:
        infno, _, tenant = message.routing_key.partition(".")
        queue = request_queue(infno, tenant if infno in self._bulk else "")
        if queue not in self._lines:
            queue = UNROUTED_QUEUE
        return self._lines.setdefault(queue, Line(queue))

    def _expiry(self, message: Message) -> int:
        ttl_ms = message.headers.get("simulated-expiration")
        return self._ground.loop.now_us + int(ttl_ms) * 1000 if ttl_ms else 0

    def _bury(self, line: Line, stored: Stored, reason: str) -> None:
        self._ground.note("broker", f"{reason}: {stored.message.correlation_id}")
        stored.reason, stored.from_queue, stored.expires_us = reason, line.name, 0
        expired = self._lines.setdefault(EXPIRED_QUEUE, Line(EXPIRED_QUEUE))
        expired.waiting.append(stored)

    # -- handing out -----------------------------------------------------------------------------

    def pump(self) -> None:
        """Hand out what somebody has room for."""
        for line in [line for line in self._lines.values() if line.waiting]:
            self._drop_expired(line)
            while line.waiting:
                ready = self._ready(line)
                if not ready:
                    break
                self._hand_out(line, *self._ground.dice.choice(ready))

    def _ready(self, line: Line) -> list[tuple[Link, Consumer]]:
        return [
            (link, consumer)
            for link in self._links
            if link.up and link.consuming and link.process.alive
            for consumer in link.consumers
            if consumer.line is line and len(consumer.tags) < consumer.prefetch
        ]

    def _drop_expired(self, line: Line) -> None:
        now_us = self._ground.loop.now_us
        for stored in [s for s in line.waiting if 0 < s.expires_us <= now_us]:
            line.waiting.remove(stored)
            self._bury(line, stored, "expired")

    def _hand_out(self, line: Line, link: Link, consumer: Consumer) -> None:
        ground = self._ground
        shuffled = len(line.waiting) > 1 and ground.chance(ground.traits.reorder)
        stored = line.waiting.pop(ground.dice.randrange(len(line.waiting)) if shuffled else 0)
        tag = next(self._tags)
        line.in_hand[tag] = stored
        consumer.tags.add(tag)
        received = self._received(tag, Hand(link, line, consumer), stored)
        stored.deliveries += 1
        link.process.spawn(self._deliver(link, consumer, received))

    async def _deliver(self, link: Link, consumer: Consumer, received: Received) -> None:
        process = link.process
        await process.pause(process.ground.traits.latency_us)
        again = " again" if received.redelivered else ""
        process.ground.note(process.name, f"got {received.type} {received.correlation_id}{again}")
        process.may_die("with a message just received")
        await consumer.handler(received)

    def _received(self, tag: int, hand: Hand, stored: Stored) -> Received:
        message = stored.message
        received = Received(tag, hand, message.body)
        received.exchange = EXPIRED_EXCHANGE if stored.reason else message.exchange
        received.redelivered = stored.deliveries > 0
        for name in ("routing_key", "message_id", "correlation_id", "type", "reply_to", "user_id"):
            setattr(received, name, getattr(message, name))
        received.headers = dict(message.headers)
        if stored.reason:
            received.headers["x-first-death-reason"] = stored.reason
            received.headers["x-first-death-queue"] = stored.from_queue
            received.headers["x-death"] = [{"queue": stored.from_queue, "reason": stored.reason}]
        return received
