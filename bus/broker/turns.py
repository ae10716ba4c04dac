"""Which consumers may start at the same time.

A worker has hundreds of queues. One after the other, on a busy cluster, their start takes a minute
after every lost connection; so many start at once. But a queue may be so broken that starting its
consumer ends the whole connection: then one starts after the other until nobody waits, and the next
loss has a culprit.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

STARTS_MAX = 16
"""Starts at once: three questions each to the broker, which answers each channel by itself."""


class Start:
    """One start; ``alone``: no other was under way beside it."""

    def __init__(self) -> None:
        self.alone = True


class Turns:
    """Shared by the consumers of one connection."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(STARTS_MAX)
        self._one = asyncio.Lock()
        self._under_way: set[Start] = set()
        self._waiting = 0
        self._singly = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Start]:
        """Wait for a turn, and have it inside the ``with``."""
        self._waiting += 1
        try:
            async with self._slots, self._one if self._singly else nullcontext():
                start = Start()
                self._under_way.add(start)
                if len(self._under_way) > 1:
                    for each in self._under_way:
                        each.alone = False
                try:
                    yield start
                finally:
                    self._under_way.discard(start)
        finally:
            self._waiting -= 1
        # After a failure its consumer comes back for another turn: then somebody still waits.
        self._singly = self._singly and self._waiting > 0

    def lost(self, start: Start) -> bool:
        """The connection was lost during this start: whether its consumer is to blame."""
        if not start.alone:
            self._singly = True
        return start.alone
