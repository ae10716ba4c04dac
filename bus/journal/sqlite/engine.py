"""The journal port on one SQLite file. Several worker processes of one host may share it."""

import asyncio
from collections.abc import Mapping
from functools import partial

from bus.clock import Clock, SystemClock
from bus.gm import Sealer
from bus.journal.counts import Counts
from bus.journal.port import (
    Begun,
    Fact,
    FactChange,
    FindBy,
    JournalUnavailableError,
    Lease,
    Numbers,
    Session,
)
from bus.journal.rows import Rows
from bus.journal.rules import check_changes
from bus.journal.sqlite import books, ledger
from bus.journal.sqlite.checkpoint import Checkpointer
from bus.journal.sqlite.connect import connect, create, unavailable
from bus.journal.sqlite.migrate import migrate
from bus.journal.sqlite.reader import Reader
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
        self._rows = Rows(sealer)
        self._clock = clock or SystemClock()
        self._group_rows_max = group_rows_max
        self._open_parts: tuple[Writer, Reader, Checkpointer] | None = None
        self.counts = Counts()

    async def open(self) -> None:
        """Create and migrate the file when needed, start the threads."""
        if self._open_parts is None:
            await asyncio.to_thread(self._prepare)
            writer = Writer(self._path, self._group_rows_max, self.counts, books.told)
            reader = Reader(self._path)
            checkpointer = Checkpointer(self._path, writer.shrink_wanted, self.counts)
            self._open_parts = (writer, reader, checkpointer)

    async def close(self) -> None:
        """Commit what waits, then close."""
        if self._open_parts is not None:
            (writer, reader, checkpointer), self._open_parts = self._open_parts, None
            await writer.close()
            await reader.close()
            await asyncio.to_thread(checkpointer.close)

    async def check(self) -> None:
        """See the port."""
        await self._writer.do(partial(books.beat, at_ms=self._clock.now_ms()))

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        """See the port."""
        row = self._rows.row(record, with_request=True)
        rows = self._rows
        return await self._writer.do(
            lambda transaction: ledger.begin(transaction, rows, record, row, now_ms, story)
        )

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        """See the port."""
        check_changes(facts)
        row = self._rows.row(record, with_request=False)
        return await self._writer.do(
            lambda transaction: ledger.advance(transaction, row, story, facts)
        )

    async def take_due(self, lease: Lease, limit: int, key: str = "") -> list[Record]:
        """See the port."""
        taken, broken = await self._writer.do(
            partial(ledger.take_due, rows=self._rows, lease=lease, limit=limit, key=key)
        )
        self.counts.seals_broken += broken
        return taken

    async def find(self, by: FindBy) -> list[Record]:
        """See the port."""
        return await self._reader.read(partial(ledger.find, rows=self._rows, by=by))

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        """See the port."""
        return await self._reader.read(partial(ledger.story, tenant=tenant, key=key))

    async def events_due(self, limit: int) -> list[Record]:
        """See the port."""
        return await self._reader.read(partial(ledger.events_due, rows=self._rows, limit=limit))

    async def event_sent(self, tenant: str, key: str) -> None:
        """See the port."""
        await self._writer.do(partial(books.event_sent, tenant=tenant, key=key))

    async def told(self, tenant: str, key: str, status: str) -> None:
        """See the port. Rides with the next group, within a second; a closed journal lets it go."""
        if self._open_parts is not None:
            self._writer.do_later((tenant, key, status))

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        """See the port."""
        return await self._writer.do(
            partial(books.allot, tenant=tenant, now_ms=now_ms, count=count)
        )

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
        return await self._writer.do(
            partial(books.claim_sign_in, wanted=session, now_ms=now_ms, replace=replace)
        )

    async def put_session(self, session: Session) -> None:
        """See the port."""
        await self._writer.do(partial(books.put_session, value=session))

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        """See the port."""
        check_changes(changes)
        await self._writer.do(partial(books.change_facts, changes=changes))

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        """See the port."""
        return await self._reader.peek(
            partial(books.facts, tenant=tenant, kind=kind, subject=subject)
        )

    async def purge(self, before_ms: Mapping[str, int], limit: int = PURGE_ROWS_MAX) -> int:
        """Delete final requests, with their stories, last changed before the cut of their class
        (``effect``), at most ``limit`` of each; the number deleted, 0 when nothing is left to do.
        Open records and owed events are never touched."""
        return await self._writer.do(partial(books.purge, before_ms=before_ms, limit=limit))

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        """Delete facts older than ``before_ms`` and sign-ins of days before ``day``."""
        return await self._writer.do(partial(books.purge_remembered, before_ms=before_ms, day=day))

    @property
    def _writer(self) -> Writer:
        return self._parts()[0]

    @property
    def _reader(self) -> Reader:
        return self._parts()[1]

    def _parts(self) -> tuple[Writer, Reader, Checkpointer]:
        if self._open_parts is None:
            raise JournalUnavailableError("journal: closed")
        return self._open_parts

    def _prepare(self) -> None:
        with unavailable():
            create(self._path)
            db = connect(self._path)
            try:
                migrate(db)
            finally:
                db.close()
