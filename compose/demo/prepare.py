"""Visits brought to the point where one transaction is due: its input, nothing of it sent yet."""

from collections.abc import Awaitable, Callable
from typing import Any

from compose.demo.story import Hospital
from compose.demo.visits import CAPSULES, CT, PILLS, Visit, now, number
from producers.wire import Answer

ITEMS = [PILLS, CAPSULES, CT]
Prepare = Callable[[Hospital, Visit], Awaitable[dict[str, Any]]]


async def purchase(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2102."""
    return visit.purchase(ITEMS)


async def purchase_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2103."""
    sold = await visit.step("2102", visit.purchase(ITEMS))
    return cancelled(visit, sold)


async def registration(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2201."""
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
    """Everything before a 2202."""
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
    """Everything before a 2204."""
    await visit.register()
    return await withheld(visit, "2204", visit.charge(ITEMS))


async def outpatient(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2207."""
    return await desk.outpatient(visit, ITEMS)


async def outpatient_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2208."""
    settled = await visit.step("2207", await desk.outpatient(visit, ITEMS))
    return cancelled(visit, settled)


async def admission(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2401."""
    return await withheld(visit, "2401", visit.admit())


async def inpatient_rows(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2301."""
    await visit.admit()
    return await withheld(visit, "2301", visit.upload(ITEMS))


async def discharge(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2402."""
    await visit.admit()
    await visit.upload(ITEMS)
    return await withheld(visit, "2402", visit.discharge())


async def inpatient(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2304."""
    await visit.admit()
    await visit.upload(ITEMS)
    await visit.discharge()
    return await visit.final_settlement(ITEMS)


async def inpatient_undone(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """Everything before a 2305."""
    settled = await visit.step("2304", await inpatient(desk, visit))
    return cancelled(visit, settled)


async def reversal(desk: Hospital, visit: Visit) -> dict[str, Any]:
    """A HIS that reverses a settlement of its own accord."""
    settled = await visit.ask("2207", await desk.outpatient(visit, ITEMS))
    psn_no = visit.patient.psn_no
    return {"data": {"psn_no": psn_no, "omsgid": settled.msgid, "oinfno": "2207"}}


PREPARE: dict[str, Prepare] = {
    "2102": purchase,
    "2102A": purchase,
    "2103": purchase_undone,
    "2201": registration,
    "2202": registration_undone,
    "2204": outpatient_rows,
    "2207": outpatient,
    "2208": outpatient_undone,
    "2301": inpatient_rows,
    "2304": inpatient,
    "2304A": inpatient,
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
    send = visit.call

    async def stop(asked: str, data: dict[str, Any], **options: Any) -> Answer:
        if asked != infno:
            return await send(asked, data, **options)
        raise _WithheldError(data)

    visit.call = stop
    try:
        await step
    except _WithheldError as caught:
        data: dict[str, Any] = caught.args[0]
        return data
    finally:
        visit.call = send
    raise AssertionError(f"the step sends no {infno}")
