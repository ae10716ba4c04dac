"""The journal port on one PostgreSQL database, shared by workers of any number of hosts."""

from collections.abc import Mapping

import msgspec
import psycopg

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
    Run,
    RunsBy,
    Session,
)
from bus.journal.postgres import books, ledger
from bus.journal.postgres.connect import Address, connect, unavailable
from bus.journal.postgres.link import Answer, Ask
from bus.journal.postgres.migrate import migrate
from bus.journal.postgres.queries import SQL
from bus.journal.postgres.reader import Reader
from bus.journal.postgres.values import Texts
from bus.journal.postgres.writer import Writer
from bus.journal.rows import Rows
from bus.journal.rules import check_changes
from bus.lifecycle.record import Record, StoryLine

STORY = SQL["story"]
OUTBOX = SQL["outbox"]
SESSION = SQL["session"]
OPEN_SESSIONS = SQL["open_sessions"]
FACTS = SQL["facts"]
RUNS = SQL["runs"]

FACT = Fact.__struct_fields__

GROUP_ROWS_MAX = 512
"""Units per commit: bounds how long the books of an institution are locked for other hosts."""
CONNECTIONS_MAX = 4
"""One writes, the others read."""
PURGE_ROWS_MAX = 500
"""Requests deleted per class and commit, for the same reason."""


class PostgresJournal:
    """See ``bus.journal.port.Journal``. Use it from the loop that opened it."""

    def __init__(
        self,
        address: Address,
        sealer: Sealer,
        *,
        clock: Clock | None = None,
        group_rows_max: int = GROUP_ROWS_MAX,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._address = address
        self._rows = Rows(sealer)
        self._clock = clock or SystemClock()
        self._group_rows_max = group_rows_max
        self._readers_max = max(connections_max - 1, 1)
        self._open_parts: tuple[Writer, Reader] | None = None
        self.counts = Counts()

    async def open(self) -> None:
        """Create and migrate the books when needed, start the writer."""
        if self._open_parts is None:
            await self._prepare()
            writer = Writer(self._address, self._rows, self._group_rows_max, self.counts)
            self._open_parts = (writer, Reader(self._address, self._readers_max))

    async def close(self) -> None:
        """Commit what waits, then close."""
        if self._open_parts is not None:
            (writer, reader), self._open_parts = self._open_parts, None
            await writer.close()
            await reader.close()

    async def check(self) -> None:
        """See the port."""
        await self._writer.do(books.beat(self._clock.now_ms()))

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        """See the port."""
        row = self._rows.row(record, with_request=True)
        result: Begun = await self._writer.do(ledger.Begin(record, row, now_ms, story))
        return result

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        """See the port."""
        check_changes(facts)
        row = self._rows.row(record, with_request=False)
        result: bool = await self._writer.do(ledger.Advance(row, story, facts))
        return result

    async def take_due(self, lease: Lease, limit: int, key: str = "") -> list[Record]:
        """See the port."""
        taken: list[Record]
        taken, broken = await self._writer.do(ledger.Take(lease, limit, key))
        self.counts.seals_broken += broken
        return taken

    async def find(self, by: FindBy) -> list[Record]:
        """See the port."""
        answers = await self._reader.read(ledger.searches(by))
        return [self._rows.record(values) for values in ledger.merged(answers, by.limit)]

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        """See the port."""
        answer = await self._ask(STORY, tenant=tenant, key=key)
        return [
            StoryLine(at_ms=at_ms, fence=fence, what=what, detail=detail, owner=owner)
            for at_ms, fence, what, detail, owner in answer.rows
        ]

    async def events_due(self, limit: int) -> list[Record]:
        """See the port."""
        answer = await self._ask(OUTBOX, limit=limit)
        return [self._rows.record(values) for values in answer.rows]

    async def event_sent(self, tenant: str, key: str, state: str) -> None:
        """See the port."""
        await self._writer.do(books.event_sent(tenant, key, state))

    async def told(self, tenant: str, key: str, status: str) -> None:
        """See the port. Rides with the next group, within a second; a closed journal lets it go."""
        if self._open_parts is not None:
            self._writer.do_later((tenant, key, status))

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        """See the port."""
        numbers: Numbers = await self._writer.do(ledger.Allot(tenant, now_ms, count))
        return numbers

    async def session(self, tenant: str, opter: str, day: str) -> Session | None:
        """See the port."""
        answer = await self._ask(SESSION, tenant=tenant, opter=opter, day=day)
        return books.session_of(answer.rows[0]) if answer.rows else None

    async def open_sessions(self, tenant: str = "") -> list[Session]:
        """See the port."""
        answer = await self._ask(OPEN_SESSIONS, tenant=tenant)
        return [books.session_of(values) for values in answer.rows]

    async def claim_sign_in(
        self, session: Session, now_ms: int, *, replace: bool = False
    ) -> Session:
        """See the port."""
        stored: Session = await self._writer.do(books.SignIn(session, now_ms, replace))
        return stored

    async def put_session(self, session: Session) -> None:
        """See the port."""
        await self._writer.do(books.put_session(session))

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        """See the port."""
        check_changes(changes)
        await self._writer.do(books.Remember(changes))

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        """See the port."""
        answer = await self._ask(FACTS, tenant=tenant, kind=kind, subject=subject)
        return [Fact(**dict(zip(FACT, values, strict=True))) for values in answer.rows]

    async def plan_runs(self, runs: tuple[Run, ...]) -> int:
        """See the port."""
        planned: int = await self._writer.do(books.plan_runs(runs))
        return planned

    async def take_runs(self, lease: Lease, limit: int) -> list[Run]:
        """See the port."""
        rows = await self._writer.do(books.take_runs(lease, limit))
        return sorted(map(books.run_of, rows), key=lambda run: run.due_ms)

    async def put_run(self, run: Run) -> bool:
        """See the port."""
        return bool(await self._writer.do(books.put_run(run)))

    async def runs(self, by: RunsBy) -> list[Run]:
        """See the port."""
        terms = msgspec.structs.asdict(by) | {"states": Texts(by.states)}
        [answer] = await self._reader.read([Ask(RUNS, terms)])
        return [books.run_of(values) for values in answer.rows]

    async def purge(self, before_ms: Mapping[str, int], limit: int = PURGE_ROWS_MAX) -> int:
        """Delete final requests, with their stories, last changed before the cut of their class
        (``effect``), at most ``limit`` of each; the number deleted, 0 when nothing is left to do.
        Open records and owed events are never touched."""
        deleted: int = await self._writer.do(books.purge(before_ms, limit))
        return deleted

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        """Delete facts and ended runs older than ``before_ms``, sign-ins of days before
        ``day``."""
        deleted: int = await self._writer.do(books.purge_remembered(before_ms, day))
        return deleted

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

    async def _ask(self, statement: bytes, **terms: str | int) -> Answer:
        [answer] = await self._reader.read([Ask(statement, terms)])
        return answer

    async def _prepare(self) -> None:
        try:
            db = await connect(self._address)
            async with db:
                await migrate(db)
        except (psycopg.Error, OSError) as error:
            raise unavailable(error) from None
