"""The table and its functions, over all event orders."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.lifecycle.machine import (
    Heard,
    IllegalEventError,
    Pace,
    Seen,
    commit_until_ms,
    finding,
    hearing,
    move,
    plan,
    resume,
)
from bus.lifecycle.record import FINAL, OPEN, Record, Reversal, State, Step
from bus.lifecycle.table import TABLE, Action, Event
from schemas.outcomes import outcome

PACE = Pace()
RECOVERIES = ("repeat", "reverse", "verify", "escalate")
MONEY_MOVED = {State.SUCCEEDED}
NOTHING_SENT = {State.INVALID, State.BUSY, State.EXPIRED, State.UNAVAILABLE}


def a_record(**changes: object) -> Record:
    record = Record(
        tenant="H53010000001",
        key="k",
        infno="2207",
        effect="settle",
        recovery="reverse",
        digest="d",
        in_flight_until_ms=120_000,
    )
    return msgspec.structs.replace(record, **changes)


records = st.builds(
    a_record,
    recovery=st.sampled_from(RECOVERIES),
    looks=st.integers(0, 3),
)


@given(records, st.lists(st.sampled_from(list(Event)), max_size=60))
@settings(max_examples=2000)
def test_any_order_of_events_keeps_the_promises(record: Record, events: list[Event]) -> None:
    """Illegal events change nothing, final is final, and each final state was earned."""
    now_ms, sent, reversal_sent = 0, False, False
    for event in events:
        now_ms += 1_000
        before = record
        try:
            record, action = move(record, event, now_ms, PACE, code="ok")
        except IllegalEventError:
            assert record is before
            continue
        assert before.state not in FINAL
        sent = sent or action is Action.SEND
        reversal_sent = reversal_sent or action is Action.SEND_REVERSAL
        if record.state in NOTHING_SENT:
            assert not before.doubted
            assert before.state in {State.RECEIVED, State.SENDING}
        if record.state in {State.SUCCEEDED, State.REJECTED, State.REVERSED}:
            assert sent
        if record.state in FINAL:
            assert record.next_at_ms == 0
            assert record.event_due == record.doubted
        elif action is Action.HOLD:
            assert record.event_due == record.doubted, "a person is to decide: the HIS hears of it"
        else:
            assert record.next_at_ms > 0, "an open record is always due some time: never dropped"
        if record.reversal is Reversal.TAKEN:
            assert reversal_sent


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_row_exactly_when_something_follows_it(state: State) -> None:
    assert (state in TABLE) == (state in OPEN)


def test_every_open_state_can_reach_an_outcome() -> None:
    reach = {state: {rule.state for rule in row.values()} for state, row in TABLE.items()}
    for start in OPEN:
        seen, todo = set(), [start]
        while todo:
            state = todo.pop()
            if state not in seen:
                seen.add(state)
                todo += reach.get(state, ())
        assert seen & FINAL, start


def test_every_code_of_the_table_is_an_outcome_whose_status_fits_its_state() -> None:
    for row in TABLE.values():
        for rule in row.values():
            if not rule.code:
                continue
            status = outcome(rule.code).status
            assert status == (rule.state if rule.state in FINAL else "in_doubt")


def test_no_state_that_was_sent_leads_to_a_state_that_says_nothing_was_sent() -> None:
    for state in (State.DOUBTFUL, State.VERIFYING, State.REVERSING, State.HELD):
        assert not {rule.state for rule in TABLE[state].values()} & NOTHING_SENT


def test_a_repeat_that_was_never_sent_stays_in_doubt() -> None:
    doubted = a_record(state=State.SENDING, step=Step.CALL, doubted=True, recovery="repeat")
    assert hearing(doubted, Heard.NEVER_SENT, PACE) is Event.NOT_SENT_AGAIN
    assert hearing(a_record(), Heard.NEVER_SENT, PACE) is Event.NEVER_SENT


def test_a_refused_repeat_proves_nothing_about_the_first_attempt() -> None:
    doubted = a_record(state=State.SENDING, step=Step.CALL, doubted=True, recovery="repeat")
    assert hearing(doubted, Heard.REFUSED, PACE) is Event.REFUSED_IN_DOUBT
    assert hearing(doubted, Heard.ALREADY_DONE, PACE) is Event.ALREADY_DONE
    assert hearing(a_record(), Heard.REFUSED, PACE) is Event.REFUSED


def test_already_done_is_success_only_for_what_may_be_repeated() -> None:
    assert hearing(a_record(recovery="reverse"), Heard.ALREADY_DONE, PACE) is Event.REFUSED


def test_a_stale_sign_in_is_tried_again_once() -> None:
    assert hearing(a_record(attempts=1), Heard.STALE_SIGN_IN, PACE) is Event.STALE_SIGN_IN
    assert hearing(a_record(attempts=2), Heard.STALE_SIGN_IN, PACE) is Event.REFUSED


def test_nothing_found_is_not_proof_while_the_centre_may_still_commit() -> None:
    verifying = a_record(state=State.VERIFYING, step=Step.LOOK, recovery="verify")
    end = commit_until_ms(verifying, PACE)
    assert finding(verifying, Seen.ABSENT, end - 1, PACE) is Event.NOT_YET
    assert finding(verifying, Seen.ABSENT, end, PACE) is Event.NOT_DONE


def test_money_not_found_at_first_is_reversed_not_waited_for() -> None:
    verifying = a_record(state=State.VERIFYING, step=Step.LOOK)
    assert finding(verifying, Seen.ABSENT, 0, PACE) is Event.REVERSE


def test_nothing_to_reverse_is_believed_only_after_the_centres_own_time_out() -> None:
    reversing = a_record(state=State.REVERSING, step=Step.LOOK, reversal=Reversal.NOTHING)
    end = commit_until_ms(reversing, PACE)
    assert finding(reversing, Seen.ABSENT, end - 1, PACE) is Event.NOT_YET
    assert finding(reversing, Seen.ABSENT, end, PACE) is Event.NOT_DONE
    assert finding(reversing, Seen.DONE, end, PACE) is Event.DONE


def test_a_reversal_the_centre_took_is_proved_by_a_look() -> None:
    reversing = a_record(state=State.REVERSING, step=Step.LOOK, reversal=Reversal.TAKEN)
    end = commit_until_ms(reversing, PACE)
    assert finding(reversing, Seen.UNDONE, 0, PACE) is Event.UNDONE
    assert finding(reversing, Seen.ABSENT, end - 1, PACE) is Event.NOT_YET
    assert finding(reversing, Seen.ABSENT, end, PACE) is Event.UNDONE
    again, action = move(reversing, finding(reversing, Seen.DONE, 0, PACE), 0, PACE)
    assert action is Action.REVERSE_LATER
    assert again.state is State.REVERSING


def test_a_reversal_in_doubt_is_never_repeated_while_it_may_take_effect() -> None:
    reversing = a_record(state=State.REVERSING, step=Step.LOOK, reversal=Reversal.UNCLEAR)
    end = commit_until_ms(reversing, PACE)
    assert finding(reversing, Seen.DONE, end - 1, PACE) is Event.NOT_YET
    assert finding(reversing, Seen.DONE, end, PACE) is Event.DONE


def test_a_crash_while_a_reversal_may_be_in_flight_makes_it_unclear() -> None:
    reversing = a_record(state=State.REVERSING, step=Step.REVERSAL)
    assert resume(reversing) is Event.REVERSAL_UNCLEAR


def test_a_crash_before_the_reversal_was_marked_sends_it() -> None:
    assert resume(a_record(state=State.REVERSING, step=Step.REVERSE)) is Action.START_REVERSAL


def test_a_crash_while_sending_is_doubt() -> None:
    sending = a_record(state=State.SENDING, step=Step.CALL)
    assert resume(sending) is Event.OWNER_LOST
    doubtful, action = move(sending, Event.OWNER_LOST, 0, PACE)
    assert (doubtful.state, action) == (State.DOUBTFUL, Action.RESOLVE)


@pytest.mark.parametrize(
    ("recovery", "can_look", "expected"),
    [
        ("repeat", True, Event.REPEAT),
        ("reverse", True, Event.LOOK),
        ("reverse", False, Event.REVERSE),
        ("verify", True, Event.LOOK),
        ("verify", False, Event.ESCALATE),
        ("escalate", True, Event.ESCALATE),
    ],
)
def test_doubt_is_resolved_by_the_transactions_recovery(
    recovery: str, can_look: bool, expected: Event
) -> None:
    assert plan(a_record(recovery=recovery), can_look) is expected


@given(
    st.sampled_from([Seen.FAILED, Seen.ABSENT, Seen.DONE]),
    st.sampled_from([State.VERIFYING, State.REVERSING]),
    st.sampled_from(RECOVERIES),
)
def test_nothing_circles_for_ever(seen: Seen, state: State, recovery: str) -> None:
    """The same bad news again and again ends with an outcome or a person, in bounded steps."""
    record = a_record(state=state, step=Step.LOOK, recovery=recovery, doubted=True)
    now_ms = 0
    for _ in range(500):
        record, action = move(record, finding(record, seen, now_ms, PACE), now_ms, PACE)
        now_ms = max(now_ms, record.next_at_ms)
        if action is Action.START_REVERSAL or record.step is Step.REVERSE:
            record, _ = move(record, Event.REVERSAL_SENT, now_ms, PACE)
            record, _ = move(record, Event.REVERSAL_REFUSED, now_ms, PACE)
        if record.state in FINAL or record.state is State.HELD:
            return
    pytest.fail("still open")


def test_a_look_is_not_put_off_past_the_moment_of_proof() -> None:
    record = a_record(state=State.VERIFYING, step=Step.LOOK, recovery="verify", looks=20)
    end = commit_until_ms(record, PACE)
    moved, _ = move(record, Event.NOT_YET, end - 10, PACE)
    assert moved.next_at_ms == end


def test_an_outage_of_hours_is_looked_at_three_times_a_minute_not_every_second() -> None:
    record = a_record(state=State.VERIFYING, step=Step.LOOK, recovery="verify")
    now_ms, looks, pauses = record.in_flight_until_ms, 0, [0]
    while now_ms < record.in_flight_until_ms + 3 * 3_600_000:
        record, _ = move(record, finding(record, Seen.NOT_SENT, now_ms, PACE), now_ms, PACE)
        pauses.append(record.next_at_ms - now_ms)
        now_ms, looks = record.next_at_ms, looks + 1
    assert max(pauses) == PACE.look_max_ms
    assert looks < 3 * 3_600_000 / PACE.look_max_ms + 60
    assert pauses[-1] == PACE.look_max_ms


def test_an_unreachable_centre_does_not_use_up_the_looks() -> None:
    most = PACE.looks_max
    record = a_record(state=State.VERIFYING, step=Step.LOOK, recovery="verify", looks=most)
    moved, action = move(record, finding(record, Seen.NOT_SENT, 0, PACE), 0, PACE)
    assert (moved.state, moved.looks) == (State.VERIFYING, most)
    assert action is Action.LOOK_LATER
