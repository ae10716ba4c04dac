"""A call that meets a fault of the centre, and what must come of it.

All cases of a hospital are prepared, then run side by side; only the moment in which a call meets
its fault is taken in turn, so that no other call can meet it.
"""

import asyncio
from typing import Any

import msgspec

from compose.demo.prepare import PREPARE
from compose.demo.story import Hospital
from compose.demo.visits import Visit
from producers.wire import Answer
from tests.consumers.bus_stage import (
    TENANTS,
    Books,
    Program,
    admin,
    books_of,
    calls_of,
    final,
    hospital,
    newcomer,
    program,
    until,
)

Asked = tuple[Visit, dict[str, Any]]


class Case(msgspec.Struct, frozen=True):
    """A call of ``infno`` that meets ``fault``; ``code`` is the outcome it must come to."""

    infno: str
    fault: str
    code: str
    params: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """For the report of a run."""
        extra = "-".join(f"{name}={value}" for name, value in self.params.items())
        return "-".join(part for part in (self.infno, self.fault, extra) if part)


class End(msgspec.Struct, frozen=True):
    """What came of a case: what the HIS was told, the books, and every call of this infno the
    centre had for this visit's institution in between."""

    told: Answer
    books: Books
    sent: tuple[dict[str, Any], ...]
    mdtrt_id: str
    bodies: tuple[bytes, ...]


# -- the call --------------------------------------------------------------------------------------


class Runner:
    """Runs cases at one hospital."""

    def __init__(self, client: Program) -> None:
        self._client = client
        self._turns: dict[str, asyncio.Lock] = {}

    async def run(self, desk: Hospital, case: Case, ready: Asked) -> End:
        """One call that meets the fault, and its outcome in all books."""
        visit, data = ready
        repeats = case.infno in {"2202", "2402"}
        async with self._turns.setdefault(case.infno, asyncio.Lock()):
            before = len(await calls_of(desk.stage, case.infno, desk.tenant))
            await admin(desk.stage, "/faults", fault(desk.tenant, case))
            asking = asyncio.create_task(visit.ask(case.infno, data))
            await until(lambda: met(desk, case, before))
            if repeats:
                await asking
            sent = (await calls_of(desk.stage, case.infno, desk.tenant))[before:]
        told = await final(self._client, await asking)
        books = await books_of(desk.stage, told.key, desk.tenant)
        return End(
            told=told,
            books=books,
            sent=tuple(sent),
            mdtrt_id=books.centre["mdtrt_id"] or books.record.mdtrt_id,
            bodies=tuple(self._client.told[told.key]),
        )


async def prepare(desk: Hospital, case: Case) -> Asked:
    """A patient of its own, brought to the point where the case's call is due."""
    person = await asyncio.to_thread(newcomer, desk.stage)
    visit = await desk.with_card(person)
    return visit, await PREPARE[case.infno](desk, visit)


def fault(tenant: str, case: Case) -> dict[str, Any]:
    """The next call of this infno meets the case's fault."""
    rule = {"infno": case.infno, "call": "next", "fault": case.fault, "params": case.params}
    return {**rule, "tenant": tenant}


async def met(desk: Hospital, case: Case, before: int) -> bool:
    """Whether a call has met the fault."""
    calls = await calls_of(desk.stage, case.infno, desk.tenant)
    return any(case.fault in call["fault"] for call in calls[before:])


async def run_all(stage: Any, cases: tuple[Case, ...]) -> dict[str, End]:
    """All cases, spread over the hospitals; ends by name."""
    groups = [cases[n :: len(TENANTS)] for n in range(len(TENANTS))]
    found = await asyncio.gather(
        *(run_at(stage, tenant, group) for tenant, group in zip(TENANTS, groups, strict=True))
    )
    return {name: end for ends in found for name, end in ends.items()}


async def run_at(stage: Any, tenant: str, cases: tuple[Case, ...]) -> dict[str, End]:
    """The cases of one hospital, side by side."""
    async with program(stage, tenant) as client:
        desk = hospital(stage, client)
        runner = Runner(client)
        ready = await asyncio.gather(*(prepare(desk, case) for case in cases))
        runs = (runner.run(desk, *both) for both in zip(cases, ready, strict=True))
        ends = await asyncio.gather(*runs)
    return {case.name: end for case, end in zip(cases, ends, strict=True)}
