"""Each fault of the centre meets each of the nine transactions. The cases stand in faults.toml."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from compose.chaos.case import Case, judged, prepared
from compose.chaos.ground import ChaosStage
from compose.chaos.points import Fault
from compose.demo.program import Program

FILE = Path(__file__).with_name("faults.toml")


class Trouble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the request's call meets, and what its 2601."""

    fault: Fault
    later: Fault | None = None


def troubles() -> dict[str, Trouble]:
    """Slug -> case, as they stand in the file."""
    return msgspec.toml.decode(FILE.read_bytes(), type=dict[str, Trouble])


async def fault_round(
    stage: ChaosStage,
    programs: tuple[Program, Program],
    of: tuple[str, Trouble],
    infnos: Sequence[str],
) -> list[Case]:
    """A request of each of ``infnos`` meets the fault, all at the same time."""
    name, trouble = of
    his, other = programs
    asked = await asyncio.gather(
        *(prepared(stage, his, ("fault", name, infno)) for infno in infnos)
    )
    for asking in asked:
        await stage.script(trouble.fault, asking.case.infno, his.tenant)
    if trouble.later is not None:
        await stage.script(trouble.later, "2601", his.tenant, times=len(asked))
    for asking in asked:
        asking.start()
    cases = list(await asyncio.gather(*(judged(stage, asking, other) for asking in asked)))
    for left in await stage.unused_faults(his.tenant):
        cases[-1].violations.append(f"point: {left} met nothing")
    return cases
