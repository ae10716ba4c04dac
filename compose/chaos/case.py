"""One case: a request that met something, and whether every book says the same of it."""

import asyncio
import contextlib
import itertools
import time
from typing import Any

import msgspec

from bus.journal.port import Journal
from bus.lifecycle.record import Record
from compose.chaos.ground import ChaosStage, numbers_of, record_of, until
from compose.demo.judge import compare
from compose.demo.notebook import Note
from compose.demo.prepare import PREPARE
from compose.demo.program import Program, hospital, newcomer
from compose.demo.visits import RefusedStepError, Visit
from producers.errors import OutcomeUnknownError
from producers.wire import Answer

FINAL_S = 90.0
"""A request that has no outcome by then has none: the slowest way takes a fifth of it."""
AGAIN_S = 0.5
"""Before a HIS asks again for what the broker did not take over."""
ANNOUNCED_S = 10.0
"""The event of an outcome that was in doubt follows with the next passes of the sweeper."""

HEARD_S = 2.0
"""An event that the broker has confirmed is in the program's hands by then, if its queue lives."""

_numbers = itertools.count(1)


class Case(msgspec.Struct, kw_only=True):
    """``group`` and ``name``: what happened, to what. ``violations``: promises that were broken.
    ``resolution_s``: from the disturbance to the final outcome in the hands of the HIS."""

    group: str
    name: str
    infno: str
    key: str
    told: str = ""
    code: str = ""
    resolution_s: float = 0.0
    violations: list[str] = []


class Asking(msgspec.Struct, kw_only=True):
    """A request under way: who asks, and what."""

    case: Case
    his: Program
    visit: Visit
    data: dict[str, Any]
    options: dict[str, Any] = {}
    task: "asyncio.Task[Answer] | None" = None
    since_s: float = 0.0
    """Monotonic time of the disturbance."""
    undone: bool = False
    """Whether a later request of the hospital has taken it back."""

    def start(self) -> None:
        """Send it."""
        self.since_s = time.monotonic()
        self.task = asyncio.create_task(self._ask())

    @property
    def running(self) -> bool:
        """Whether it is still waited for."""
        return self.task is not None and not self.task.done()

    def like(self, what: tuple[str, str], infno: str, data: dict[str, Any]) -> "Asking":
        """Another request of the same visit."""
        return Asking(case=new_case((*what, infno)), his=self.his, visit=self.visit, data=data)

    def stop(self) -> None:
        """The program waits no longer."""
        if self.task is not None:
            self.task.cancel()

    async def _ask(self) -> Answer:
        asked = {"insuplc_admdvs": self.visit.patient.insuplc, "key": self.case.key, **self.options}
        try:
            answer = await self.his.call(self.case.infno, self.data, **asked)
        except OutcomeUnknownError:
            answer = await self._insist()
        while not answer.status.is_final:  # who asks bounds the time
            with contextlib.suppress(OutcomeUnknownError):
                answer = await self.his.final(self.case.key, timeout_s=FINAL_S)
        took_s = round(time.monotonic() - self.since_s, 2)
        self.case.resolution_s = max(self.case.resolution_s, took_s)
        return answer

    async def _insist(self) -> Answer:
        """As the client's error says: ask again with the same key. Who asks bounds the time."""
        while True:
            await asyncio.sleep(AGAIN_S)
            with contextlib.suppress(OutcomeUnknownError):
                return await self.his.ask_again(self.case.key)


async def prepared(stage: ChaosStage, his: Program, what: tuple[str, str, str]) -> Asking:
    """A patient of its own, brought to the point where this request is due; nothing of it is sent.

    ``what``: group, name and transaction of the case.
    """
    desk = hospital(stage, his)
    give_up = time.monotonic() + FINAL_S
    while True:
        try:
            visit = await desk.with_card(await asyncio.to_thread(newcomer, stage))
            data = await PREPARE[what[2]](desk, visit)
        except RefusedStepError as error:
            # The faults of the case before may have opened the breaker.
            if not error.unavailable or time.monotonic() > give_up:
                raise
            await asyncio.sleep(AGAIN_S)
        else:
            return Asking(case=new_case(what), his=his, visit=visit, data=data)


def new_case(what: tuple[str, str, str]) -> Case:
    """A case with a key of its own."""
    group, name, infno = what
    return Case(group=group, name=name, infno=infno, key=f"{group}-{infno}-{next(_numbers)}")


async def judged(stage: ChaosStage, asking: Asking, other: Program) -> Case:
    """Wait for the outcome, ask again through another program, and hold all books together."""
    case = asking.case
    answer = await outcome_of(asking)
    async with stage.journal() as journal:
        record = await record_of(journal, asking.his.tenant, case.key)
        if answer is None:
            kept = f"{record.state} {record.code}" if record else "without a record"
            case.violations.append(f"answered: no final outcome reached the HIS; it is {kept}")
            return case
        case.told, case.code = str(answer.status), answer.code
        if record is None:
            case.violations.append(f"kept: told {case.told}, but the journal has no record")
            return case
        case.violations += await books_against(stage, journal, asking, answer, record)
        case.violations += await announced(journal, record)
        case.violations += await asked_again(asking, other, record)
    return case


async def outcome_of(asking: Asking) -> Answer | None:
    """The final outcome, ``None`` when there is none in time."""
    task = asking.task
    if task is None:
        return None
    await asyncio.wait({task}, timeout=FINAL_S)
    if task.done() and not task.cancelled():
        return task.result()
    task.cancel()
    return None


async def books_against(
    stage: ChaosStage, journal: Journal, asking: Asking, answer: Answer, record: Record
) -> list[str]:
    """The three books: what the HIS was told, the journal, the centre's own."""
    case, broken = asking.case, []
    note = Note(
        tenant=asking.his.tenant,
        title=case.name,
        infno=case.infno,
        key=case.key,
        told=case.told,
        code=case.code,
        msgid=answer.msgid,
        body=bytes(answer.output),
        flags=answer.flags,
    )
    line = await asyncio.to_thread(compare, stage, note, record)
    if asking.undone:
        well = (case.told, record.state, line.centre) == ("succeeded", "succeeded", "reversed")
    else:
        well = line.agree
    if not well:
        broken.append(f"books: told {line.told}, journal {line.journal}, centre {line.centre}")
    if (record.code, record.msgid) != (answer.code, answer.msgid):
        broken.append(f"books: told {answer.code} {answer.msgid}, kept {record.code}")
    story = await journal.story(record.tenant, record.key)
    live = 0
    for msgid in numbers_of(record, story):
        truth = await stage.ask(f"/books/judgement?msgid={msgid}")
        live += truth["live"]
        if truth["times_committed"] > 1:
            broken.append(f"once: {msgid} was committed {truth['times_committed']} times")
    if live > 1:
        broken.append(f"once: {live} attempts of the request stand at the centre")
    finals = finals_of(asking.his.told.get(case.key, []))
    if finals != {record.reply}:
        broken.append(f"one_outcome: {len(finals)} different final replies, or not the kept one")
    return broken


async def asked_again(asking: Asking, other: Program, record: Record) -> list[str]:
    """Another program of the hospital asks for the same again: the same bytes, nothing sent."""
    case = asking.case

    async def heard() -> bool:
        return case.key in other.told

    if record.doubted:  # its event comes to every program: not to be taken for the reply
        await until(heard, HEARD_S)
    before = len(other.told.get(case.key, []))
    asked = {"insuplc_admdvs": asking.visit.patient.insuplc, **asking.options, "key": case.key}
    await other.call(case.infno, asking.data, **asked)
    if set(other.told[case.key][before:]) != {record.reply}:
        return ["same_bytes: asked again, the reply is another"]
    return []


async def announced(journal: Journal, record: Record) -> list[str]:
    """An outcome that was in doubt is announced by an event."""

    async def sent() -> bool:
        found = await record_of(journal, record.tenant, record.key)
        return found is not None and not found.event_due

    if not await until(sent, ANNOUNCED_S):
        return ["announced: the event of the outcome is still owed"]
    return []


def finals_of(bodies: list[bytes]) -> set[bytes]:
    """The different final replies among what a program was told."""
    return {body for body in bodies if msgspec.json.decode(body, type=Answer).status.is_final}
