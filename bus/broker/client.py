"""The broker client: one connection that comes back by itself, with everything on it."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum

from bus.broker import declare as declaring
from bus.broker.consumer import PAUSE_S_MIN, Consumer, Surroundings
from bus.broker.declare import Difference
from bus.broker.errors import BrokerRefusedError, BrokerUnreachableError
from bus.broker.fetch import Fetcher
from bus.broker.link import CLOSE_S, Link
from bus.broker.outlet import Outlet
from bus.broker.port import Delivery, Handler, Message, PublishFailedError
from bus.broker.turns import Turns
from bus.clock import Clock
from bus.config.faults import ConfigError
from bus.config.settings import BrokerSettings
from bus.topology.items import Item

_log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 8192
"""Unconfirmed publishes of one process; more callers wait. Bounds memory while the broker has
stopped reading (memory or disk alarm)."""
SWEEP_S = 1.0


class LinkState(StrEnum):
    """What a listener is told."""

    CONNECTED = "connected"
    LOST = "lost"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


class Broker:
    """Publisher and Consumers of ``bus.broker.port`` on a real broker. Made by ``connect``."""

    def __init__(self, settings: BrokerSettings, clock: Clock, name: str) -> None:
        self._settings = settings
        self._clock = clock
        self._name = name
        self._items: tuple[Item, ...] = ()
        self._link: Link | None = None
        self._outlet: Outlet | None = None
        self._linked = asyncio.Event()
        self._ready = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._consumers: list[Consumer] = []
        self._listeners: list[Callable[[LinkState], None]] = []
        self._declaring = asyncio.Lock()
        self._turns = Turns()
        self._asking = asyncio.Lock()
        self._declared = 0
        self._fetcher = Fetcher()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self.blocked = False
        self.body_bytes_max = 0
        """Beyond it the body of a delivery is cut while it arrives (0: never); set before
        ``consume``. A broker takes messages of 16 or 128 MiB, and a prefetch is many."""

    @classmethod
    async def connect(
        cls,
        settings: BrokerSettings,
        clock: Clock,
        *,
        declare: Iterable[Item] = (),
        patience_s: float = 0.0,
        name: str = "yibao",
    ) -> "Broker":
        """Connect and declare ``declare`` (again after every reconnect, and when a queue is gone).

        ``patience_s``: how long to wait for a broker that is not there yet. Raises
        ``BrokerUnreachableError``, ``BrokerRefusedError`` (``TopologyConflictError`` among them).
        """
        broker = cls(settings, clock, name)
        broker._items = tuple(declare)
        end_ms = clock.now_ms() + patience_s * 1000
        pause_s = PAUSE_S_MIN
        while True:
            try:
                link = await Link.open(settings, name)
                break
            except BrokerUnreachableError as error:
                if clock.now_ms() >= end_ms:
                    raise
                if pause_s == PAUSE_S_MIN:
                    _log.warning("the broker is not there yet, waiting for it: %s", error)
            await clock.sleep(pause_s)
            pause_s = min(pause_s * 2, settings.reconnect_s_max)
        try:
            await declaring.apply(link, broker._items)
            broker._use(link, await Outlet.open(link, settings.confirm_timeout_s))
        except BaseException:
            await link.close()
            raise
        broker._keeper = asyncio.create_task(broker._keep(), name="broker connection")
        return broker

    # -- state -----------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the connection is up as far as we know."""
        return self._link is not None and self._link.is_open

    def listen(self, listener: Callable[[LinkState], None]) -> None:
        """Call ``listener`` on every change of state; it must not raise."""
        self._listeners.append(listener)

    def missing(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(each.queue for each in self._consumers if each.wanted and not each.present)

    # -- use -------------------------------------------------------------------------------------

    async def publish(self, message: Message) -> None:
        """See the port. While the connection is away it waits for it, at most the confirm time-out;
        ``PublishFailedError`` then means that nothing was sent."""
        if not self._ready.is_set():
            await self._wait_ready()
        async with self._slots:
            outlet = self._outlet
            if outlet is None:
                raise PublishFailedError("not sent: the connection is lost")
            await outlet.publish(message)

    async def consume(self, queue: str, prefetch: int, handler: Handler) -> None:
        """See the port. Returns after the first attempt; ``missing`` tells whether it worked.
        ``ValueError`` when the protocol does not allow such a name."""
        around = Surroundings(
            self._clock,
            self._current_link,
            self._declare_again,
            self._settings.reconnect_s_max,
            self._turns,
            self.body_bytes_max,
        )
        consumer = Consumer(queue, prefetch, handler, around)
        self._consumers.append(consumer)
        try:
            await consumer.tried()
        except ValueError:
            self._consumers.remove(consumer)
            raise

    async def stop_consuming(self) -> None:
        """See the port."""
        await asyncio.gather(*(each.stop() for each in self._consumers))

    async def declare(self, items: Iterable[Item]) -> None:
        """Declare more, now and after every reconnect. Errors as ``connect``."""
        more = tuple(items)
        async with self._declaring:
            await declaring.apply(await self._current_link(), more)
        self._items += tuple(item for item in more if item not in self._items)

    async def check(self, items: Iterable[Item]) -> tuple[Difference, ...]:
        """Where the broker differs from ``items``; creates nothing."""
        return await declaring.check(await self._current_link(), items)

    async def get(self, queue: str) -> Delivery | None:
        """One message of ``queue``, or None when it is empty. What is neither acknowledged nor
        requeued goes back when the connection ends. ``QueueMissingError`` and so on."""
        return await self._fetcher.get(await self._current_link(), queue)

    async def close(self) -> None:
        """Stop consuming, wait for open confirms (at most ``CLOSE_S``), say goodbye. Handlers that
        still run are cancelled; what they had not acknowledged goes back to its queue."""
        self._closing = True
        await self.stop_consuming()
        if self._outlet is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._outlet.drained()
        tasks = [task for each in self._consumers for task in each.tasks]
        if self._keeper is not None:
            tasks.append(self._keeper)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            await self._link.close()
        if self._outlet is not None:
            self._outlet.fail_all()

    # -- supervision -----------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Serve a link until it is lost, then get the next one, for ever."""
        while True:
            if self._link is not None:
                await self._serve(self._link)
                _log.warning("connection to the broker lost: %s", self._link.reason)
            self._tell(LinkState.LOST)
            await self._reconnect()
            self._tell(LinkState.CONNECTED)

    async def _serve(self, link: Link) -> None:
        while link.is_open:
            outlet = self._outlet
            if outlet is not None:
                await self._watch(link, outlet)
                self._ready.clear()
                if outlet.refused:
                    await outlet.lane.close()
                outlet.fail_all()
                self._outlet = None
            if link.is_open:
                # Only the channel is gone: a refused publish. The link and its consumers stay.
                with suppress(BrokerRefusedError, BrokerUnreachableError):
                    self._use(link, await Outlet.open(link, self._settings.confirm_timeout_s))
                await self._clock.sleep(0 if self._outlet else PAUSE_S_MIN)
        self._linked.clear()

    async def _watch(self, link: Link, outlet: Outlet) -> None:
        closed = asyncio.ensure_future(outlet.lane.closed.wait())
        try:
            while not closed.done() and not outlet.refused:
                await asyncio.wait((closed,), timeout=SWEEP_S)
                outlet.sweep()
                await self._note_blocked(link)
        finally:
            closed.cancel()

    async def _note_blocked(self, link: Link) -> None:
        blocked = await link.is_blocked()
        if blocked != self.blocked:
            self.blocked = blocked
            _log.warning("the broker %s publishing", "has blocked" if blocked else "accepts")
            self._tell(LinkState.BLOCKED if blocked else LinkState.UNBLOCKED)

    async def _reconnect(self) -> None:
        pause_s = PAUSE_S_MIN
        while True:
            link = None
            try:
                link = await Link.open(self._settings, self._name)
                await self._declare_on(link)
                self._use(link, await Outlet.open(link, self._settings.confirm_timeout_s))
            except (BrokerRefusedError, ConfigError, OSError) as error:
                # A password or CA file that cannot be read now may be readable in a moment.
                _log.warning("no connection to the broker: %s", error)
                if link is not None:
                    await link.close()
            else:
                _log.warning("connected to the broker again")
                return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, self._settings.reconnect_s_max)

    async def _declare_on(self, link: Link) -> None:
        """Declare again. What the broker refuses is logged: an old queue that differs must not keep
        the other consumers away."""
        try:
            async with self._declaring:
                await declaring.apply(link, self._items)
        except BrokerRefusedError as error:
            _log.error("the broker refuses the declaration: %s", error)

    async def _declare_again(self) -> None:
        """For a consumer whose queue is gone; many may ask at once."""
        link, before = await self._current_link(), self._declared
        async with self._asking:
            if self._declared == before:
                await self._declare_on(link)
                self._declared += 1

    async def _current_link(self) -> Link:
        if self._closing:
            raise BrokerUnreachableError("the broker client is closed")
        while True:
            await self._linked.wait()
            if self._link is not None and self._link.is_open:
                return self._link
            await asyncio.sleep(0)

    async def _wait_ready(self) -> None:
        if self._closing:
            raise PublishFailedError("not sent: the broker client is closed")
        try:
            await self._clock.within(self._settings.confirm_timeout_s, self._ready.wait())
        except TimeoutError:
            raise PublishFailedError("not sent: no connection to the broker") from None

    def _use(self, link: Link, outlet: Outlet) -> None:
        self._link, self._outlet = link, outlet
        self._linked.set()
        self._ready.set()

    def _tell(self, state: LinkState) -> None:
        for listener in self._listeners:
            listener(state)
