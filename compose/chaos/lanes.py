"""Stages side by side on one broker node: each takes the next piece of work until none is left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from compose.chaos.case import Case
from compose.chaos.ground import ChaosStage
from compose.demo.judge import double_settled
from compose.demo.program import Program, program
from compose.node import PrivateNode

Programs = tuple[Program, Program]
Piece = Callable[[ChaosStage, Programs], Awaitable[list[Case]]]
"""One piece of work: what it did, judged."""


@asynccontextmanager
async def standing(stage: ChaosStage) -> AsyncIterator[ChaosStage]:
    """The stage, up; starting and stopping do not hold up the others."""
    try:
        await asyncio.to_thread(stage.start)
        yield stage
    finally:
        await asyncio.to_thread(stage.stop)


async def run(node: PrivateNode, base: Path, pieces: Iterable[Piece], lanes: int) -> list[Case]:
    """All pieces, in ``lanes`` lanes."""
    waiting = iter(pieces)
    done = await asyncio.gather(
        *(_lane(ChaosStage(base / f"lane-{number}", node), waiting) for number in range(lanes))
    )
    return [case for cases in done for case in cases]


async def _lane(stage: ChaosStage, waiting: Iterable[Piece]) -> list[Case]:
    cases: list[Case] = []
    async with standing(stage):
        async with program(stage) as his, program(stage) as other:
            for piece in waiting:
                cases += await piece(stage, (his, other))
        await whole_books(stage, cases)
    return cases


async def whole_books(stage: ChaosStage, cases: list[Case]) -> None:
    """What only the whole books of a stage can show; noted at its last case."""
    twice = await asyncio.to_thread(double_settled, stage)
    if twice and cases:
        cases[-1].violations.append(f"once: {twice} batches or stays are settled twice")
