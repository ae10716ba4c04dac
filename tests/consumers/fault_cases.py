"""Visits brought to the point where a call meets a fault of the centre, and what must come of it.

All cases of a hospital are prepared, then run side by side; only the moment in which a call meets
its fault is taken in turn, so that no other call can meet it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from compose.demo.story import Hospital
from compose.demo.visits import CAPSULES, CT, PILLS, Visit, now, number
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

ITEMS = [PILLS, CAPSULES, CT]
Asked = tuple[Visit, dict[str, Any]]
Prepare = Callable[[Hospital, Visit], Awaitable[dict[str, Any]]]


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


# -- up to the call --------------------------------------------------------------------------------


async def purchase(desk: Hospital, visit: Visit) -> dict[str, Any]:
    return visit.purchase(ITEMS)


async def purchase_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    sold = await visit.step("2102", visit.purchase(ITEMS))
    return cancelled(visit, sold)


async def registration(desk: Hospital, visit: Visit) -> dict[str, Any]:
    patient = visit.patient
    return {
        "data": {
            "psn_no": patient.psn_no,
            "insutype": patient.insutype,
            "begntime": now(),
            **patient.credential(),
            **patient.person(),
            "ipt_otp_no": number("OP"),
            "atddr_no": "D530102000001",
            "dr_name": "示例医生",
            "dept_code": "A03",
            "dept_name": "消化内科",
            "caty": "A03",
        }
    }


async def registration_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    output = await visit.step("2201", await registration(desk, visit))
    found = output["data"]
    return {
        "data": {
            "psn_no": visit.patient.psn_no,
            "mdtrt_id": found["mdtrt_id"],
            "ipt_otp_no": found["ipt_otp_no"],
        }
    }


async def outpatient_rows(desk: Hospital, visit: Visit) -> dict[str, Any]:
    await visit.register()
    return await withheld(visit, "2204", visit.charge(ITEMS))


async def outpatient(desk: Hospital, visit: Visit) -> dict[str, Any]:
    return await desk.outpatient(visit, ITEMS)


async def outpatient_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    settled = await visit.step("2207", await desk.outpatient(visit, ITEMS))
    return cancelled(visit, settled)


async def admission(desk: Hospital, visit: Visit) -> dict[str, Any]:
    return await withheld(visit, "2401", visit.admit())


async def inpatient_rows(desk: Hospital, visit: Visit) -> dict[str, Any]:
    await visit.admit()
    return await withheld(visit, "2301", visit.upload(ITEMS))


async def discharge(desk: Hospital, visit: Visit) -> dict[str, Any]:
    await visit.admit()
    await visit.upload(ITEMS)
    return await withheld(visit, "2402", visit.discharge())


async def inpatient(desk: Hospital, visit: Visit) -> dict[str, Any]:
    await visit.admit()
    await visit.upload(ITEMS)
    await visit.discharge()
    return await visit.final_settlement(ITEMS)


async def inpatient_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    settled = await visit.step("2304", await inpatient(desk, visit))
    return cancelled(visit, settled)


async def reversal(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """A HIS that reverses a settlement of its own accord."""
    settled = await visit.ask("2207", await desk.outpatient(visit, ITEMS))
    psn_no = visit.patient.psn_no
    return {"data": {"psn_no": psn_no, "omsgid": settled.msgid, "oinfno": "2207"}}


PREPARE: dict[str, Prepare] = {
    "2102": purchase,
    "2103": purchase_undone,
    "2201": registration,
    "2202": registration_undone,
    "2204": outpatient_rows,
    "2207": outpatient,
    "2208": outpatient_undone,
    "2301": inpatient_rows,
    "2304": inpatient,
    "2305": inpatient_undone,
    "2401": admission,
    "2402": discharge,
    "2601": reversal,
}


def cancelled(visit: Visit, settled: dict[str, Any]) -> dict[str, Any]:
    """Input of 2103, 2208 and 2305."""
    info = settled["setlinfo"]
    return {
        "data": {
            "psn_no": visit.patient.psn_no,
            "mdtrt_id": info["mdtrt_id"],
            "setl_id": info["setl_id"],
        }
    }


class _WithheldError(Exception):
    """Carries the input of a step that was not sent."""


async def withheld(visit: Visit, infno: str, step: Awaitable[Any]) -> dict[str, Any]:
    """The input that ``step`` would send as ``infno``; nothing is sent."""
    send = visit._call

    async def stop(asked: str, data: dict[str, Any], **options: Any) -> Answer:
        if asked != infno:
            return await send(asked, data, **options)
        raise _WithheldError(data)

    visit._call = stop
    try:
        await step
    except _WithheldError as caught:
        data: dict[str, Any] = caught.args[0]
        return data
    finally:
        visit._call = send
    raise AssertionError(f"the step sends no {infno}")


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
