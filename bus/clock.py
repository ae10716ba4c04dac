"""Time as a port, so that every rule about time can be tested without waiting."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Protocol, TypeVar

T = TypeVar("T")

CENTRE_ZONE = timezone(timedelta(hours=8), "CST")
"""The centre's wall clock: UTC+8 all year, without a time-zone database."""


class Clock(Protocol):
    """Wall time for people and rules, a pause, and a bound on a wait."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock's time."""
        ...

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """The result of ``work``, or ``TimeoutError`` after ``seconds``, with ``work``
        cancelled."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        async with asyncio.timeout(seconds):
            return await work


def centre_time(now_ms: int) -> datetime:
    """The instant on the centre's wall clock."""
    return datetime.fromtimestamp(now_ms / 1000, CENTRE_ZONE)


@lru_cache(maxsize=64)
def _second(seconds: int) -> tuple[str, str]:
    """A second as text: on the centre's clock for people, and in UTC. Many requests share one."""
    centre = datetime.fromtimestamp(seconds, CENTRE_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    return centre, datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def centre_second(now_ms: int) -> str:
    """The centre's wall clock, ``yyyy-MM-dd HH:mm:ss``."""
    return _second(now_ms // 1000)[0]


def centre_day(now_ms: int) -> str:
    """The centre's calendar day, ``yyyy-MM-dd``: the day a sign-in belongs to."""
    return _second(now_ms // 1000)[0][:10]


def rfc3339(now_ms: int) -> str:
    """The instant as RFC 3339 text in UTC with milliseconds."""
    return f"{_second(now_ms // 1000)[1]}.{now_ms % 1000:03d}Z"


def from_rfc3339(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 text with offset; ``ValueError`` when it is none."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("time without an offset")
    return int(parsed.timestamp() * 1000)
