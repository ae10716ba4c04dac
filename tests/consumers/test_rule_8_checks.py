"""Rule 8: what is checked before money moves; a refusal of the bus reaches no centre."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from compose.demo.story import Hospital
from compose.demo.visits import CAPSULES, CT, PILLS, Credential, Visit, identify, total
from producers.wire import Answer
from tests.consumers.at_the_centre import Elsewhere
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    agree,
    books_of,
    calls_of,
    hospital,
    live_settlements,
    newcomer,
)

ITEMS = [CAPSULES, CT]


async def with_id_card(desk: Hospital) -> Visit:
    """A patient nobody else treats, with an ID card."""
    person = newcomer(desk.stage)
    return await desk.welcome(person, Credential("02", person.certno))


async def refused(stage: BusStage, told: Answer, status: str, code: str) -> None:
    """Refused by the bus: on record, without a number, and the centre heard nothing."""
    books = await books_of(stage, told.key)
    agree(told, books)
    assert (told.status, told.code, told.msgid) == (status, code, "")
    assert (books.calls, books.record.attempts) == ((), 0)


async def settled(stage: BusStage, told: Answer) -> None:
    """Settled once, in all books."""
    agree(told, await books_of(stage, told.key))
    assert told.status == "succeeded"


# -- the deadline --------------------------------------------------------------------------------


async def test_a_request_that_arrives_after_its_deadline_is_expired(
    stage: BusStage, his: Program
) -> None:
    visit = await hospital(stage, his).with_card(newcomer(stage))
    before = len(await calls_of(stage, "2102"))
    told = await visit.ask("2102", visit.purchase(ITEMS), deadline_s=-1.0, wait_s=20.0)
    await refused(stage, told, "expired", "deadline_passed")
    assert len(await calls_of(stage, "2102")) == before


async def test_a_request_whose_deadline_passes_while_no_worker_runs_is_expired(
    stage: BusStage, his: Program
) -> None:
    visit = await hospital(stage, his).with_card(newcomer(stage))
    stage.kill_workers()
    asked = visit.purchase(ITEMS)
    asking = asyncio.create_task(visit.ask("2102", asked, deadline_s=0.2, wait_s=30.0))
    await asyncio.to_thread(stage.start_worker)  # takes longer than the deadline
    await refused(stage, await asking, "expired", "deadline_passed")


# -- the identity check --------------------------------------------------------------------------


async def test_an_id_card_settlement_without_its_check_is_refused(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await with_id_card(desk)
    asked = await desk.outpatient(visit, ITEMS)
    await refused(stage, await visit.ask("2207", asked), "invalid", "identity_unchecked")


async def test_a_check_of_another_person_does_not_count(stage: BusStage, his: Program) -> None:
    desk = hospital(stage, his)
    visit, other = await with_id_card(desk), await with_id_card(desk)
    await other.verify_identity("2207")
    asked = await desk.outpatient(visit, ITEMS)
    await refused(stage, await visit.ask("2207", asked), "invalid", "identity_unchecked")


async def test_a_check_for_another_transaction_does_not_count(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await with_id_card(desk)
    await visit.verify_identity("2304")
    asked = await desk.outpatient(visit, ITEMS)
    await refused(stage, await visit.ask("2207", asked), "invalid", "identity_unchecked")


async def test_a_check_serves_one_settlement(stage: BusStage, his: Program) -> None:
    desk = hospital(stage, his)
    visit = await with_id_card(desk)
    asked = await desk.outpatient(visit, ITEMS)
    await visit.verify_identity("2207")
    await settled(stage, await visit.ask("2207", asked))
    second = await visit.settlement(await visit.charge([PILLS]), [PILLS])
    await refused(stage, await visit.ask("2207", second), "invalid", "identity_unchecked")
    await visit.verify_identity("2207")
    await settled(stage, await visit.ask("2207", second))
    assert live_settlements(stage, visit.mdtrt_id) == 2


# -- the sum -------------------------------------------------------------------------------------


def changed(asked: dict[str, Any], by: str) -> dict[str, Any]:
    """The settlement with another amount."""
    amount = Decimal(asked["data"]["medfee_sumamt"]) + Decimal(by)
    return {"data": {**asked["data"], "medfee_sumamt": str(amount)}}


@pytest.mark.parametrize("by", ["0.01", "-0.01", "100"])
async def test_an_amount_that_is_not_the_sum_of_the_rows_to_the_cent_is_refused(
    by: str, stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, ITEMS)
    before = len(await calls_of(stage, "2207"))
    told = await visit.ask("2207", changed(asked, by))
    await refused(stage, told, "invalid", "sum_mismatch")
    assert len(await calls_of(stage, "2207")) == before
    told = await visit.ask("2207", asked)
    await settled(stage, told)
    assert told.flags == ()


async def test_a_purchase_that_does_not_add_up_is_refused(stage: BusStage, his: Program) -> None:
    visit = await hospital(stage, his).with_card(newcomer(stage))
    asked = visit.purchase(ITEMS)
    asked["druginfo"]["medfee_sumamt"] = str(total(ITEMS) + Decimal("0.01"))
    await refused(stage, await visit.ask("2102", asked), "invalid", "sum_mismatch")


async def test_rows_settled_before_or_of_another_batch_do_not_count(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    await settled(stage, await visit.ask("2207", await desk.outpatient(visit, ITEMS)))
    await visit.charge(ITEMS)
    asked = await visit.settlement(await visit.charge([PILLS]), [PILLS])
    told = await visit.ask("2207", changed(asked, str(total(ITEMS))))
    await refused(stage, told, "invalid", "sum_mismatch")
    await settled(stage, await visit.ask("2207", asked))


async def test_an_inpatient_settlement_counts_all_rows_of_the_stay(
    stage: BusStage, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    await visit.admit()
    for _ in range(3):
        await visit.upload(ITEMS)
    await visit.discharge()
    asked = await visit.final_settlement(ITEMS * 3)
    told = await visit.ask("2304", changed(asked, "-0.01"))
    await refused(stage, told, "invalid", "sum_mismatch")
    await settled(stage, await visit.ask("2304", asked))


async def test_the_sum_of_a_visit_that_was_opened_elsewhere_cannot_be_checked_and_says_so(
    stage: BusStage, his: Program
) -> None:
    elsewhere = Elsewhere(stage, "0077")
    await elsewhere.sign_in()
    person = newcomer(stage)
    cert = Credential("03", person.card, person.card.replace("SBX", "SBXSN00"))
    patient = await identify(
        elsewhere.call, cert, person.insuplc, certno=person.certno, psn_name=person.name
    )
    opened = Visit(elsewhere.call, patient)
    await opened.register()
    batch = await opened.charge(ITEMS)
    visit = Visit(his.call, patient)
    visit.mdtrt_id = opened.mdtrt_id
    told = await visit.ask("2207", await visit.settlement(batch, ITEMS))
    await settled(stage, told)
    assert "sum_unchecked" in told.flags
    assert FIRST in told.msgid
