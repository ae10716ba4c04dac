"""Rules of the books that do not depend on an engine. Pure."""

import msgspec

from bus.journal.port import FactChange, Lease, Run, Session
from bus.lifecycle.record import OPEN, Record, State, StoryLine

LATE = "late_"
TAKEN_OVER = "taken_over"
OPS = ("put", "drop", "mark")


def claim_of(record: Record) -> str | None:
    """The visit a record claims now: only while it is open."""
    return record.visit if record.visit and record.state in OPEN else None


def needs_msgid(record: Record) -> bool:
    """Whether ``begin`` draws a number for it."""
    return record.state is State.SENDING and not record.msgid


def replaced(stored: Record, record: Record) -> Record:
    """What ``advance`` makes of the stored record: who it is stays as begun, and an empty ``told``
    keeps the stored one, since its writer need not know what was confirmed meanwhile."""
    return msgspec.structs.replace(
        record,
        infno=stored.infno,
        effect=stored.effect,
        recovery=stored.recovery,
        digest=stored.digest,
        created_ms=stored.created_ms,
        request=stored.request,
        told=record.told or stored.told,
    )


def late(story: StoryLine) -> StoryLine:
    """The line a writer with an old fence leaves."""
    return msgspec.structs.replace(story, what=LATE + story.what)


def check_changes(changes: tuple[FactChange, ...]) -> None:
    """``ValueError`` for a change nobody knows, before any of them is applied."""
    for change in changes:
        if change.op not in OPS:
            raise ValueError(f"a fact change is one of {OPS}, not {change.op!r}")


def may_sign_in(stored: Session | None, now_ms: int, *, replace: bool) -> bool:
    """Whether a claim of the sign-in is granted: there is none, the one who signs in has been
    silent past its lease, or an open one is to be replaced."""
    if stored is None:
        return True
    if stored.state == "signing":
        return stored.until_ms <= now_ms
    return replace and stored.state == "open"


def is_due(run: Run, lease: Lease) -> bool:
    """Whether it may be taken: nobody works on it, and its time has come."""
    return (
        run.state in {"waiting", "running"}
        and run.due_ms <= lease.now_ms
        and run.until_ms <= lease.now_ms
        and lease.tenant in {"", run.tenant}
    )


def taken_run(run: Run, lease: Lease) -> Run:
    """The run in the hands of the one who takes it."""
    return msgspec.structs.replace(
        run,
        state="running",
        fence=run.fence + 1,
        attempts=run.attempts + 1,
        owner=lease.owner,
        until_ms=lease.now_ms + lease.lease_ms,
        at_ms=lease.now_ms,
    )
