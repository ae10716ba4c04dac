"""Many settlements in doubt at once: how soon after the end of the centre's fault each has its
outcome without a person, and how soon a person hears of what is held."""

import asyncio
import json
import math
import time
from pathlib import Path
from typing import Any

from bus.lifecycle.record import State
from compose.chaos.case import FINAL_S, Asking, Case, judged, prepared
from compose.chaos.ground import ChaosStage, record_of, until
from compose.chaos.lanes import standing, whole_books
from compose.chaos.points import Fault
from compose.demo.program import FIRST, Program, program
from compose.demo.stage import Timing, measured
from compose.node import PrivateNode

TIMING = Timing(money_s=3.0, call_s=20.0, centre_s=10.0, patience_s=1.0, sweep_s=2.0)
"""Queries may hang as long as the bus lets one hang; the sweep is that of a hospital. The pauses
between looks and the breaker are those of a hospital too."""
FAULT_S = 45.0
"""The pauses between two looks have reached their longest by then."""
WITHIN_S, SHARE = 60.0, 0.99
"""What is promised of the doubtful."""
LOST = {
    "http_502_after_commit": 0.25,
    "commit_then_hang": 0.25,
    "http_502_before": 0.25,
    "timeout_before_commit": 0.25,
}
BLIND = {"http_502_before": 0.5, "timeout_before_commit": 0.5}
SIDE_CALLS = ("5201", "5203", "5204", "2601", "9001")
TO_HOLD = "2102A"
HELD = 10
PREPARED_AT_ONCE = 16


class DoubtStage(ChaosStage):
    """A hospital where a lost answer of one transaction is for a person to decide."""

    def institution_text(self, code: str) -> str:
        """Nothing is looked up for ``TO_HOLD``."""
        return f'recovery = {{ {TO_HOLD} = "escalate" }}' if code == FIRST else ""


async def doubt(node: PrivateNode, base: Path, many: int) -> tuple[list[Case], dict[str, float]]:
    """``many`` doubtful at once; then some that are held. Cases, and the distribution of times."""
    stage = DoubtStage(base / "doubt", node, timing=TIMING, extra="")
    async with standing(stage):
        page = await asyncio.to_thread(stage.start_measured_worker)
        async with program(stage) as his, program(stage) as other:
            cases, measures = await _resolved(stage, (his, other), many)
            measures |= await _held(stage, his, page, cases)
        await whole_books(stage, cases)
    return cases, measures


async def _resolved(
    stage: ChaosStage, programs: tuple[Program, Program], many: int
) -> tuple[list[Case], dict[str, float]]:
    his, other = programs
    turns = asyncio.Semaphore(PREPARED_AT_ONCE)

    async def ready() -> Asking:
        async with turns:
            return await prepared(stage, his, ("doubt", "answers lost, queries fail", "2102"))

    asked = await asyncio.gather(*(ready() for _ in range(many)))
    await stage.ask("/faults", {"rates": LOST, "infno": "2102", "seed": 1})
    await stage.ask("/faults", {"rates": BLIND, "infno": SIDE_CALLS, "seed": 2})
    for asking in asked:
        asking.start()
    doubted = await until(lambda: _all_told(his, asked), FINAL_S)
    await asyncio.sleep(FAULT_S)
    early = sum(not asking.running for asking in asked)
    await asyncio.to_thread(stage.admin, "/faults", None, "DELETE")
    for asking in asked:
        asking.since_s = time.monotonic()
    cases = list(await asyncio.gather(*(judged(stage, asking, other) for asking in asked)))
    times = sorted(case.resolution_s for case in cases)
    within = sum(each <= WITHIN_S for each in times) / many
    if not doubted or early > many * (1 - SHARE):
        cases[0].violations.append(
            f"point: {early} of {many} had an outcome before the fault ended"
        )
    if within < SHARE:
        cases[0].violations.append(f"resolved: {within:.1%} within {WITHIN_S:.0f} s")
    return cases, {
        "doubtful at once": many,
        "resolved within 60 s after the fault, %": round(within * 100, 2),
        "resolved, median, s": _share(times, 0.5),
        "resolved, 99 %, s": _share(times, 0.99),
        "resolved, slowest, s": times[-1],
    }


async def _all_told(his: Program, asked: list[Asking]) -> bool:
    """Whether every HIS program has been told something: at first that it is in doubt."""
    return all(asking.case.key in his.told for asking in asked)


def _share(times: list[float], share: float) -> float:
    return times[min(math.ceil(len(times) * share), len(times)) - 1]


async def _held(stage: ChaosStage, his: Program, page: str, cases: list[Case]) -> dict[str, float]:
    """Seconds from the lost answer until each place says that a person is needed."""
    asked = [await prepared(stage, his, ("doubt", "held", TO_HOLD)) for _ in range(HELD)]
    await stage.script(Fault("lose_answer"), TO_HOLD, his.tenant, times=HELD)
    began = time.monotonic()
    for asking in asked:
        asking.start()

    async def listed() -> bool:
        done = await asyncio.to_thread(stage.yibao, "held", "--json")
        found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        keys = {row["key"] for row in found if row["state"] == State.HELD}
        return keys >= {asking.case.key for asking in asked}

    async def counted() -> bool:
        figures = await asyncio.to_thread(measured, page)
        return figures.get('yibao_open_records{state="held"}', 0) >= HELD

    async def announced() -> bool:
        async with stage.journal() as journal:
            found = [await record_of(journal, his.tenant, asking.case.key) for asking in asked]
        return all(record is not None and not record.event_due for record in found) and all(
            any(b'"code":"held"' in body for body in his.told.get(asking.case.key, ()))
            for asking in asked
        )

    async def after(place: str, there: Any) -> tuple[str, float]:
        if not await until(there, WITHIN_S):
            asked[0].case.violations.append(f"held: not in {place} within {WITHIN_S:.0f} s")
        return f"held: in {place} after, s", round(time.monotonic() - began, 1)

    places = {"the list": listed, "the metrics": counted, "an event": announced}
    measures = await asyncio.gather(*(after(place, there) for place, there in places.items()))
    for asking in asked:
        asking.stop()
        asking.case.told, asking.case.code = "in_doubt", "held"
        asking.case.resolution_s = max(seconds for _, seconds in measures)
        cases.append(asking.case)
    return dict(measures)
