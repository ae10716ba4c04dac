"""A centre whose answers to the looks are nonsense: nothing is believed of them, least of all that
nothing was done."""

from typing import Any

import msgspec
import pytest

from bus.gateway.answer import Accepted
from bus.gateway.port import Answered, MaybeSent
from bus.journal.memory import MemoryJournal
from bus.lifecycle.machine import Seen
from bus.lifecycle.record import FINAL, Record
from consumers.looks import SETTLEMENTS_MAX, VISITS_MAX, Case, Sight, look
from schemas.contract import CentreAnswer
from schemas.views import Keys
from tests.consumers.scripted_centre import (
    NOON_MS,
    PATIENT,
    TENANT,
    Parts,
    ScriptedCentre,
    accepted,
    settle,
    settlement,
)
from tests.gateway.gateway_manual_clock import ManualClock

LOST = MaybeSent(reason="read_timeout")
ROW = {"feedetl_sn": "F1", "setl_id": "S1"}
NO_ROWS: list[Any] = [
    "x",
    7,
    True,
    [7],
    [[]],
    [{}],
    {"x": 1},
    {"data": "x"},
    {"data": 7},
    {"data": [None]},
    {"data": {"x": 1}},
    [{"feedetl_sn": "F1"}],
    [{"setl_id": "S1"}],
    [ROW, "x"],
]
NO_SETTLEMENT: list[Any] = [
    "x",
    None,
    {},
    [],
    [[]],
    {"setlinfo": []},
    [{"medins_setl_id": "other"}],
    {"x": 1},
    {"setlinfo": "x"},
    {"setlinfo": [1]},
    {"setlinfo": {"x": 1}},
    {"setlinfo": {"medins_setl_id": ""}},
    {"setlinfo": [{"medins_setl_id": "a"}, {"medins_setl_id": "b"}]},
]


MSGID = "H53010200001202511251200000001"


async def ends_as(centre: ScriptedCentre) -> tuple[str, str]:
    """State and last step of a settlement whose answer was lost, when nobody looks any more."""
    centre.will("2207", LOST)
    clock = ManualClock(NOON_MS)
    worker = Parts(centre, clock, MemoryJournal())
    order = worker.order("2207", settle())
    for _ in range(100):
        await worker.answer(order)
        record = await worker.record(order.key)
        if record.state in FINAL or record.state == "held":
            break
        clock.move(600)
    return str(record.state), (await worker.steps(order.key))[-1]


@pytest.mark.parametrize("rows", NO_ROWS, ids=repr)
async def test_rows_nobody_can_read_are_not_the_absence_of_rows(rows: Any) -> None:
    centre = ScriptedCentre()
    centre.always("5204", accepted(rows))
    assert await ends_as(centre) == ("held", "exhausted")


@pytest.mark.parametrize("output", NO_SETTLEMENT, ids=repr)
async def test_a_settlement_nobody_can_read_is_not_that_of_another_request(output: Any) -> None:
    centre = ScriptedCentre()
    centre.always("5204", accepted([ROW]))
    centre.always("5203", accepted(output))
    assert await ends_as(centre) == ("held", "exhausted")


@pytest.mark.parametrize("flag", [None, "", "2", [], {}, True])
async def test_a_settlement_that_does_not_say_whether_it_was_taken_back_is_neither(
    flag: Any,
) -> None:
    centre = ScriptedCentre()

    def ours(_: dict[str, Any]) -> Answered:
        return accepted(settlement(centre.heard("2207")[0], refd_setl_flag=flag))

    centre.always("5204", accepted([ROW]))
    centre.always("5203", ours)
    assert await ends_as(centre) == ("held", "exhausted")


def lost_purchase(visits: int, rows_each: int = 1) -> Case:
    """A 2102 whose answer was lost, of a person with many visits at the centre."""

    async def query(infno: str, asked: dict[str, Any]) -> Any:
        about = asked["data"]
        if infno == "5201":
            return said([{"mdtrt_id": f"V{n}"} for n in range(visits)])
        if infno == "5204":
            return said([ROW | {"setl_id": f"{about['mdtrt_id']}-{n}"} for n in range(rows_each)])
        return said(settlement({"msgid": f"of {about['setl_id']}"}))

    record = Record(
        tenant=TENANT,
        key="k",
        infno="2102",
        effect="settle",
        recovery="verify",
        digest="",
        msgid=MSGID,
        sent_ms=NOON_MS,
    )
    return Case(record, {}, Keys(psn_no=PATIENT), query)


def said(output: Any) -> Accepted:
    """An answer as the gateway's reader gives it."""
    return Accepted(output=msgspec.json.encode(output), head=CentreAnswer())


@pytest.mark.parametrize(
    ("visits", "rows_each", "seen"),
    [
        (VISITS_MAX, 1, Seen.ABSENT),
        (VISITS_MAX + 1, 1, Seen.FAILED),
        (1, SETTLEMENTS_MAX, Seen.ABSENT),
        (1, SETTLEMENTS_MAX + 1, Seen.FAILED),
    ],
)
async def test_what_was_not_looked_through_to_the_end_is_not_absent(
    visits: int, rows_each: int, seen: Seen
) -> None:
    assert await look(lost_purchase(visits, rows_each), ("5201", "5204", "5203")) == Sight(seen)
