"""A clock that stands still until a test moves it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class ManualClock:
    """``sleep`` jumps the time ahead; ``within`` never ends a wait by itself."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self.slept_s: list[float] = []

    def now_ms(self) -> int:
        return self._now_ms

    def move(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.move(seconds)
        await asyncio.sleep(0)

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        del seconds
        return await work
