"""Rules about time, to the millisecond: tokens, checks, deadlines, midnight, leases."""

import pytest

from bus.clock import centre_day
from bus.gateway.port import MaybeSent, NeverSent
from bus.journal.port import Lease, Session
from tests.consumers.scripted_centre import (
    NOON_MS,
    TENANT,
    Parts,
    ScriptedCentre,
    refused,
    settle,
)
from tests.gateway.gateway_manual_clock import ManualClock

TOKEN = "SBXEC0123456789"
CERTNO = "539900198503120030"
TO_MIDNIGHT_S = 43_200
ROWS = {"data": {"psn_no": "1", "mdtrt_id": "2"}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_MS)


@pytest.fixture
def centre() -> ScriptedCentre:
    return ScriptedCentre()


@pytest.fixture
def worker(centre: ScriptedCentre, clock: ManualClock) -> Parts:
    return Parts(centre, clock)


# -- the e-voucher token -------------------------------------------------------------------------


async def read_token(worker: Parts) -> None:
    """1101 with the token, as the desk does when the patient comes."""
    person = {"psn_cert_type": "01", "certno": "", "psn_name": ""}
    asked = {"mdtrt_cert_type": "01", "mdtrt_cert_no": TOKEN, "card_sn": "", **person}
    assert (await worker.ask("1101", {"data": asked})).status == "succeeded"


async def test_a_token_older_than_three_minutes_is_refused_and_nothing_is_sent(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    await read_token(worker)
    clock.move(180.001)
    told = await worker.ask("2207", settle("01", TOKEN))
    assert (told.status, told.code) == ("invalid", "token_expired")
    assert (await worker.record(told.key)).msgid == ""
    assert centre.heard("2207") == []


async def test_a_token_of_three_minutes_is_still_good(worker: Parts, clock: ManualClock) -> None:
    await read_token(worker)
    clock.move(180)
    assert (await worker.ask("2207", settle("01", TOKEN))).status == "succeeded"


async def test_reading_a_token_again_does_not_make_it_younger(
    worker: Parts, clock: ManualClock
) -> None:
    await read_token(worker)
    clock.move(120)
    await read_token(worker)
    clock.move(61)
    assert (await worker.ask("2207", settle("01", TOKEN))).code == "token_expired"


async def test_the_age_of_a_token_the_bus_never_saw_is_left_to_the_centre(worker: Parts) -> None:
    assert (await worker.ask("2207", settle("01", TOKEN))).status == "succeeded"


# -- the identity check --------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "status"), [(30, "succeeded"), (30.001, "invalid")])
async def test_an_identity_check_comes_right_before_the_settlement(
    minutes: float, status: str, worker: Parts, clock: ManualClock
) -> None:
    checked = {
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": CERTNO,
        "psn_cert_type": "01",
        "certno": CERTNO,
        "psn_name": "测试甲职工",
        "infno": "2207",
        "cardtoken": "",
    }
    assert (await worker.ask("1192", {"data": checked})).status == "succeeded"
    clock.move(minutes * 60)
    assert (await worker.ask("2207", settle("02", CERTNO))).status == status


# -- the deadline --------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_ms", "status"), [(0, "expired"), (1, "succeeded")])
async def test_nothing_is_sent_at_or_after_the_deadline(
    left_ms: int, status: str, worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    told = await worker.ask("2207", settle(), deadline_ms=clock.now_ms() + left_ms)
    assert told.status == status
    assert len(centre.heard("2207")) == (status == "succeeded")


# -- midnight ------------------------------------------------------------------------------------


async def test_after_midnight_yesterdays_session_is_signed_out_and_a_new_one_signed_in(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    await worker.ask("5204", ROWS)
    yesterday = centre.heard("5204")[0]["sign_no"]
    clock.move(TO_MIDNIGHT_S - 0.001)
    await worker.ask("5204", ROWS)
    assert [call["infno"] for call in centre.calls] == ["9001", "5204", "5204"]
    clock.move(0.001)
    assert (await worker.ask("2207", settle())).status == "succeeded"
    after = centre.calls[3:]
    assert [call["infno"] for call in after] == ["9002", "9001", "2207"]
    assert after[0]["input"]["signOut"] == {"sign_no": yesterday, "opter_no": "0001"}
    assert after[2]["sign_no"] not in {"", yesterday}
    day = centre_day(clock.now_ms())
    found = await worker.journal.open_sessions(TENANT)
    assert [(session.day, session.sign_no) for session in found] == [(day, after[2]["sign_no"])]


async def test_a_sign_out_of_yesterday_that_the_centre_refuses_does_not_stop_the_new_day(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    await worker.ask("5204", ROWS)
    clock.move(TO_MIDNIGHT_S)
    centre.will("9002", refused("FSI-只能在签到当日签退[sbxSignBO_106]"))
    assert (await worker.ask("2207", settle())).status == "succeeded"
    await worker.ask("5204", ROWS)
    assert len(centre.heard("9002")) == 1
    assert len(centre.heard("9001")) == 2


async def test_who_signed_out_yesterday_signs_in_today(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    await worker.ask("5204", ROWS)
    sign_no = centre.heard("5204")[0]["sign_no"]
    out = {"signOut": {"sign_no": sign_no, "opter_no": "0001"}}
    assert (await worker.ask("9002", out)).status == "succeeded"
    assert (await worker.ask("2207", settle())).code == "signed_out_today"
    clock.move(TO_MIDNIGHT_S)
    assert (await worker.ask("2207", settle())).status == "succeeded"
    assert len(centre.heard("9002")) == 1


# -- signing in ----------------------------------------------------------------------------------


async def test_a_sign_in_that_a_dead_process_began_is_taken_up_after_its_lease(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    until_ms = clock.now_ms() + 62_000
    day = centre_day(clock.now_ms())
    dead = Session(tenant=TENANT, opter="0001", day=day, owner="dead", until_ms=until_ms)
    await worker.open()
    await worker.journal.claim_sign_in(dead, clock.now_ms())
    told = await worker.ask("2207", settle(), deadline_ms=until_ms + 60_000)
    assert told.status == "succeeded"
    assert clock.now_ms() >= until_ms
    assert [call["infno"] for call in centre.calls] == ["9001", "2207"]


async def test_a_sign_in_that_fails_is_told_and_the_next_request_tries_again(
    worker: Parts, centre: ScriptedCentre
) -> None:
    centre.will("9001", NeverSent(reason="connect_refused"))
    told = await worker.ask("2207", settle())
    assert (told.status, told.code) == ("unavailable", "no_sign_in")
    assert centre.heard("2207") == []
    assert (await worker.ask("2207", settle())).status == "succeeded"


async def test_a_number_that_is_refused_twice_is_not_tried_a_third_time(
    worker: Parts, centre: ScriptedCentre
) -> None:
    stale = refused("FSI-未签到或签到编号无效，请重新签到[sbxSignBO_101]")
    centre.will("2207", stale, stale, stale)
    told = await worker.ask("2207", settle())
    assert (told.status, told.code, told.attempts) == ("rejected", "refused", 2)
    first, second = centre.heard("2207")
    assert first["msgid"] != second["msgid"] == told.msgid
    assert first["sign_no"] != second["sign_no"]


# -- in doubt ------------------------------------------------------------------------------------


async def test_absence_is_believed_when_the_centres_ten_minutes_are_over_and_not_before(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    centre.will("2207", MaybeSent(reason="read_timeout"))
    centre.will("2601", refused("冲正失败:未找到原交易信息，不能办理冲正交易"))
    told = await worker.ask("2207", settle())
    assert (told.status, told.code) == ("in_doubt", "reversing")
    while not (record := await worker.record(told.key)).event_due:
        clock.move(1)
        now = Lease(owner="worker-a", now_ms=clock.now_ms(), lease_ms=30_000)
        for due in await worker.journal.take_due(now, 1):
            await worker.resolver.take_over(due)
    assert (record.state, record.code) == ("reversed", "not_done")
    assert len(centre.heard("2601")) == 1
    assert 0 <= clock.now_ms() - (record.in_flight_until_ms + 600_000) <= 1_000
    steps = await worker.steps(told.key)
    assert steps[-2:] == ["taken_over", "not_done"]
    assert steps.count("not_yet") >= 5


async def test_what_is_held_shows_in_the_figures_within_one_sweep(
    worker: Parts, centre: ScriptedCentre, clock: ManualClock
) -> None:
    centre.will("2202", MaybeSent(reason="read_timeout"), refused("MBS-不允许[x]"))
    cancelled = {"data": {"psn_no": "1", "mdtrt_id": "2", "ipt_otp_no": "3"}}
    told = await worker.ask("2202", cancelled)
    assert (told.status, told.code) == ("in_doubt", "held")
    clock.move(worker.context.settings.sweep_s)
    await worker.sweeper._pass()
    page = worker.metrics.page().decode()
    assert 'yibao_open_records{state="held"} 1.0' in page
    assert worker.context.settings.sweep_s <= 60
