"""An event loop on virtual time: nothing waits, nothing is random, one thing after the other.

When nothing is ready, time jumps to the next timer. Callbacks run in the order in which they were
scheduled, so that the same program makes the same history, down to the last step.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Owner(Protocol):
    """Whose tasks these are: a process that can be killed."""

    tasks: list[asyncio.Task[Any]]

    def kill(self) -> None:
        """Cancel its tasks; it can do nothing any more."""
        ...


OWNER: ContextVar[Owner | None] = ContextVar("OWNER", default=None)


class StalledError(Exception):
    """The history does not end: nothing is left to happen, or it goes round in circles."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """What asyncio's own futures, tasks and locks need of a loop, and no more."""

    def __init__(self, steps_max: int) -> None:
        self.now_us = 0
        self.steps = 0
        self.complaints: list[str] = []
        """What asyncio wants somebody to know, such as a task whose exception nobody took."""
        self._steps_max = steps_max
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[int, int, asyncio.Handle | asyncio.Future[None]]] = []
        self._drawn = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._owners: dict[Owner, None] = {}

    # -- what asyncio asks for -------------------------------------------------------------------

    def time(self) -> float:
        """Seconds since the history began."""
        return self.now_us / 1_000_000

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._at(round(when * 1_000_000), handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[Any]:
        """A named task (asyncio numbers the others by a counter that outlives a history)."""
        owner = OWNER.get() if context is None else context.get(OWNER)
        task: asyncio.Task[Any] = asyncio.Task(
            coro, loop=self, name=name or "simulated", context=context
        )
        (self._tasks if owner is None else owner.tasks).append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')} {error!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer stays in the heap until its time comes."""

    # -- for the simulated world -----------------------------------------------------------------

    def pause_us(self, delay_us: int) -> "asyncio.Future[None]":
        """Done after ``delay_us`` microseconds."""
        waiter: asyncio.Future[None] = asyncio.Future(loop=self)
        self._at(self.now_us + delay_us, waiter)
        return waiter

    def spawn(self, owner: Owner | None, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run ``work`` as a task of ``owner``; what it starts belongs to the same owner."""
        if owner is not None:
            self._owners[owner] = None
        context = copy_context()
        context.run(OWNER.set, owner)
        return self.create_task(work, context=context)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Until ``main`` is done; then everything else is stopped."""
        before = running_loop()
        asyncio._set_running_loop(self)  # noqa: SLF001 - made for makers of loops
        try:
            task = self.spawn(None, main)
            try:
                self._turn_until(task.done)
            finally:
                self._stop_all()
            return task.result()
        finally:
            asyncio._set_running_loop(before)  # noqa: SLF001 - as above

    def kill(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Cancel tasks; the caller has made sure that they can do nothing any more."""
        for task in tasks:
            if not task.done():
                task.cancel()
        tasks.clear()

    def _at(self, when_us: int, item: "asyncio.Handle | asyncio.Future[None]") -> None:
        self._drawn += 1
        heappush(self._timers, (max(when_us, self.now_us), self._drawn, item))

    def _turn_until(self, done: Callable[[], bool]) -> None:
        ready = self._ready
        while not done():
            if ready:
                run_handle(ready.popleft())
            elif self._timers:
                self._next_timer()
            else:
                raise StalledError("nothing is left to happen")
            self.steps += 1
            if self.steps > self._steps_max:
                raise StalledError(f"more than {self._steps_max} steps")

    def _next_timer(self) -> None:
        self.now_us, _, item = heappop(self._timers)
        if isinstance(item, asyncio.Handle):
            self._ready.append(item)
        elif not item.done():
            item.set_result(None)

    def _stop_all(self) -> None:
        self.kill(self._tasks)
        for owner in self._owners:
            owner.kill()
        self._timers.clear()
        while self._ready:
            run_handle(self._ready.popleft())


def run_handle(handle: asyncio.Handle) -> None:
    """Run a callback that is due."""
    if not handle.cancelled():
        handle._run()  # noqa: SLF001 - what a loop does with its handles


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs already, if any: that of an asynchronous test."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
