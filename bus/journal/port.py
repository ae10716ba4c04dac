"""The journal port: six small books, each with at most five duties, served by one engine.

Durability: when a method that changes something returns, the change survives a power cut. Many
callers may wait at once; engines commit in groups. An engine that cannot keep the change raises
``JournalUnavailableError`` and has changed nothing.
"""

from typing import Protocol

import msgspec

from bus.lifecycle.record import Record, StoryLine


class JournalUnavailableError(Exception):
    """The journal cannot be written or read now; nothing was changed. Nothing may be sent or
    acknowledged on it."""


class ClaimTakenError(ValueError):
    """A final record was to be opened again, but its visit belongs to another open record. Nothing
    was changed."""


class Fresh(msgspec.Struct, frozen=True):
    """The record is new and durable; ``record`` carries the msgid drawn for it when one was asked
    for."""

    record: Record


class Known(msgspec.Struct, frozen=True):
    """The key exists; ``record`` is the stored one. Nothing was changed."""

    record: Record


class Claimed(msgspec.Struct, frozen=True):
    """Another open record of this tenant holds the visit; ``key`` is its key. Nothing was
    changed."""

    key: str


Begun = Fresh | Known | Claimed


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A small thing remembered about a visit or a person: an uploaded fee row, a 1192 check, a
    token's age.

    Unique by (tenant, kind, subject, item). ``subject`` and ``item`` never hold plain identities.
    """

    tenant: str
    kind: str
    subject: str
    item: str
    value: str = ""
    batch: str = ""
    mark: str = ""
    at_ms: int = 0


class FactChange(msgspec.Struct, frozen=True, kw_only=True):
    """``put`` inserts or replaces; ``drop`` deletes; ``mark`` sets the mark. For drop and mark an
    empty
    ``item`` or ``batch`` means any, and ``where_mark`` restricts to facts with that mark (None =
    any)."""

    op: str
    fact: Fact
    where_mark: str | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in of one operator on one day (9001). ``state``: signing, open, out."""

    tenant: str
    opter: str
    day: str
    sign_no: str = ""
    state: str = "signing"
    owner: str = ""
    until_ms: int = 0
    """While ``signing``: the lease of the process that signs in."""
    at_ms: int = 0


class Numbers(msgspec.Struct, frozen=True):
    """A block of message numbers: ``second`` is yyyyMMddHHmmss of the centre's clock, numbers
    ``first`` to ``first + count - 1`` of that second belong to the caller for ever."""

    second: str
    first: int
    count: int


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes records over, when, and for how long; an empty tenant means any."""

    owner: str
    now_ms: int
    lease_ms: int
    tenant: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a schedule: what is to be done for a tenant at a time, by one worker. Unique by
    (tenant, schedule, due_ms). ``state``: waiting, running, done, failed, missed."""

    tenant: str
    schedule: str
    due_ms: int
    job: str
    state: str = "waiting"
    fence: int = 0
    """Raised by every take-over; a worker with an older fence changes nothing."""
    owner: str = ""
    until_ms: int = 0
    """While running: the end of the lease. While waiting: not to be tried again before."""
    attempts: int = 0
    at_ms: int = 0
    detail: str = ""
    """What came of it, in a few words or figures; never holds identities."""


class RunsBy(msgspec.Struct, frozen=True, kw_only=True):
    """Terms of a search for runs; empty means any. ``before_ms``: due earlier, to read on."""

    tenant: str = ""
    schedule: str = ""
    states: tuple[str, ...] = ()
    before_ms: int = 1 << 62
    limit: int = 100


class FindBy(msgspec.Struct, frozen=True, kw_only=True):
    """Terms of a search; empty means any. ``msgid`` matches the reversal's msgid too."""

    tenant: str = ""
    key: str = ""
    msgid: str = ""
    mdtrt_id: str = ""
    subject: str = ""
    states: tuple[str, ...] = ()
    limit: int = 100


class Ledger(Protocol):
    """The book of requests."""

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        """Insert ``record`` unless its (tenant, key) exists or its ``visit`` is claimed, in one
        commit.

        A record in state ``sending`` with an empty msgid gets one: the tenant's first 12
        characters,
        second, 4-digit number, drawn in the same commit. ``visit`` is claimed while the record is
        open;
        a record inserted in a final state claims nothing and is never refused for a claim."""
        ...

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        """Replace the stored record when the stored fence equals ``record.fence``; add the story
        line,
        apply the facts, release the claim when the state is final. On a stale fence: False, nothing
        changes but the story, which gains the line with ``late_`` before its ``what``. For a key
        that does not exist: False.

        Who the record is stays as begun: infno, effect, recovery, digest, created_ms and request.
        An
        empty ``told`` keeps the stored one. ``ClaimTakenError`` when a final record would open
        again and its visit is claimed by another."""
        ...

    async def take_due(self, lease: "Lease", limit: int, key: str = "") -> list[Record]:
        """Open records with 0 < next_at_ms <= now: fence raised, owner set, next_at_ms = now +
        lease;
        durable before return. With ``key``, only that record of ``lease.tenant``. State and step
        stay as
        they were. Each record's story gains a line ``taken_over``."""
        ...

    async def find(self, by: "FindBy") -> list[Record]:
        """Records that match every term given, newest first."""
        ...

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        """All lines of one request, oldest first."""
        ...


class Outbox(Protocol):
    """Events owed to the HIS."""

    async def events_due(self, limit: int) -> list[Record]:
        """Records with ``event_due``, oldest first."""
        ...

    async def event_sent(self, tenant: str, key: str, state: str) -> None:
        """The event of this record in this state is confirmed; when the record has moved on
        meanwhile, nothing changes: what is owed then is another event."""
        ...

    async def told(self, tenant: str, key: str, status: str) -> None:
        """Note the status confirmed to the HIS. Need not be durable on return (it only informs
        people)."""
        ...


class Msgids(Protocol):
    """Message numbers, allotted, never random (12 + 14 + 4 digits)."""

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        """A block nobody else ever gets. The second never goes back, even if the clock does; when
        the 10,000
        numbers of a second are used up the next second begins. May be shorter than asked, never
        empty."""
        ...


class SessionBook(Protocol):
    """Sign-ins, one at a time across all workers."""

    async def session(self, tenant: str, opter: str, day: str) -> Session | None:
        """The stored session, if any."""
        ...

    async def open_sessions(self, tenant: str = "") -> list[Session]:
        """Sessions in state ``open`` of any day."""
        ...

    async def claim_sign_in(
        self, session: Session, now_ms: int, *, replace: bool = False
    ) -> Session:
        """Store ``session`` (state signing) when there is none, or its signing lease ran out, or
        (``replace``) it
        is open; return the stored one. The caller signs in when the returned owner and until_ms
        are its own."""
        ...

    async def put_session(self, session: Session) -> None:
        """Store the result of a sign-in or sign-out."""
        ...


class FactBook(Protocol):
    """What the bus remembers about visits and persons outside a record's own commit."""

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        """Apply the changes."""
        ...

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        """All facts of one subject."""
        ...


class ScheduleBook(Protocol):
    """What is to be done at certain times, once, whoever does it."""

    async def plan_runs(self, runs: tuple[Run, ...]) -> int:
        """Insert those that are not there yet; how many that were."""
        ...

    async def take_runs(self, lease: Lease, limit: int) -> list[Run]:
        """Runs that are due and wait, or whose runner was silent past its lease, oldest first:
        running now, fence and attempts raised, owner set, leased; durable before return."""
        ...

    async def put_run(self, run: Run) -> bool:
        """Replace the stored run when its fence is the same."""
        ...

    async def runs(self, by: RunsBy) -> list[Run]:
        """Runs that match every term given, latest due first."""
        ...


class Journal(Ledger, Outbox, Msgids, SessionBook, FactBook, ScheduleBook, Protocol):
    """All books of one engine."""

    async def open(self) -> None:
        """Migrate the schema and make ready."""
        ...

    async def close(self) -> None:
        """Commit what waits, then close."""
        ...

    async def check(self) -> None:
        """Prove that a durable write works now; ``JournalUnavailableError`` when not."""
        ...
