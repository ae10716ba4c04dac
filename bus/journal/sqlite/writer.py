"""The engine's end of the writer's process: orders go there once per turn of the loop, answers come
back once per commit. The process is started with the first order, and anew after it died.

The queue needs no bound of its own: callers wait, so it is as long as requests are in flight.
"""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from typing import Any, TypeVar, cast

import msgspec

from bus.journal.counts import Counts
from bus.journal.port import ClaimTakenError, JournalUnavailableError
from bus.journal.sqlite.orders import Order, Told
from bus.journal.sqlite.wire import Frames, Setting, Verdict, decode_answers, encode, frame

T = TypeVar("T")

COMMAND = (sys.executable, "-P", "-m", "bus.journal.sqlite.process")
"""``-P``: no code out of whatever folder the worker was started in."""
LAZY_S = 1.0
"""What need not be durable on return goes with the next orders, but waits no longer than this."""
LAZY_MAX = 10_000
"""Beyond this the oldest are dropped: they only inform people."""
START_PAUSE_S = 1.0
"""A process that dies at once is not started again sooner than this."""
BURY_S = 1.0
"""A process whose socket has closed has this long to end."""
CLOSE_S = 10.0
"""How long the process may take to keep what it was given; then it is killed."""

_GONE = "its writer ended before it said what was kept"


class Waiting(msgspec.Struct, frozen=True):
    """Who waits for an answer, and of what type it is. No future: nobody waits."""

    future: "asyncio.Future[Any] | None"
    answer: Any

    def settle(self, verdict: Verdict, raw: msgspec.Raw) -> None:
        """Pass on what the process said."""
        if verdict is not Verdict.DONE:
            error = ClaimTakenError if verdict is Verdict.CLAIM_TAKEN else JournalUnavailableError
            self.fail(error(msgspec.msgpack.decode(raw, type=str)))
        elif self.future is not None and not self.future.done():
            self.future.set_result(msgspec.msgpack.decode(raw, type=self.answer))

    def fail(self, error: Exception) -> None:
        """Say that nothing was kept, or that nobody knows."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)


class Link(asyncio.Protocol):
    """One life of the process."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._before = (counts.commits, counts.failures)
        self._frames = Frames()
        self._waiting: deque[Waiting] = deque()
        self._transport: asyncio.Transport | None = None
        self.ended = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        """Whether orders can be given."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Of ``asyncio.Protocol``."""
        for body in self._frames.feed(data):
            answers = decode_answers(body)
            counts = self._counts
            counts.commits = self._before[0] + answers.commits
            counts.failures = self._before[1] + answers.failures
            counts.wal_pages = answers.wal_pages
            for verdict, raw in answers.units:
                self._waiting.popleft().settle(verdict, raw)

    def connection_lost(self, _error: Exception | None) -> None:
        """Of ``asyncio.Protocol``. What was asked may or may not have been kept."""
        self._transport = None
        while self._waiting:
            self._waiting.popleft().fail(JournalUnavailableError(f"journal: {_GONE}"))
        if not self.ended.done():
            self.ended.set_result(None)

    def give(self, message: Any, waiting: list[Waiting]) -> None:
        """Send a frame; ``waiting`` are those whose answers it brings."""
        self._waiting += waiting
        if self._transport is not None:
            self._transport.write(frame(message))

    def finish(self) -> None:
        """No more orders; the process keeps what it was given, answers and ends."""
        if self._transport is not None:
            self._transport.write_eof()

    def cut(self) -> None:
        """Wait for no more answers."""
        if self._transport is not None:
            self._transport.abort()


class Writer:
    """Start it inside a running loop; use it from that loop only."""

    def __init__(self, setting: Setting, counts: Counts) -> None:
        self._setting = setting
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._starting: asyncio.Task[None] | None = None
        self._start_at = 0.0
        self._link: Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: list[msgspec.Raw] = []
        self._waiting: list[Waiting] = []
        self._lazy: deque[tuple[str, str, str]] = deque(maxlen=LAZY_MAX)
        self._lazy_timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def pid(self) -> int:
        """Of the process; 0 when it was not needed yet."""
        return self._process.pid if self._process else 0

    async def do(self, order: Order, answer: type[T]) -> T:
        """The answer to ``order`` once it is durable. ``JournalUnavailableError`` when it cannot be
        kept, ``ClaimTakenError`` when it must not be; ``ValueError`` or ``OverflowError`` for a
        text or a number that no journal could hold."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        encoded = encode(order)
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._orders:
            self._loop.call_soon(self._hand_over)
        self._orders.append(encoded)
        self._waiting.append(Waiting(future, answer))
        return await future

    def told(self, tenant: str, key: str, status: str) -> None:
        """Give it to some later commit; a failure is not reported."""
        self._lazy.append((tenant, key, status))
        if self._lazy_timer is None:
            self._lazy_timer = self._loop.call_later(LAZY_S, self._hand_over)

    async def close(self) -> None:
        """Keep what waits, then end the process."""
        self._closed = True
        self._hand_over()
        if self._starting is not None:
            await self._starting
        if self._link is not None:
            self._link.finish()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await asyncio.shield(self._link.ended)
            except TimeoutError:
                self._link.cut()
        await asyncio.to_thread(self._bury)

    def _hand_over(self) -> None:
        """Once per turn of the loop: one frame, and so most likely one commit, for all of it. What
        was told is older than what follows it."""
        if self._lazy_timer is not None:
            self._lazy_timer.cancel()
            self._lazy_timer = None
        if self._link is None or not self._link.alive:
            if self._orders and self._starting is None:
                self._starting = self._loop.create_task(self._start())
            return
        orders, self._orders = self._orders, []
        waiting, self._waiting = self._waiting, []
        if self._lazy:
            orders.insert(0, encode(Told(list(self._lazy))))
            waiting.insert(0, Waiting(None, None))
            self._lazy.clear()
        if orders:
            self._counts.units += len(orders)
            self._link.give(orders, waiting)

    async def _start(self) -> None:
        """A new process, then hand over what has waited for it."""
        try:
            self._link = await self._launch()
            self._link.give(self._setting, [])
        except (OSError, JournalUnavailableError) as error:
            self._orders.clear()
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.fail(JournalUnavailableError(f"journal: {error}"))
        finally:
            self._starting = None
        self._hand_over()

    async def _launch(self) -> Link:
        if self._loop.time() < self._start_at:
            raise JournalUnavailableError(_GONE)
        self._start_at = self._loop.time() + START_PAUSE_S
        await asyncio.to_thread(self._bury)
        near, far = socket.socketpair()
        try:
            self._process = _spawn(far)
        except OSError:
            near.close()
            raise
        finally:
            far.close()
        _, link = await self._loop.create_unix_connection(lambda: Link(self._counts), sock=near)
        return link

    def _bury(self) -> None:
        """The last process: by now it has ended, or it does not listen."""
        if self._process is not None:
            try:
                self._process.wait(BURY_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _spawn(far: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
        [*COMMAND, str(far.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[far.fileno()],
    )
