"""One consumer that is kept alive: through lost connections, cancels and vanished queues."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus.broker.errors import BrokerRefusedError, BrokerUnreachableError, QueueMissingError
from bus.broker.link import RPC_S, Lane, Link, Translated
from bus.broker.port import Handler
from bus.broker.received import DELIVER, Received, delivery
from bus.broker.turns import Start, Turns
from bus.clock import Clock

_log = logging.getLogger(__name__)

PAUSE_S_MIN = 0.1
STRIKES_MAX = 1
"""Connections that may be lost in a row while the broker starts this consumer, before it counts as
the cause: a queue that was broken by a power cut ends the whole connection each time (3.10)."""
QUARANTINE_S_FIRST, QUARANTINE_S_MAX = 30.0, 600.0
"""Pauses of a consumer that is the cause, so that the others are served meanwhile."""


class Surroundings:
    """What a consumer needs from the broker client: a link, a way to declare, time."""

    def __init__(
        self,
        clock: Clock,
        link: Callable[[], Awaitable[Link]],
        declare: Callable[[], Awaitable[None]],
        pause_s_max: float,
        turns: Turns,
        body_bytes_max: int = 0,
    ) -> None:
        self.clock = clock
        self.link = link
        self.declare = declare
        self.pause_s_max = pause_s_max
        self.turns = turns
        self.body_bytes_max = body_bytes_max


class Consumer:
    """A wanted consumer of ``queue``; ``present`` says whether the broker has it now."""

    def __init__(
        self, queue: str, prefetch: int, handler: Handler, surroundings: Surroundings
    ) -> None:
        self.queue = queue
        self.present = False
        self.wanted = True
        self.tasks: set[asyncio.Task[None]] = set()
        self._prefetch = prefetch
        self._handler = handler
        self._around = surroundings
        self._lane: Lane | None = None
        self._cancelled = asyncio.Event()
        self._tried = asyncio.Event()
        self._strikes = 0
        self._keeper = asyncio.create_task(self._keep(), name=f"consumer of {queue}")

    async def tried(self) -> None:
        """Return after the first attempt, successful or not. ``ValueError`` when the
        protocol does not allow such a name."""
        tried = asyncio.ensure_future(self._tried.wait())
        await asyncio.wait((tried, self._keeper), return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def stop(self) -> None:
        """Cancel the consumer. What was delivered stays valid: its channel remains open."""
        self.wanted = False
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        lane = self._lane
        if lane is not None and lane.is_open and self.present:
            with suppress(BrokerRefusedError, BrokerUnreachableError), Translated():
                async with asyncio.timeout(RPC_S):
                    await lane.channel.basic_cancel(_tag(self.queue))
        self.present = False

    async def _keep(self) -> None:
        pause_s = PAUSE_S_MIN
        while True:
            link = await self._around.link()
            try:
                async with self._around.turns.turn() as start:
                    lane = await self._start(link, start)
            except (BrokerRefusedError, BrokerUnreachableError) as error:
                self._tried.set()
                _log.warning("no consumer of %s: %s", self.queue, error)
                await self._declare_again(error)
                await self._around.clock.sleep(pause_s + self._quarantine_s())
                pause_s = min(pause_s * 2, self._around.pause_s_max)
                continue
            pause_s = PAUSE_S_MIN
            self._strikes = 0
            self.present = True
            self._tried.set()
            await self._until_gone(lane)
            self.present = False
            _log.warning("consumer of %s is gone: %s", self.queue, lane.reason or "cancelled")

    def _quarantine_s(self) -> float:
        """How much longer to wait when starting this consumer has cost connections again."""
        over = self._strikes - STRIKES_MAX
        return min(QUARANTINE_S_FIRST * 2 ** (over - 1), QUARANTINE_S_MAX) if over > 0 else 0.0

    async def _start(self, link: Link, start: Start) -> Lane:
        self._cancelled.clear()
        lane = await link.lane(self._arrived, body_bytes_max=self._around.body_bytes_max)
        self._lane = lane
        try:
            with Translated():
                async with asyncio.timeout(RPC_S):
                    await lane.channel.basic_qos(prefetch_count=self._prefetch, global_=False)
                    await lane.channel.basic_consume(
                        self.queue,
                        _not_used,
                        no_ack=False,
                        exclusive=False,
                        consumer_tag=_tag(self.queue),
                    )
        except BaseException:
            self._strikes += not link.is_open and self._around.turns.lost(start)
            await lane.close()
            raise
        return lane

    async def _until_gone(self, lane: Lane) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (lane.closed, self._cancelled)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        await lane.close()

    async def _declare_again(self, error: Exception) -> None:
        if isinstance(error, QueueMissingError):
            with suppress(BrokerRefusedError, BrokerUnreachableError):
                await self._around.declare()

    def _arrived(self, lane: Lane, method: bytes, header: bytes, body: bytes) -> None:
        if not method.startswith(DELIVER):
            self._cancelled.set()
            return
        received = delivery(method, header, body, lane)
        if not self.wanted:
            received.requeue()
            return
        task = asyncio.create_task(self._handle(received))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _handle(self, received: Received) -> None:
        try:
            await self._handler(received)
        except Exception as error:  # noqa: BLE001 - a handler's fault must not end the consumer
            # Only the kind: the text of a handler's exception may name a person.
            _log.error("handler of %s failed: %s", self.queue, type(error).__name__)
            received.requeue()


def _tag(queue: str) -> str:
    return f"yibao:{queue}"


async def _not_used(_message: object) -> None:
    """The library wants a callback; deliveries are taken out before it sees them."""
