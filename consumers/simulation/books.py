"""The durable journal of a simulated world, and each process's way to it.

The books are the in-memory engine: what it stores is durable from that moment. A process reaches
them through a ``JournalLink``, which is slow, fails, or lets its process die just before or just
after the commit.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from bus.journal.memory import MemoryJournal
from bus.journal.port import (
    Begun,
    Fact,
    FactChange,
    FindBy,
    JournalUnavailableError,
    Lease,
    Numbers,
    Run,
    RunsBy,
    Session,
)
from bus.lifecycle.record import Record, StoryLine
from consumers.simulation.ground import Ground
from consumers.simulation.process import Process

T = TypeVar("T")

OUTAGE_S_MAX = 30.0
SLOW_US = 4_000_000


class Books(MemoryJournal):
    """The in-memory engine, open from the start, that says what it keeps."""

    def __init__(self, on_store: Callable[[Record | None, Record], None]) -> None:
        super().__init__()
        self._opened = True
        self._on_store = on_store

    def record(self, tenant: str, key: str) -> Record | None:
        """The stored record."""
        return self._records.get((tenant, key))

    def records(self) -> list[Record]:
        """All records, oldest first."""
        return list(self._records.values())

    def lines(self, record: Record) -> list[StoryLine]:
        """The story of a record."""
        return self._stories[record.tenant, record.key]

    def _store(self, record: Record) -> None:
        before = self._records.get((record.tenant, record.key))
        super()._store(record)
        self._on_store(before, record)


class Weather:
    """When the journal is away."""

    def __init__(self, ground: Ground) -> None:
        dice, traits = ground.dice, ground.traits
        self._away: list[tuple[int, int]] = []
        for _ in range(traits.journal_outages):
            begin_us = round(dice.uniform(0, traits.calm_after_s) * 1_000_000)
            self._away.append((begin_us, begin_us + round(dice.uniform(1, OUTAGE_S_MAX) * 1e6)))

    def away(self, now_us: int) -> bool:
        """Whether no process reaches the journal now."""
        return any(begin <= now_us < end for begin, end in self._away)


class JournalLink:
    """``bus.journal.port.Journal`` for one process."""

    def __init__(self, ground: Ground, books: Books, weather: Weather, process: Process) -> None:
        self._ground = ground
        self._books = books
        self._weather = weather
        self._process = process

    async def open(self) -> None:
        """The books are open."""

    async def close(self) -> None:
        """The books stay open: other processes use them."""

    async def check(self) -> None:
        await self._do("check", self._books.check)

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        what = f"begin {record.infno} {record.key} {record.state}"
        return await self._do(what, lambda: self._books.begin(record, now_ms, story))

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        step = f"/{record.step}" if record.step else ""
        what = f"advance {record.infno} {record.key} {story.what} -> {record.state}{step}"
        if story.detail:
            what += f" [{story.detail}]"
        kept = await self._do(what, lambda: self._books.advance(record, story, facts))
        if not kept:
            self._ground.note(self._process.name, f"superseded on {record.key}")
        return kept

    async def take_due(self, lease: Lease, limit: int, key: str = "") -> list[Record]:
        taken = await self._do("take_due", lambda: self._books.take_due(lease, limit, key))
        for record in taken:
            self._ground.note(
                self._process.name, f"took over {record.key} fence {record.fence} {record.state}"
            )
        return taken

    async def find(self, by: FindBy) -> list[Record]:
        return await self._look(lambda: self._books.find(by))

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        return await self._look(lambda: self._books.story(tenant, key))

    async def events_due(self, limit: int) -> list[Record]:
        return await self._look(lambda: self._books.events_due(limit))

    async def event_sent(self, tenant: str, key: str, state: str) -> None:
        await self._do(f"event_sent {key}", lambda: self._books.event_sent(tenant, key, state))

    async def told(self, tenant: str, key: str, status: str) -> None:
        await self._do(f"told {key} {status}", lambda: self._books.told(tenant, key, status))

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        return await self._do("allot", lambda: self._books.allot(tenant, now_ms, count))

    async def session(self, tenant: str, opter: str, day: str) -> Session | None:
        return await self._look(lambda: self._books.session(tenant, opter, day))

    async def open_sessions(self, tenant: str = "") -> list[Session]:
        return await self._look(lambda: self._books.open_sessions(tenant))

    async def claim_sign_in(
        self, session: Session, now_ms: int, *, replace: bool = False
    ) -> Session:
        what = f"claim_sign_in {session.opter} {session.day}"
        return await self._do(
            what, lambda: self._books.claim_sign_in(session, now_ms, replace=replace)
        )

    async def put_session(self, session: Session) -> None:
        what = f"put_session {session.opter} {session.day} {session.state}"
        await self._do(what, lambda: self._books.put_session(session))

    async def plan_runs(self, runs: tuple[Run, ...]) -> int:
        return await self._do("plan_runs", lambda: self._books.plan_runs(runs))

    async def take_runs(self, lease: Lease, limit: int) -> list[Run]:
        return await self._do("take_runs", lambda: self._books.take_runs(lease, limit))

    async def put_run(self, run: Run) -> bool:
        what = f"put_run {run.schedule} {run.state}"
        return await self._do(what, lambda: self._books.put_run(run))

    async def runs(self, by: RunsBy) -> list[Run]:
        return await self._look(lambda: self._books.runs(by))

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        await self._do("remember", lambda: self._books.remember(changes))

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        return await self._look(lambda: self._books.recall(tenant, kind, subject))

    async def purge(self, before_ms: Mapping[str, int], limit: int = 500) -> int:
        return await self._do("purge", lambda: self._books.purge(before_ms, limit))

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        return await self._do("purge", lambda: self._books.purge_remembered(before_ms, day))

    async def _look(self, read: Callable[[], Awaitable[T]]) -> T:
        """A read: it may fail, and its process may die waiting for it."""
        await self._process.pause(self._latency_us())
        self._fail_perhaps("read")
        return await read()

    async def _do(self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        """A write: durable or failed, and the process may die on either side of the commit."""
        process = self._process
        await process.pause(self._latency_us())
        self._fail_perhaps(what)
        process.may_die(f"before journal {what}")
        done = await write()
        if what not in ("take_due", "allot"):
            self._ground.note(process.name, f"journal {what}")
        process.may_die(f"after journal {what}")
        await process.pause(self._latency_us())
        return done

    def _latency_us(self) -> int:
        traits = self._ground.traits
        return SLOW_US if self._ground.chance(traits.journal_slow) else traits.latency_us // 2

    def _fail_perhaps(self, what: str) -> None:
        ground = self._ground
        if self._weather.away(ground.loop.now_us) or ground.chance(ground.traits.journal_fails):
            ground.note(self._process.name, f"journal unavailable: {what}")
            raise JournalUnavailableError("journal: away")
