"""The life of a request: every state and every transition, as one table.

What may not enter this file: a clock, a log call, an await, a rule of a region. What may not leave
it: any decision about which state follows which event. An event that the table does not name for
a state is illegal and changes nothing.

The words: *done* means the request took effect at the centre, *undone* that it did and was taken
back, *not yet* that a look found nothing but the centre may still commit it, *not done* that a look
after the centre's own time-out found nothing.
"""

from enum import StrEnum
from typing import NamedTuple

from bus.lifecycle.record import State, Step


class Event(StrEnum):
    """A fact about a request. The driver reports facts; what follows is decided here."""

    REFUSE_INVALID = "refuse_invalid"
    REFUSE_BUSY = "refuse_busy"
    REFUSE_EXPIRED = "refuse_expired"
    REFUSE_UNAVAILABLE = "refuse_unavailable"
    CLEAR = "clear"
    """Every check passed; the call may be sent from now on."""

    NEVER_SENT = "never_sent"
    ACCEPTED = "accepted"
    ALREADY_DONE = "already_done"
    """Refused because it is done: what a repeatable request wanted."""
    REFUSED = "refused"
    STALE_SIGN_IN = "stale_sign_in"
    """Refused because of its sign-in number: nothing was done, one new attempt is allowed."""
    REFUSED_IN_DOUBT = "refused_in_doubt"
    """A repeat was refused, but an earlier attempt may have been done: a no that proves nothing."""
    NOT_SENT_AGAIN = "not_sent_again"
    """A repeat certainly did not leave; the doubt about the earlier attempt stays."""
    UNCLEAR = "unclear"
    OWNER_LOST = "owner_lost"

    REPEAT = "repeat"
    LOOK = "look"
    REVERSE = "reverse"
    ESCALATE = "escalate"

    DONE = "done"
    UNDONE = "undone"
    NOT_YET = "not_yet"
    NOT_DONE = "not_done"
    LOOK_FAILED = "look_failed"
    LOOK_NOT_SENT = "look_not_sent"
    """The centre cannot be reached: looking again costs nothing and is not counted."""

    REVERSAL_SENT = "reversal_sent"
    REVERSAL_TAKEN = "reversal_taken"
    REVERSAL_NOTHING = "reversal_nothing"
    REVERSAL_REFUSED = "reversal_refused"
    REVERSAL_UNCLEAR = "reversal_unclear"
    REVERSAL_NOT_SENT = "reversal_not_sent"

    EXHAUSTED = "exhausted"
    PERSON_SUCCEEDED = "person_succeeded"
    PERSON_REVERSED = "person_reversed"
    PERSON_LOOK = "person_look"


class Action(StrEnum):
    """What the driver does next. It does nothing else."""

    SEND = "send"
    RESOLVE = "resolve"
    """Ask ``plan`` which of repeat, look, reverse, escalate it is."""
    RESOLVE_LATER = "resolve_later"
    LOOK = "look"
    LOOK_LATER = "look_later"
    START_REVERSAL = "start_reversal"
    """Draw a msgid, store it with ``reversal_sent``, only then send the 2601."""
    SEND_REVERSAL = "send_reversal"
    REVERSE_LATER = "reverse_later"
    TELL = "tell"
    """The outcome is final: reply, or announce it."""
    HOLD = "hold"


class Rule(NamedTuple):
    """``code`` is the outcome slug of the next state; empty: the event's bearer supplies it."""

    state: State
    step: Step
    action: Action
    code: str = ""


S, T, A, E = State, Step, Action, Event

HELD = Rule(S.HELD, T.PERSON, A.HOLD, "held")
LOOKING = Rule(S.VERIFYING, T.LOOK, A.LOOK, "settling")
LOOKING_LATER = Rule(S.VERIFYING, T.LOOK, A.LOOK_LATER, "settling")
TO_REVERSE = Rule(S.REVERSING, T.REVERSE, A.START_REVERSAL, "reversing")
REVERSE_AGAIN = Rule(S.REVERSING, T.REVERSE, A.REVERSE_LATER, "reversing")
PROVING = Rule(S.REVERSING, T.LOOK, A.LOOK, "reversing")
PROVING_LATER = Rule(S.REVERSING, T.LOOK, A.LOOK_LATER, "reversing")
DOUBT = Rule(S.DOUBTFUL, T.NONE, A.RESOLVE, "settling")
UNDONE = Rule(S.REVERSED, T.NONE, A.TELL, "reversed")
NOT_DONE = Rule(S.REVERSED, T.NONE, A.TELL, "not_done")
ADOPTED = Rule(S.SUCCEEDED, T.NONE, A.TELL, "adopted")
SENDING = Rule(S.SENDING, T.CALL, A.SEND, "settling")

TABLE: dict[State, dict[Event, Rule]] = {
    S.RECEIVED: {
        E.REFUSE_INVALID: Rule(S.INVALID, T.NONE, A.TELL),
        E.REFUSE_BUSY: Rule(S.BUSY, T.NONE, A.TELL, "visit_busy"),
        E.REFUSE_EXPIRED: Rule(S.EXPIRED, T.NONE, A.TELL, "deadline_passed"),
        E.REFUSE_UNAVAILABLE: Rule(S.UNAVAILABLE, T.NONE, A.TELL),
        E.CLEAR: SENDING,
    },
    S.SENDING: {
        E.NEVER_SENT: Rule(S.UNAVAILABLE, T.NONE, A.TELL),
        E.ACCEPTED: Rule(S.SUCCEEDED, T.NONE, A.TELL, "ok"),
        E.ALREADY_DONE: Rule(S.SUCCEEDED, T.NONE, A.TELL, "already_done"),
        E.REFUSED: Rule(S.REJECTED, T.NONE, A.TELL, "refused"),
        E.STALE_SIGN_IN: SENDING,
        E.REFUSED_IN_DOUBT: HELD,
        E.NOT_SENT_AGAIN: Rule(S.DOUBTFUL, T.NONE, A.RESOLVE_LATER, "settling"),
        E.UNCLEAR: DOUBT,
        E.OWNER_LOST: DOUBT,
    },
    S.DOUBTFUL: {
        E.REPEAT: SENDING,
        E.LOOK: LOOKING,
        E.REVERSE: TO_REVERSE,
        E.ESCALATE: HELD,
        E.EXHAUSTED: HELD,
    },
    S.VERIFYING: {
        E.DONE: ADOPTED,
        E.UNDONE: UNDONE,
        E.NOT_YET: LOOKING_LATER,
        E.NOT_DONE: NOT_DONE,
        E.LOOK_FAILED: LOOKING_LATER,
        E.LOOK_NOT_SENT: LOOKING_LATER,
        E.REVERSE: TO_REVERSE,
        E.EXHAUSTED: HELD,
    },
    S.REVERSING: {
        E.REVERSAL_SENT: Rule(S.REVERSING, T.REVERSAL, A.SEND_REVERSAL, "reversing"),
        E.REVERSAL_TAKEN: PROVING,
        E.REVERSAL_NOTHING: PROVING_LATER,
        E.REVERSAL_REFUSED: PROVING,
        E.REVERSAL_UNCLEAR: PROVING,
        E.REVERSAL_NOT_SENT: REVERSE_AGAIN,
        E.DONE: REVERSE_AGAIN,
        E.UNDONE: UNDONE,
        E.NOT_YET: PROVING_LATER,
        E.NOT_DONE: NOT_DONE,
        E.LOOK_FAILED: PROVING_LATER,
        E.LOOK_NOT_SENT: PROVING_LATER,
        E.ESCALATE: HELD,
        E.EXHAUSTED: HELD,
    },
    S.HELD: {
        E.PERSON_SUCCEEDED: ADOPTED,
        E.PERSON_REVERSED: NOT_DONE,
        E.PERSON_LOOK: LOOKING,
    },
}
"""Final states have no row: nothing follows them."""
