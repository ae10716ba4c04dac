"""Confirmed publishing on one channel: many messages in flight, each with its own answer."""

import asyncio
import secrets
from itertools import count

from bus.broker.frames import publish_frames
from bus.broker.link import Lane, Link
from bus.broker.port import Message, PublishFailedError, UnroutableError
from bus.broker.received import RETURN, returned
from bus.broker.tap import ACK, NACK


class Outlet:
    """The publishing channel of a link. When it is gone, every unanswered publish fails."""

    lane: Lane

    def __init__(self, link: Link, confirm_timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._frame_bytes_max = link.frame_bytes_max
        self._timeout_s = confirm_timeout_s
        self._tags = count(1)
        self._lowest = 1
        self._waiting: dict[int, tuple[float, asyncio.Future[None]]] = {}
        self._ids: dict[str, int] = {}
        self._prefix = secrets.token_hex(8)
        self.refused = False
        """Whether the broker has refused a message. After a quorum queue has lost its leader it may
        refuse everything on a channel for ever (RabbitMQ 3.10); on a new one it takes it."""

    @classmethod
    async def open(cls, link: Link, confirm_timeout_s: float) -> "Outlet":
        """Open the channel and switch confirms on."""
        outlet = cls(link, confirm_timeout_s)
        outlet.lane = await link.lane(outlet.arrived, confirms=True)
        return outlet

    @property
    def unconfirmed(self) -> int:
        """How many publishes wait for the broker's answer."""
        return len(self._waiting)

    async def publish(self, message: Message) -> None:
        """See ``bus.broker.port.Publisher``. ``ValueError`` when a property is too long."""
        message_id = message.message_id
        if message.mandatory:
            # A returned message is recognised by its id, so one id is in flight once at a time.
            while (earlier := self._in_flight(message_id)) is not None:
                await asyncio.wait((earlier,))
        self._check_open()
        tag = next(self._tags)
        if message.mandatory and not message_id:
            message_id = f"{self._prefix}-{tag}"
        future = self._send(tag, message, message_id)
        try:
            await future
        finally:
            if self._ids.get(message_id) == tag:
                del self._ids[message_id]

    def arrived(self, _lane: Lane, method: bytes, header: bytes, _body: bytes) -> None:
        """A confirm, a refusal or a returned message."""
        index = method[:4]
        if index == RETURN:
            message_id, reason = returned(method, header)
            waiting = self._waiting.get(self._ids.get(message_id, 0))
            if waiting:
                _fail(waiting[1], UnroutableError(f"no queue took the message: {reason}"))
            return
        if index not in (ACK, NACK):
            return
        tag = int.from_bytes(method[4:12], "big")
        first = self._lowest if method[12] & 1 else tag
        for each in range(first, tag + 1):
            entry = self._waiting.pop(each, None)
            if entry is None or entry[1].done():
                continue
            if index == ACK:
                entry[1].set_result(None)
            else:
                self.refused = True
                _fail(entry[1], PublishFailedError("the broker refused the message (queue full?)"))
        if method[12] & 1:
            self._lowest = tag + 1

    def sweep(self) -> None:
        """Fail what the broker has not answered in time; called once a second."""
        now = self._loop.time()
        for deadline, future in self._waiting.values():
            if deadline > now:
                return
            _fail(future, PublishFailedError(f"no confirm within {self._timeout_s:.0f} s"))

    def fail_all(self) -> None:
        """Fail every unanswered publish: the channel is gone."""
        reason = self.lane.reason or "the connection was lost"
        for _, future in self._waiting.values():
            _fail(future, PublishFailedError(f"not confirmed: {reason}"))
        self._waiting.clear()

    async def drained(self) -> None:
        """Return when no publish is unanswered."""
        while still := [future for _, future in self._waiting.values() if not future.done()]:
            await asyncio.wait(still)

    def _send(self, tag: int, message: Message, message_id: str) -> "asyncio.Future[None]":
        try:
            frames = publish_frames(self.lane.number, message, message_id, self._frame_bytes_max)
        except ValueError:
            self._tags = count(tag)  # nothing was sent: the broker's count did not move
            raise
        future = self._loop.create_future()
        self._waiting[tag] = (self._loop.time() + self._timeout_s, future)
        if message.mandatory:
            self._ids[message_id] = tag
        self.lane.write(frames)
        return future

    def _in_flight(self, message_id: str) -> "asyncio.Future[None] | None":
        entry = self._waiting.get(self._ids.get(message_id, 0)) if message_id else None
        return None if entry is None or entry[1].done() else entry[1]

    def _check_open(self) -> None:
        if not self.lane.is_open:
            raise PublishFailedError("not sent: the connection is lost")


def _fail(future: "asyncio.Future[None]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
