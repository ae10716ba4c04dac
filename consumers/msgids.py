"""Message numbers for calls that the journal does not keep (queries, looks, sign-ins, 2601).

Blocks are drawn from the journal, so no number is ever given twice, whatever process asks.
"""

import asyncio
from dataclasses import dataclass

from bus.clock import Clock, centre_time
from bus.journal.numbers import format_msgid
from bus.journal.port import Msgids

BLOCK_MAX = 64
"""Bigger blocks save commits under load; 64 of the 10,000 numbers of a second waste little."""


@dataclass(slots=True)
class Block:
    """What is left of a drawn block."""

    second: str = ""
    next: int = 0
    end: int = 0
    size: int = 1


class MsgidPool:
    """Numbers by institution; a block not used up within its second is let go."""

    def __init__(self, journal: Msgids, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._blocks: dict[str, Block] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def draw(self, tenant: str) -> str:
        """A msgid nobody else ever gets."""
        async with self._locks.setdefault(tenant, asyncio.Lock()):
            block = self._blocks.setdefault(tenant, Block())
            now_ms = self._clock.now_ms()
            current = centre_time(now_ms).strftime("%Y%m%d%H%M%S")
            if block.next >= block.end or block.second < current:
                in_use = block.second >= current
                block.size = min(block.size * 2, BLOCK_MAX) if in_use else 1
                numbers = await self._journal.allot(tenant, now_ms, block.size)
                block.second, block.next = numbers.second, numbers.first
                block.end = numbers.first + numbers.count
            number = block.next
            block.next += 1
            return format_msgid(tenant, block.second, number)
