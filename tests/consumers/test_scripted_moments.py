"""Exact moments: what is durable when a byte leaves, what a late answer may do, odd answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bus.clock import centre_day
from bus.gateway.port import MaybeSent, NeverSent, Outcome
from bus.gm import Sealer
from bus.journal.memory import MemoryJournal
from bus.journal.port import FindBy, Session
from bus.journal.sqlite import SqliteJournal
from bus.lifecycle.record import Record
from consumers.context import Returned
from tests.consumers.scripted_centre import (
    KEYS,
    NOON_MS,
    PATIENT,
    TENANT,
    Parts,
    ScriptedCentre,
    accepted,
    refused,
    settle,
    settlement,
)
from tests.gateway.gateway_manual_clock import ManualClock

LOST = MaybeSent(reason="read_timeout")


def found_by_5203(msgid: str, **changed: Any) -> Any:
    """What 5203 says of the settlement with this number."""
    return accepted(settlement({"msgid": msgid}, refd_setl_flag="0", **changed))


def sees(centre: ScriptedCentre, msgid: str) -> None:
    """The next look finds the settlement in effect."""
    centre.will("5204", accepted([{"feedetl_sn": "F1", "setl_id": "S1"}]))
    centre.will("5203", found_by_5203(msgid))


# -- rule 1 --------------------------------------------------------------------------------------


async def test_another_process_finds_the_row_with_its_number_before_a_byte_leaves(
    tmp_path: Path,
) -> None:
    books = str(tmp_path / "journal.sqlite3")
    journal, reader = (SqliteJournal(books, Sealer(KEYS)) for _ in range(2))
    await journal.open()
    await reader.open()
    centre, found = ScriptedCentre(), list[Record]()

    async def look(envelope: dict[str, Any]) -> Outcome:
        found.extend(await reader.find(FindBy(tenant=TENANT, msgid=envelope["msgid"])))
        return LOST if envelope["infno"] == "2207" else accepted({})

    centre.will("2207", look)
    centre.will("2601", look)
    told = await Parts(centre, journal=journal).ask("2207", settle())
    (sent, reversing) = found
    assert (sent.key, sent.state, sent.step) == (told.key, "sending", "call")
    assert sent.msgid == centre.heard("2207")[0]["msgid"]
    assert (reversing.key, reversing.state, reversing.step) == (told.key, "reversing", "reversal")
    assert reversing.reversal_msgid == centre.heard("2601")[0]["msgid"]
    await reader.close()
    await journal.close()


async def test_an_outcome_that_cannot_be_kept_is_told_as_doubt_and_found_again_by_a_look() -> None:
    centre, journal, clock = ScriptedCentre(), MemoryJournal(), ManualClock(NOON_MS)

    def fill_the_disk(envelope: dict[str, Any]) -> Outcome:
        journal.fail_writes = 1
        return accepted(settlement(envelope))

    centre.will("2207", fill_the_disk)
    worker = Parts(centre, clock, journal)
    order = worker.order("2207", settle())
    told = await worker.answer(order)
    assert (told.status, told.code) == ("in_doubt", "settling")
    assert (await worker.record(order.key)).state == "sending"
    sees(centre, told.msgid)
    clock.move(200)
    again = await Parts(centre, clock, journal, "worker-b").answer(order)
    assert (again.status, again.code) == ("succeeded", "adopted")
    assert len(centre.heard("2207")) == 1


async def test_without_a_journal_nothing_is_sent_and_the_message_goes_back() -> None:
    centre, journal = ScriptedCentre(), MemoryJournal()
    worker = Parts(centre, journal=journal)
    await worker.ask("5204", {"data": {"psn_no": "1", "mdtrt_id": "2"}})
    journal.fail_writes = 1
    with pytest.raises(Returned):
        await worker.ask("2207", settle())
    assert centre.heard("2207") == []


# -- rule 5 --------------------------------------------------------------------------------------


async def test_a_late_acceptance_under_an_old_fence_changes_nothing_and_is_recorded() -> None:
    centre, journal, clock = ScriptedCentre(), MemoryJournal(), ManualClock(NOON_MS)
    asked, speak = asyncio.Event(), asyncio.Event()

    async def late(envelope: dict[str, Any]) -> Outcome:
        asked.set()
        await speak.wait()
        return accepted(settlement(envelope))

    centre.will("2207", late)
    slow, other = (Parts(centre, clock, journal, name) for name in ("slow", "other"))
    order = slow.order("2207", settle(), deadline_ms=NOON_MS + 600_000)
    first = asyncio.create_task(slow.answer(order))
    await asked.wait()
    flight_until_ms = (await slow.record(order.key)).in_flight_until_ms
    centre.will("2601", accepted({}))
    second = await other.answer(order)
    while second.status == "in_doubt":
        assert clock.now_ms() < flight_until_ms + 900_000, "it could be committed for 600 s more"
        second = await other.answer(order)
    assert clock.now_ms() >= flight_until_ms
    assert second.status == "reversed"
    before = await other.record(order.key)
    speak.set()
    assert (await first).code == second.code
    assert await other.record(order.key) == before
    assert before.owner == "other"
    assert before.fence > 1
    (line,) = [x for x in await journal.story(TENANT, order.key) if x.what.startswith("late_")]
    assert (line.what, line.fence, line.owner) == ("late_accepted", 1, "slow")
    assert "yibao_late_answers_total 1.0" in slow.metrics.page().decode()
    assert len(centre.heard("2207")) == 1


# -- rule 4 and 6 --------------------------------------------------------------------------------


async def test_only_what_was_never_sent_is_tried_again_and_under_the_same_number() -> None:
    centre = ScriptedCentre()
    centre.will("2207", NeverSent(reason="connect_refused"), NeverSent(reason="dns"))
    told = await Parts(centre).ask("2207", settle())
    assert (told.status, told.attempts) == ("succeeded", 1)
    assert [call["msgid"] for call in centre.heard("2207")] == [told.msgid] * 3


async def test_a_refusal_after_a_repeat_proves_nothing_about_the_first_attempt() -> None:
    centre = ScriptedCentre()
    centre.will("2202", LOST, refused("MBS-当前就诊状态不允许办理[sbxVisitBO_404]"))
    worker = Parts(centre)
    told = await worker.ask("2202", {"data": {"psn_no": "1", "mdtrt_id": "2", "ipt_otp_no": "3"}})
    assert (told.status, told.code) == ("in_doubt", "held")
    assert await worker.steps(told.key) == ["clear", "unclear", "repeat", "refused_in_doubt"]


async def test_a_found_settlement_is_adopted_with_the_amounts_of_the_centres_record() -> None:
    centre = ScriptedCentre()

    def lost(envelope: dict[str, Any]) -> Outcome:
        sees(centre, envelope["msgid"])
        return LOST

    centre.will("2207", lost)
    told = await Parts(centre).ask("2207", settle())
    assert (told.code, told.decoded()["setlinfo"]["fund_pay_sumamt"]) == ("adopted", "80.00")
    assert centre.heard("2601") == []


async def test_a_settlement_of_another_number_is_not_taken_for_the_lost_one() -> None:
    centre = ScriptedCentre()
    sees(centre, f"{TENANT}202511251200000009")
    centre.will("2207", LOST)
    told = await Parts(centre).ask("2207", settle())
    (reversal,) = centre.heard("2601")
    asked = {"psn_no": PATIENT, "omsgid": told.msgid, "oinfno": "2207"}
    assert (told.status, reversal["input"]["data"]) == ("in_doubt", asked)


# -- rule 8: the arithmetic of a reply -----------------------------------------------------------

BROKEN = {
    "I3": {"inscp_scp_amt": "99.99"},
    "I4": {"psn_part_amt": "20.01", "psn_cash_pay": "5.01"},
    "I5": {"hifp_pay": "79.99"},
    "I6": {"psn_cash_pay": "5.01"},
    "I7": {"fund_payamt": "80.01"},
}


@pytest.mark.parametrize("name", BROKEN)
async def test_an_identity_that_does_not_hold_flags_the_reply_and_counts_and_rejects_nothing(
    name: str,
) -> None:
    centre = ScriptedCentre()
    centre.will("2207", lambda envelope: accepted(settlement(envelope, **BROKEN[name])))
    worker = Parts(centre)
    told = await worker.ask("2207", settle())
    assert told.status == "succeeded"
    assert f"identity_{name}" in told.flags
    counted = 'yibao_identity_faults_total{infno="2207"} 1.0'
    assert counted in worker.metrics.page().decode()
    again = await worker.record(told.key)
    assert f"identity_{name}".encode() in again.reply


async def test_a_settlement_that_closes_to_the_cent_has_no_flag_of_arithmetic() -> None:
    worker = Parts(ScriptedCentre())
    told = await worker.ask("2207", settle())
    assert told.flags == ("sum_unchecked",)
    assert "yibao_identity_faults_total{" not in worker.metrics.page().decode()


async def test_a_doubt_is_resolved_by_a_colleague_when_its_operator_has_signed_out() -> None:
    centre = ScriptedCentre()
    worker = Parts(centre)
    day = centre_day(NOON_MS)
    own = Session(tenant=TENANT, opter="0001", day=day, state="out")
    colleague = Session(
        tenant=TENANT, opter="0002", day=day, sign_no="COLLEAGUE", state="open", at_ms=NOON_MS
    )
    await worker.open()
    await worker.journal.put_session(colleague)

    async def lost_and_signed_out(envelope: dict[str, Any]) -> Outcome:
        await worker.journal.put_session(own)
        sees(centre, envelope["msgid"])
        return LOST

    centre.will("2207", lost_and_signed_out)
    centre.will("5204", refused("业务周期号已失效"))
    told = await worker.ask("2207", settle())
    assert (told.status, told.code) == ("succeeded", "adopted")
    last = centre.heard("5204")[-1]
    assert (last["opter"], last["sign_no"]) == ("0002", "COLLEAGUE")
