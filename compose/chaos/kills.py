"""kill -9 of the worker at a named point, with requests of all reversible transactions there."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Any

from bus.lifecycle.record import Record
from compose.chaos.case import Asking, Case, judged, prepared
from compose.chaos.ground import ChaosStage, record_of, until
from compose.chaos.points import Point
from compose.chaos.trap import Plan
from compose.demo.program import Program
from schemas.catalogue import load

NINE = load("yunnan").profile.reversible
"""What a 2601 may reverse: the nine transactions that move money or admit."""
REACHED_S = 20.0
"""All requests of a round stand at their point by then; the centre's faults last 2 s."""
STALLED_TIMES = 6
"""Looks in a row that find the commit held open: an ordinary one takes some milliseconds."""

_numbers = itertools.count(1)


async def kill_round(
    stage: ChaosStage,
    programs: tuple[Program, Program],
    at: tuple[str, Point],
    infnos: Sequence[str],
) -> list[Case]:
    """One kill with a request of each of ``infnos`` at the point; then a new worker goes on."""
    name, point = at
    his, other = programs
    asked = await asyncio.gather(*(prepared(stage, his, ("kill", name, infno)) for infno in infnos))
    round_ = _Round(stage, his, name, point, asked)
    reached = await round_.bring_about()
    missed = await round_.die()
    await asyncio.to_thread(stage.start_worker)
    for asking in asked:
        if not reached:
            asking.case.violations.append("point: not all requests came to it")
        asking.case.violations += missed[asking.case.key]
    return list(await asyncio.gather(*(judged(stage, asking, other) for asking in asked)))


class _Round:
    """One kill."""

    def __init__(
        self, stage: ChaosStage, his: Program, name: str, point: Point, asked: Sequence[Asking]
    ) -> None:
        self._stage = stage
        self._his = his
        self._name = name
        self._point = point
        self._asked = asked
        self._keys = tuple(asking.case.key for asking in asked)
        self._signed = 0

    async def bring_about(self) -> bool:
        """Send the requests and return when all of them are where they shall be."""
        stage, point = self._stage, self._point
        self._signed = len(await self._sign_ins())
        for asking in self._asked:
            if point.fault is not None:
                await stage.script(point.fault, asking.case.infno, self._his.tenant)
            if point.about == "sign_in":
                asking.options = {"opter": f"9{next(_numbers):04}", "opter_name": "示例新收费员"}
        if point.later is not None:
            infno = "9001" if point.about == "sign_in" else "2601"
            await stage.script(point.later, infno, self._his.tenant, times=len(self._asked))
        if point.stop == "commit":
            change = "UPDATE" if point.journal else "INSERT"
            await asyncio.to_thread(stage.stall_commit, self._keys, change)
        stage.set_trap(Plan(point=self._name, keys=self._keys))
        for asking in self._asked:
            asking.start()
        return await until(self._there, REACHED_S)

    async def die(self) -> dict[str, list[str]]:
        """Kill; what the books say at that moment that they should not, by key."""
        stage = self._stage
        await asyncio.to_thread(stage.kill, everything=self._point.stop == "commit")
        for asking in self._asked:
            asking.since_s = time.monotonic()
        if self._point.stop == "commit":
            await asyncio.to_thread(stage.free_commit)
        async with stage.journal() as journal:
            return {
                key: await self._missed(await record_of(journal, self._his.tenant, key))
                for key in self._keys
            }

    async def _there(self) -> bool:
        stage = self._stage
        match self._point.stop:
            case "commit":
                if not stage.trapped().issuperset(self._keys):
                    return False
                looks = [stage.commit_stalled() for _ in range(STALLED_TIMES)]
                return all(looks)
            case "worker":
                return stage.trapped().issuperset(self._keys)
            case "centre":
                return await self._centre_has_all()

    async def _centre_has_all(self) -> bool:
        if self._point.about == "sign_in":
            return len(await self._sign_ins()) >= self._signed + len(self._asked)
        async with self._stage.journal() as journal:
            found = [await record_of(journal, self._his.tenant, key) for key in self._keys]
        for record in found:
            if record is None or not self._number(record):
                return False
            truth = await self._truth(record)
            if not (truth["committed"] if self._point.centre == "committed" else truth["seen"]):
                return False
        return True

    async def _missed(self, record: Record | None) -> list[str]:
        """Where a case is not what its point promises."""
        point, wrong = self._point, []
        state = record.state if record is not None else ""
        if state != point.journal:
            wrong.append(f"point: the record is {state or 'not there'}")
        seen = "unseen"
        if record is not None and self._number(record):
            truth = await self._truth(record)
            for name in ("seen", "committed", "answered"):
                seen = name if truth[name] else seen
        if seen != point.centre:
            wrong.append(f"point: the centre has {seen}")
        return wrong

    async def _truth(self, record: Record) -> dict[str, Any]:
        found: dict[str, Any] = await self._stage.ask(
            f"/books/judgement?msgid={self._number(record)}"
        )
        return found

    def _number(self, record: Record) -> str:
        return record.reversal_msgid if self._point.about == "reversal" else record.msgid

    async def _sign_ins(self) -> list[Any]:
        return list(await self._stage.ask(f"/books/calls?infno=9001&tenant={self._his.tenant}"))
