"""The pure functions over the table: what an event makes of a record, and how long to wait."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from bus.lifecycle.record import FINAL, Record, Reversal, State, Step
from bus.lifecycle.table import TABLE, Action, Event, Rule


class IllegalEventError(Exception):
    """The table has no such event for this state. The record is unchanged."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"event {event} is illegal in state {state}")
        self.state = state
        self.event = event


LOOK_SHARE = 8
"""A pause is at least this part of the time in doubt so far, up to ``look_max_ms``."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound and wait of a life cycle, in milliseconds or counts."""

    centre_ms: int = 600_000
    """The centre's own time-out: until a call's end plus this it may still commit the call."""
    lease_ms: int = 30_000
    """How long a worker may be silent about a record it resolves before another takes it over."""
    look_first_ms: int = 1_000
    look_max_ms: int = 20_000
    """With the longest look itself and the breaker's pause it stays under a minute: so soon after
    the end of a fault the doubtful are resolved."""
    looks_max: int = 180
    looks_before_reversal: int = 2
    """A first look that fails this often gives way to the 2601, which is made for the unknown."""
    reversals_max: int = 5
    repeats_max: int = 5
    sign_in_attempts_max: int = 2
    retry_ms: int = 2_000
    """Pause before a repeat, or before a 2601 that certainly did not leave is tried again."""


class Move(NamedTuple):
    """The changed record, and what the driver has to do now."""

    record: Record
    action: Action


class Seen(StrEnum):
    """What a look saw of one request: in effect, taken back, nothing of it; or the look
    failed, or could not even be sent."""

    DONE = "done"
    UNDONE = "undone"
    ABSENT = "absent"
    FAILED = "failed"
    NOT_SENT = "not_sent"


REVERSALS = {
    Event.REVERSAL_SENT: Reversal.SENT,
    Event.REVERSAL_TAKEN: Reversal.TAKEN,
    Event.REVERSAL_NOTHING: Reversal.NOTHING,
    Event.REVERSAL_REFUSED: Reversal.REFUSED,
    Event.REVERSAL_UNCLEAR: Reversal.UNCLEAR,
    Event.REVERSAL_NOT_SENT: Reversal.NOT_SENT,
}

LOOK_EVENTS = frozenset(
    {Event.DONE, Event.UNDONE, Event.NOT_YET, Event.NOT_DONE, Event.LOOK_FAILED}
)
STEP_OF = {
    **dict.fromkeys((*LOOK_EVENTS, Event.LOOK_NOT_SENT), Step.LOOK),
    **dict.fromkeys(REVERSALS, Step.REVERSAL),
    Event.REVERSAL_SENT: Step.REVERSE,
}
"""Events that only the step before them can bring about: an answer needs its question."""


def rule_for(state: State, event: Event) -> Rule:
    """The table's rule; ``IllegalEventError`` when there is none."""
    rule = TABLE.get(state, {}).get(event)
    if rule is None:
        raise IllegalEventError(state, event)
    return rule


def move(record: Record, event: Event, now_ms: int, pace: Pace, code: str = "") -> Move:
    """Apply ``event``; ``code`` names the outcome where the table leaves it open.

    Bounds are part of the life cycle: an event whose rule would go on for ever is turned into
    ``exhausted`` when its bound is reached, so that nothing circles and nothing is dropped.
    """
    event = bounded(record, event, pace)
    rule = rule_for(record.state, event)
    if record.step is not STEP_OF.get(event, record.step):
        raise IllegalEventError(record.state, event)
    doubted = record.doubted or rule.state is State.DOUBTFUL
    changed = msgspec.structs.replace(
        record,
        state=rule.state,
        step=rule.step,
        code=rule.code or code,
        updated_ms=now_ms,
        doubted=doubted,
        looks=record.looks + (event in LOOK_EVENTS),
        reversals=record.reversals + (event is Event.REVERSAL_SENT),
        reversal=REVERSALS.get(event, record.reversal),
        attempts=record.attempts + (rule.action is Action.SEND) - (event is Event.NOT_SENT_AGAIN),
        sent_ms=now_ms if rule.action is Action.SEND else record.sent_ms,
        event_due=doubted and (rule.state in FINAL or rule.action is Action.HOLD),
        next_at_ms=next_at(record, rule, now_ms, pace),
    )
    return Move(changed, rule.action)


def bounded(record: Record, event: Event, pace: Pace) -> Event:
    """The event that counts: ``exhausted`` in place of one that has come too often, and no word on
    a repeat that would settle the doubt about the attempt before it."""
    match event:
        case Event.NEVER_SENT if record.doubted:
            return Event.NOT_SENT_AGAIN
        case Event.REFUSED if record.doubted:
            return Event.REFUSED_IN_DOUBT
        case Event.LOOK_FAILED | Event.NOT_YET if record.looks >= pace.looks_max:
            return Event.EXHAUSTED
        case Event.REPEAT if record.attempts > pace.repeats_max:
            return Event.EXHAUSTED
        case Event.DONE if record.state is State.REVERSING:
            return Event.EXHAUSTED if record.reversals >= pace.reversals_max else event
        case _:
            return event


def next_at(record: Record, rule: Rule, now_ms: int, pace: Pace) -> int:
    """When another worker may take the record over (0 = never)."""
    if rule.state in FINAL or rule.action is Action.HOLD:
        return 0
    if rule.action is Action.LOOK_LATER:
        return now_ms + look_delay_ms(record, now_ms, pace)
    if rule.action in {Action.REVERSE_LATER, Action.RESOLVE_LATER}:
        return now_ms + pace.retry_ms
    if rule.action in {Action.SEND, Action.SEND_REVERSAL}:
        return record.in_flight_until_ms
    return now_ms + pace.lease_ms


def commit_until_ms(record: Record, pace: Pace) -> int:
    """From here on the centre cannot commit the call any more: absence is proof."""
    return record.in_flight_until_ms + pace.centre_ms


def look_delay_ms(record: Record, now_ms: int, pace: Pace) -> int:
    """Growing pauses, but never past the moment at which absence becomes proof. They grow with the
    time in doubt too: a look that could not be sent does not count, and an outage may last
    hours."""
    in_doubt_ms = max(now_ms - record.in_flight_until_ms, 0)
    pause = max(pace.look_first_ms << min(record.looks, 16), in_doubt_ms // LOOK_SHARE)
    pause = min(pause, pace.look_max_ms)
    until_proof = commit_until_ms(record, pace) - now_ms
    return min(pause, until_proof) if until_proof > 0 else pause


class Heard(StrEnum):
    """What came of sending the request itself."""

    ACCEPTED = "accepted"
    ALREADY_DONE = "already_done"
    STALE_SIGN_IN = "stale_sign_in"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    NEVER_SENT = "never_sent"


def hearing(record: Record, heard: Heard, pace: Pace) -> Event:
    """What an attempt's end means, given what is already in doubt about earlier attempts."""
    match heard:
        case Heard.ACCEPTED:
            return Event.ACCEPTED
        case Heard.UNCLEAR:
            return Event.UNCLEAR
        case Heard.ALREADY_DONE if record.recovery == "repeat":
            return Event.ALREADY_DONE
        case Heard.STALE_SIGN_IN if record.attempts < pace.sign_in_attempts_max:
            return Event.STALE_SIGN_IN
        case Heard.NEVER_SENT:
            return bounded(record, Event.NEVER_SENT, pace)
        case _:
            return bounded(record, Event.REFUSED, pace)


def finding(record: Record, seen: Seen, now_ms: int, pace: Pace) -> Event:
    """What a look at the centre means for this record now.

    Absence is proof only once the centre cannot commit any more, also after a 2601 that it took: it
    may have taken it for a request that it is still to commit. Presence calls for another 2601 only
    when the last one cannot take effect any more: a 2601 in doubt is never repeated blindly.
    """
    can_still_commit = now_ms < commit_until_ms(record, pace)
    first_look = record.state is State.VERIFYING and record.recovery == "reverse"
    match seen:
        case Seen.UNDONE:
            return Event.UNDONE
        case Seen.DONE:
            waiting = record.reversal is Reversal.UNCLEAR and can_still_commit
            return Event.NOT_YET if waiting else Event.DONE
        case Seen.ABSENT if not can_still_commit:
            return Event.UNDONE if record.reversal is Reversal.TAKEN else Event.NOT_DONE
        case Seen.ABSENT:
            return Event.REVERSE if first_look else Event.NOT_YET
        case Seen.NOT_SENT:
            return Event.LOOK_NOT_SENT
        case Seen.FAILED:
            tired = first_look and record.looks >= pace.looks_before_reversal
            return Event.REVERSE if tired else Event.LOOK_FAILED


def plan(record: Record, can_look: bool) -> Event:
    """How a doubtful record is resolved, by the transaction's ``recovery``.

    Money is looked at first where a look exists (a found settlement is adopted), else reversed.
    """
    match record.recovery:
        case "repeat":
            return Event.REPEAT
        case "reverse":
            return Event.LOOK if can_look else Event.REVERSE
        case "verify" if can_look:
            return Event.LOOK
        case _:
            return Event.ESCALATE


def resume(record: Record) -> Event | Action:
    """How a taken-over record goes on: as an event that happened, or an action still owed."""
    if record.state is State.SENDING:
        return Event.OWNER_LOST
    if record.state is State.DOUBTFUL:
        return Action.RESOLVE
    if record.step is Step.REVERSAL:
        return Event.REVERSAL_UNCLEAR
    if record.step is Step.REVERSE:
        return Action.START_REVERSAL
    if record.step is Step.LOOK:
        return Action.LOOK
    return Action.HOLD
