"""Rules of the books that do not depend on an engine. Pure."""

from bus.journal.port import Session
from bus.lifecycle.record import OPEN, Record, State, StoryLine

LATE = "late_"
TAKEN_OVER = "taken_over"


def claim_of(record: Record) -> str | None:
    """The visit a record claims now: only while it is open."""
    return record.visit if record.visit and record.state in OPEN else None


def needs_msgid(record: Record) -> bool:
    """Whether ``begin`` draws a number for it."""
    return record.state is State.SENDING and not record.msgid


def late(story: StoryLine) -> StoryLine:
    """The line a writer with an old fence leaves."""
    return StoryLine(
        at_ms=story.at_ms,
        fence=story.fence,
        what=LATE + story.what,
        detail=story.detail,
        owner=story.owner,
    )


def may_sign_in(stored: Session | None, now_ms: int, *, replace: bool) -> bool:
    """Whether a claim of the sign-in is granted: there is none, the one who signs in has been
    silent past its lease, or an open one is to be replaced."""
    if stored is None:
        return True
    if stored.state == "signing":
        return stored.until_ms <= now_ms
    return replace and stored.state == "open"
