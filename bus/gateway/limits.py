"""Bounded, first-come-first-served waiting: slots for calls in flight and a rate on the clock."""

import asyncio
from collections import deque
from contextlib import suppress

import msgspec

from bus.clock import Clock


class NoSlotError(Exception):
    """The queue is full or the wait would take too long. Nothing was done."""


class Slots:
    """At most ``slots_max`` holders at a time; the others wait in order.

    A slot given back goes to the longest waiter directly, so that no newcomer overtakes; a
    cancelled waiter never takes one with it.
    """

    def __init__(self, slots_max: int, waiters_max: int) -> None:
        self._slots_max = slots_max
        self._waiters_max = waiters_max
        self._taken = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """Slots in use now."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Callers in the queue now."""
        return len(self._waiters)

    def take_now(self) -> bool:
        """Take a free slot without waiting; false when there is none or others wait."""
        if self._taken < self._slots_max and not self._waiters:
            self._taken += 1
            return True
        return False

    async def take(self) -> None:
        """Return with a slot; ``NoSlotError`` when the queue is full. Bound the wait outside."""
        if self.take_now():
            return
        if len(self._waiters) >= self._waiters_max:
            raise NoSlotError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it was handed over in the moment of the cancellation
            else:
                self._forget(turn)
            raise

    def _forget(self, turn: asyncio.Future[None]) -> None:
        with suppress(ValueError):  # ``give_back`` may have passed over it already
            self._waiters.remove(turn)

    def give_back(self) -> None:
        """Pass the slot on to the next waiter, or free it."""
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """State of one rate limit: when the bucket would be empty again."""

    due_ms: float = 0.0


def book(pace: Pace, now_ms: int, rate_per_s: float) -> tuple[Pace, float]:
    """Book the next turn: the new state and the seconds to wait for it.

    A token bucket that holds one second's worth (at least one call), kept as a single number:
    the virtual time up to which calls are booked.
    """
    step_ms = 1000.0 / rate_per_s
    burst_ms = max(1000.0 - step_ms, 0.0)
    due_ms = max(pace.due_ms, float(now_ms))
    wait_ms = max(due_ms - burst_ms - now_ms, 0.0)
    return Pace(due_ms=due_ms + step_ms), wait_ms / 1000.0


class RateLimit:
    """Calls per second of one institution on the given clock; turns are booked in order."""

    def __init__(self, rate_per_s: float, clock: Clock) -> None:
        self._rate_per_s = rate_per_s
        self._clock = clock
        self._pace = Pace()

    async def turn(self, wait_s_max: float) -> float:
        """Return at this call's turn, with the seconds waited; ``NoSlotError`` when that is too
        far away."""
        if self._rate_per_s <= 0:
            return 0.0
        pace, wait_s = book(self._pace, self._clock.now_ms(), self._rate_per_s)
        if wait_s > wait_s_max:
            raise NoSlotError
        self._pace = pace
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        return wait_s
