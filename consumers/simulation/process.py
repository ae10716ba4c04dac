"""A simulated worker process: it lives, dies between any two steps, and is started again."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from consumers.simulation.ground import Ground

T = TypeVar("T")


class Process:
    """What can be killed. A dead process has no effect: whatever it still wants to do is cut."""

    def __init__(self, ground: Ground, name: str, jumped_ms: int = 0) -> None:
        self.ground = ground
        self.name = name
        self.alive = True
        self.jumped_ms = jumped_ms
        """How far its clock is off."""
        self.tasks: list[asyncio.Task[Any]] = []
        self.died = ground.loop.create_future()

    def check(self) -> None:
        """Every step of a process begins here: the dead take none."""
        if not self.alive:
            raise asyncio.CancelledError

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run ``work`` until it ends or the process dies."""
        if len(self.tasks) > 256:
            self.tasks[:] = [task for task in self.tasks if not task.done()]
        return self.ground.loop.spawn(self, work)

    async def pause(self, usual_us: int) -> None:
        """Some time of this process passes."""
        self.check()
        await self.ground.loop.pause_us(self.ground.around(usual_us))
        self.check()

    def may_die(self, where: str) -> None:
        """A point at which kill -9 may strike; does not return then."""
        self.check()
        if self.ground.chance(self.ground.traits.crash):
            self.ground.note(self.name, f"KILLED {where}")
            self.kill()
            raise asyncio.CancelledError

    def kill(self) -> None:
        """Gone, with everything it had in memory."""
        if self.alive:
            self.alive = False
            self.ground.loop.kill(self.tasks)
            if not self.died.done():
                self.died.set_result(None)


class ProcessClock:
    """``bus.clock.Clock`` of one process: its wall clock may be off, its pauses are not."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ground = process.ground

    def now_ms(self) -> int:
        return self._ground.wall_ms() + self._process.jumped_ms

    async def sleep(self, seconds: float) -> None:
        self._process.check()
        await self._ground.loop.pause_us(round(seconds * 1_000_000))
        self._process.check()

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        async with asyncio.timeout(seconds):
            return await work
