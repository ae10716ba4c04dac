"""The record of a request: what the journal keeps and the life cycle works on. A value, no I/O."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a request stands. The final ones are also the status the HIS is told."""

    RECEIVED = "received"
    SENDING = "sending"
    DOUBTFUL = "doubtful"
    VERIFYING = "verifying"
    REVERSING = "reversing"
    HELD = "held"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    REVERSED = "reversed"
    INVALID = "invalid"
    BUSY = "busy"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"


FINAL = frozenset(
    {
        State.SUCCEEDED,
        State.REJECTED,
        State.REVERSED,
        State.INVALID,
        State.BUSY,
        State.EXPIRED,
        State.UNAVAILABLE,
    }
)
OPEN = frozenset(State) - FINAL


class Step(StrEnum):
    """What an open record waits for; tells a process that takes it over where the last one
    stood."""

    NONE = ""
    CALL = "call"
    """The request itself may be in flight."""
    LOOK = "look"
    REVERSE = "reverse"
    """A 2601 is to be sent; none is in flight."""
    REVERSAL = "reversal"
    """A 2601 may be in flight: it is never repeated blindly."""
    PERSON = "person"


class Reversal(StrEnum):
    """What became of a 2601. ``taken`` is the centre's word (infcode 0), not yet proof."""

    NONE = ""
    SENT = "sent"
    TAKEN = "taken"
    NOTHING = "nothing"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    NOT_SENT = "not_sent"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One request under one idempotency key. Times are milliseconds since 1970 UTC, 0 when not
    set."""

    tenant: str
    key: str
    infno: str
    effect: str
    recovery: str
    digest: str
    """SM3 (hex) of the canonical JSON of infno and body: same key, same digest = the same
    request."""
    state: State = State.RECEIVED
    step: Step = Step.NONE
    fence: int = 1
    """Raised by every take-over; a writer with an older fence changes nothing."""
    owner: str = ""
    """Name of the worker process that acts on it."""
    msgid: str = ""
    reversal_msgid: str = ""
    attempts: int = 0
    looks: int = 0
    reversals: int = 0
    reversal: Reversal = Reversal.NONE
    """What became of the last 2601 sent for this record."""
    doubted: bool = False
    """Whether the outcome was ever unknown: then its final outcome is announced as an event."""
    visit: str = ""
    """Claim: no other money call of this visit while this one is open; empty when it needs none."""
    subject: str = ""
    """Keyed digest of psn_no, for search."""
    mdtrt_id: str = ""
    deadline_ms: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    sent_ms: int = 0
    answered_ms: int = 0
    in_flight_until_ms: int = 0
    """From here on the last call of this record cannot be in flight any more (deadline and
    margin)."""
    next_at_ms: int = 0
    """When any worker may take the record over; 0 in final states."""
    told: str = ""
    """What the HIS was told out of the ordinary: ``in_doubt``, or ``unroutable``; '' otherwise."""
    event_due: bool = False
    """A settlement event is owed (set in the commit of the final state, or of ``held``; cleared
    after its confirm)."""
    code: str = ""
    """Outcome slug of the final state, or why it is open."""
    request: bytes = b""
    """The request as received (JSON of ``consumers.intake.Order``); sealed on disk."""
    reply: bytes = b""
    """The reply body of the final state; sealed on disk."""


class StoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a request's story: what happened, when, under which fence. Never holds
    identities."""

    at_ms: int
    fence: int
    what: str
    """Slug of the event: received, sending, answered, unclear, look, reversal, ..."""
    detail: str = ""
    owner: str = ""
