"""The sandbox's own clock: the machine's clock plus a shift that the admin address can change."""

import asyncio
import time
from datetime import datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8), "CST")
"""The centre's wall clock: UTC+8 all year."""


class SandboxClock:
    """Every rule of the sandbox reads this clock; waiters wake when it is shifted."""

    def __init__(self, shift_ms: int = 0) -> None:
        self.shift_ms = shift_ms
        self._shifted = asyncio.Event()

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, shift included."""
        return time.time_ns() // 1_000_000 + self.shift_ms

    def now(self) -> datetime:
        """The centre's wall time."""
        return wall(self.now_ms())

    def shift_by(self, seconds: float) -> None:
        """Move the clock by ``seconds``, forward or back."""
        self.shift_ms += round(seconds * 1000)
        self._shifted.set()
        self._shifted = asyncio.Event()

    def set_to(self, moment: datetime) -> None:
        """Move the clock so that it shows ``moment`` now; without a zone it is centre time."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
        self.shift_by(aware.timestamp() - self.now_ms() / 1000)

    async def sleep_until(self, at_ms: int) -> None:
        """Return once this clock shows ``at_ms`` or later."""
        while (left_ms := at_ms - self.now_ms()) > 0:
            waiter = self._shifted.wait()
            try:
                await asyncio.wait_for(waiter, timeout=left_ms / 1000)
            except TimeoutError:
                continue


def wall(at_ms: int) -> datetime:
    """An instant on the centre's wall clock."""
    return datetime.fromtimestamp(at_ms / 1000, ZONE)


def moment_text(moment: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss``, the form of every time on the wire."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def day_text(moment: datetime) -> str:
    """``yyyy-MM-dd``: the day a sign-in belongs to."""
    return moment.strftime("%Y-%m-%d")
