"""The journal port on one SQLite file. Several worker processes of one host may share it."""

import asyncio
from collections.abc import Mapping
from functools import partial
from types import NoneType

import msgspec

from bus.clock import Clock, SystemClock
from bus.gm import Sealer
from bus.journal.counts import Counts
from bus.journal.port import (
    Begun,
    Claimed,
    Fact,
    FactChange,
    FindBy,
    Fresh,
    JournalUnavailableError,
    Known,
    Lease,
    Numbers,
    Run,
    RunsBy,
    Session,
)
from bus.journal.rows import Rows
from bus.journal.rules import check_changes
from bus.journal.sqlite import books, checkpoint, connect, ledger, orders
from bus.journal.sqlite.migrate import migrate
from bus.journal.sqlite.reader import Reader
from bus.journal.sqlite.wire import Setting
from bus.journal.sqlite.writer import Writer
from bus.lifecycle.record import Record, StoryLine

GROUP_ROWS_MAX = 512
"""Units per commit: bounds how long the file is locked for other processes (some 20 ms)."""
PURGE_ROWS_MAX = 500
"""Requests deleted per class and commit, for the same reason."""


class SqliteJournal:
    """See ``bus.journal.port.Journal``. Use it from the loop that opened it."""

    def __init__(
        self,
        path: str,
        sealer: Sealer,
        *,
        clock: Clock | None = None,
        group_rows_max: int = GROUP_ROWS_MAX,
    ) -> None:
        self._path = path
        self._sealer = sealer
        self._rows = Rows(sealer)
        self._clock = clock or SystemClock()
        self._group_rows_max = group_rows_max
        self._open_parts: tuple[Writer, Reader] | None = None
        self.counts = Counts()

    async def open(self) -> None:
        """Create and migrate the file when needed. The writer's process starts with the first
        write."""
        if self._open_parts is None:
            await asyncio.to_thread(self._prepare)
            setting = Setting(
                path=self._path,
                keys=self._sealer.keys.to_text(),
                group_rows_max=self._group_rows_max,
                lock_wait_s=connect.LOCK_WAIT_S,
                checkpoint_every_s=checkpoint.EVERY_S,
                wal_pages_max=checkpoint.WAL_PAGES_MAX,
            )
            self._open_parts = (Writer(setting, self.counts), Reader(self._path))

    async def close(self) -> None:
        """Commit what waits, then close."""
        if self._open_parts is not None:
            (writer, reader), self._open_parts = self._open_parts, None
            await writer.close()
            await reader.close()

    async def check(self) -> None:
        """See the port."""
        await self._writer.do(orders.Beat(self._clock.now_ms()), NoneType)

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        """See the port."""
        began = await self._writer.do(orders.Begin(record, now_ms, story), ledger.Began)
        if began.known is not None:
            return Known(began.known)
        if began.claimed_by:
            return Claimed(began.claimed_by)
        return Fresh(msgspec.structs.replace(record, msgid=began.msgid))

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        """See the port."""
        check_changes(facts)
        return await self._writer.do(orders.Advance(record, story, facts), bool)

    async def take_due(self, lease: Lease, limit: int, key: str = "") -> list[Record]:
        """See the port."""
        taken = await self._writer.do(orders.TakeDue(lease, limit, key), ledger.Taken)
        self.counts.seals_broken += taken.broken
        return taken.records

    async def find(self, by: FindBy) -> list[Record]:
        """See the port."""
        return await self._reader.read(partial(ledger.find, rows=self._rows, by=by))

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        """See the port."""
        return await self._reader.read(partial(ledger.story, tenant=tenant, key=key))

    async def events_due(self, limit: int) -> list[Record]:
        """See the port."""
        return await self._reader.read(partial(ledger.events_due, rows=self._rows, limit=limit))

    async def event_sent(self, tenant: str, key: str, state: str) -> None:
        """See the port."""
        await self._writer.do(orders.EventSent(tenant, key, state), NoneType)

    async def told(self, tenant: str, key: str, status: str) -> None:
        """See the port. Rides with the next group, within a second; a closed journal lets it go."""
        if self._open_parts is not None:
            self._writer.told(tenant, key, status)

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        """See the port."""
        return await self._writer.do(orders.Allot(tenant, now_ms, count), Numbers)

    async def session(self, tenant: str, opter: str, day: str) -> Session | None:
        """See the port."""
        return await self._reader.read(partial(books.session, tenant=tenant, opter=opter, day=day))

    async def open_sessions(self, tenant: str = "") -> list[Session]:
        """See the port."""
        return await self._reader.read(partial(books.open_sessions, tenant=tenant))

    async def claim_sign_in(
        self, session: Session, now_ms: int, *, replace: bool = False
    ) -> Session:
        """See the port."""
        return await self._writer.do(orders.ClaimSignIn(session, now_ms, replace), Session)

    async def put_session(self, session: Session) -> None:
        """See the port."""
        await self._writer.do(orders.PutSession(session), NoneType)

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        """See the port."""
        check_changes(changes)
        await self._writer.do(orders.Remember(changes), NoneType)

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        """See the port."""
        return await self._reader.peek(
            partial(books.facts, tenant=tenant, kind=kind, subject=subject)
        )

    async def plan_runs(self, runs: tuple[Run, ...]) -> int:
        """See the port."""
        return await self._writer.do(orders.PlanRuns(runs), int)

    async def take_runs(self, lease: Lease, limit: int) -> list[Run]:
        """See the port."""
        return await self._writer.do(orders.TakeRuns(lease, limit), list[Run])

    async def put_run(self, run: Run) -> bool:
        """See the port."""
        return await self._writer.do(orders.PutRun(run), bool)

    async def runs(self, by: RunsBy) -> list[Run]:
        """See the port."""
        return await self._reader.read(partial(books.runs, by=by))

    async def purge(self, before_ms: Mapping[str, int], limit: int = PURGE_ROWS_MAX) -> int:
        """Delete final requests, with their stories, last changed before the cut of their class
        (``effect``), at most ``limit`` of each; the number deleted, 0 when nothing is left to do.
        Open records and owed events are never touched."""
        return await self._writer.do(orders.Purge(before_ms, limit), int)

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        """Delete facts and ended runs older than ``before_ms``, sign-ins of days before
        ``day``."""
        return await self._writer.do(orders.PurgeRemembered(before_ms, day), int)

    @property
    def writer_pid(self) -> int:
        """Of the process that writes; 0 before the first write."""
        return self._writer.pid

    @property
    def _writer(self) -> Writer:
        return self._parts()[0]

    @property
    def _reader(self) -> Reader:
        return self._parts()[1]

    def _parts(self) -> tuple[Writer, Reader]:
        if self._open_parts is None:
            raise JournalUnavailableError("journal: closed")
        return self._open_parts

    def _prepare(self) -> None:
        with connect.unavailable():
            connect.create(self._path)
            db = connect.connect(self._path)
            try:
                migrate(db)
            finally:
                db.close()
