"""What a HIS does wrong: it vanishes before its reply, and it asks fifty times at once."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack

import aiormq
import msgspec

from bus.lifecycle.record import FINAL, State
from compose.chaos.case import FINAL_S, Asking, Case, judged, outcome_of, prepared
from compose.chaos.ground import ChaosStage, record_of, until
from compose.chaos.points import Fault
from compose.demo.program import Program, program
from compose.demo.stage import end

SLOW = Fault("delay", {"s": 2.5})
"""Time to vanish while the centre works on it."""
COPIES, PROGRAMS = 50, 10


async def vanishes(
    stage: ChaosStage,
    programs: tuple[Program, Program],
    infnos: Sequence[str],
    *,
    queue_too: bool,
) -> list[Case]:
    """The program is gone when its reply comes, ``queue_too``: so is its queue. Later another
    program of the hospital asks for the outcome, with the same key."""
    his, other = programs
    name = "its queue is gone too" if queue_too else "gone before its reply"
    async with program(stage) as vanishing:
        asked = await asyncio.gather(
            *(prepared(stage, vanishing, ("his", name, infno)) for infno in infnos)
        )
        for asking in asked:
            await stage.script(SLOW, asking.case.infno, his.tenant)
            asking.start()
        begun = await until(lambda: _kept(stage, asked, frozenset(State)), FINAL_S)
        for asking in asked:
            asking.stop()
    if queue_too:
        await _delete(stage, vanishing.queue)
    ended = begun and await until(lambda: _kept(stage, asked, FINAL), FINAL_S)
    later = [msgspec.structs.replace(asking, his=his) for asking in asked]
    for asking in later:
        if not ended:
            asking.case.violations.append("kept: no outcome in the journal")
        if vanishing.told.get(asking.case.key):
            asking.case.violations.append("point: the reply came before the HIS was gone")
        asking.start()
    return list(await asyncio.gather(*(judged(stage, asking, other) for asking in later)))


async def duplicates(
    stage: ChaosStage, programs: tuple[Program, Program], infnos: Sequence[str]
) -> list[Case]:
    """One request, fifty times in parallel from ten programs; a second worker shares the work."""
    his, other = programs
    second = await asyncio.to_thread(stage.start_worker)
    what = f"{COPIES} parallel duplicates"
    asked = [await prepared(stage, his, ("his", what, infno)) for infno in infnos]
    async with AsyncExitStack() as stack:
        copiers = [await stack.enter_async_context(program(stage)) for _ in range(PROGRAMS)]
        cases = await asyncio.gather(*(_copied(stage, asking, copiers, other) for asking in asked))
    stage.workers.remove(second)
    await asyncio.to_thread(end, second)
    return list(cases)


async def _copied(
    stage: ChaosStage, first: Asking, copiers: Sequence[Program], other: Program
) -> Case:
    copies = [
        msgspec.structs.replace(first, his=copiers[number % PROGRAMS]) for number in range(COPIES)
    ]
    for copy in copies:
        copy.start()
    answers = await asyncio.gather(*(outcome_of(copy) for copy in copies))
    case = await judged(stage, copies[0], other)
    told = {bytes(answer.output) + answer.msgid.encode() for answer in answers if answer}
    if len(told) != 1 or None in answers:
        case.violations.append(f"one_outcome: {COPIES} copies were told {len(told)} outcomes")
    msgid = next((answer.msgid for answer in answers if answer), "")
    truth = await stage.ask(f"/books/judgement?msgid={msgid}")
    if truth["seen"] != 1:
        case.violations.append(f"once: the centre has seen it {truth['seen']} times")
    return case


async def _kept(stage: ChaosStage, asked: Sequence[Asking], states: Collection[State]) -> bool:
    """Whether the journal has every request, in one of these states."""
    async with stage.journal() as journal:
        found = [await record_of(journal, asking.his.tenant, asking.case.key) for asking in asked]
    return all(record is not None and record.state in states for record in found)


async def _delete(stage: ChaosStage, queue: str) -> None:
    connection = await aiormq.connect(stage.admin_url)
    try:
        await (await connection.channel()).queue_delete(queue)
    finally:
        await connection.close()
