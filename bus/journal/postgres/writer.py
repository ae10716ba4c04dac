"""The one task that writes: everything that came while the last commit was made goes into the next
one. The queue needs no bound of its own: callers wait, so it is as long as requests are in flight.
"""

import asyncio
import time
import uuid
from collections import deque
from typing import Any

import psycopg

from bus.journal.counts import Counts
from bus.journal.port import ClaimTakenError, JournalUnavailableError
from bus.journal.postgres import books
from bus.journal.postgres.commit import GroupMark, LostRaceError, UnsureError, commit
from bus.journal.postgres.connect import ENDED, Address, reason_of, unavailable
from bus.journal.postgres.group import Group, Unit
from bus.journal.postgres.ledger import Advance
from bus.journal.postgres.link import Ask, Link
from bus.journal.postgres.queries import SQL
from bus.journal.rows import Rows

ENROL_WRITER = SQL["enrol_writer"]
LAST_GROUP = SQL["last_group"]

LAZY_S = 1.0
"""What need not be durable on return waits for the next group, but no longer than this."""
LAZY_MAX = 10_000
"""Beyond this the oldest are dropped: they only inform people."""
RACES_MAX = 5
"""Times a group that met another process's work is tried again before it is called unavailable."""
UNSURE_S = 3.0
"""How long a server that went down in the middle of a commit may take to say whether it was made.
Whoever waits has no answer meanwhile; after it they hear that the journal is unavailable."""
ASK_AGAIN_S = 0.1


class Writer:
    """Start it inside a running loop; use it from that loop only."""

    def __init__(self, address: Address, rows: Rows, group_rows_max: int, counts: Counts) -> None:
        self._address = address
        self._name = uuid.uuid4().hex
        self._number = 0
        self._rows = rows
        self._group_max = group_rows_max
        self._counts = counts
        self._queue: deque[Unit] = deque()
        self._lazy: deque[tuple[str, str, str]] = deque(maxlen=LAZY_MAX)
        self._wake = asyncio.Event()
        self._link: Link | None = None
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="journal-writer")

    async def do(self, work: Any) -> Any:
        """The result of ``work`` once it is durable. ``JournalUnavailableError`` when it cannot be
        kept; ``ValueError`` when it can never be; then nothing of it was kept."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(Unit(work, future))
        self._wake.set()
        return await future

    def do_later(self, item: tuple[str, str, str]) -> None:
        """Note what was told with some later group; a failure is not reported."""
        self._lazy.append(item)

    async def close(self) -> None:
        """Commit what waits, then disconnect."""
        self._closed = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        while not self._closed or self._queue or self._lazy:
            if not self._queue and not self._closed:
                await self._wait()
            units = [self._queue.popleft() for _ in range(min(len(self._queue), self._group_max))]
            if self._lazy:
                units.insert(0, Unit(books.told(list(self._lazy)), None))
                self._lazy.clear()
            if units:
                await self._serve(units)
        await self._disconnect()

    async def _wait(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(LAZY_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _serve(self, units: list[Unit]) -> None:
        """Commit the units. When one of them fails by itself the group is halved until that one is
        alone: that costs nothing as long as nothing fails."""
        waiting = [units]
        while waiting:
            some = waiting.pop()
            try:
                group = await self._commit(some)
            except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear
                if _is_of_a_unit(error) and len(some) > 1:
                    middle = len(some) // 2
                    waiting += [some[middle:], some[:middle]]
                else:
                    self._fail(some, error)
                await self._disconnect()
            else:
                self._deliver(group)

    async def _commit(self, units: list[Unit]) -> Group:
        """Raises as ``commit`` does, but the unsure and those who lost a race are settled."""
        for _ in range(RACES_MAX):
            fresh = self._link is None
            if self._link is None:
                self._link = await Link.open(self._address)
                await self._link.run([Ask(ENROL_WRITER, {"name": self._name})])
            self._number += 1
            mark = GroupMark(self._name, self._number)
            try:
                return await commit(self._link, self._rows, units, mark)
            except LostRaceError:
                await self._disconnect()
            except UnsureError as error:
                await self._disconnect()
                group = await self._settle(error)
                if group is not None:
                    return group
            except psycopg.errors.IdleInTransactionSessionTimeout:
                # This host stood still in the middle, and the server has undone the commit.
                await self._disconnect()
            except psycopg.OperationalError as error:
                # The server was restarted since the last commit; this one was not asked for yet.
                if fresh or error.sqlstate not in ENDED:
                    raise
                await self._disconnect()
        raise JournalUnavailableError(f"journal: {RACES_MAX} times another process was quicker")

    async def _settle(self, unsure: UnsureError) -> Group | None:
        """Whether the commit was made when the connection broke: its group if so; ``None`` when it
        certainly was not, so that it may be done again."""
        give_up = time.monotonic() + UNSURE_S
        while True:
            last = await self._last_group()
            if last is not None:
                return unsure.made() if last == unsure.mark.number else None
            if time.monotonic() > give_up:
                raise JournalUnavailableError("journal: the server went away during the commit")
            await asyncio.sleep(ASK_AGAIN_S)

    async def _last_group(self) -> int | None:
        try:
            self._link = self._link or await Link.open(self._address)
            [answer] = await self._link.run([Ask(LAST_GROUP, {"name": self._name})])
        except psycopg.Error:
            await self._disconnect()
            return None
        number: int = answer.rows[0][0]
        return number

    async def _disconnect(self) -> None:
        """The server then undoes what was begun. A connection is not used again after an error:
        what was skipped behind it is not prepared there, but the library thinks so."""
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    def _deliver(self, group: Group) -> None:
        self._counts.commits += 1
        self._counts.units += len(group.results) + len(group.errors)
        for unit, value in group.results:
            if unit.future is not None and not unit.future.done():
                unit.future.set_result(value)
        for unit, error in group.errors:
            _raise_in(unit, error)
        self._queue.extendleft(reversed(group.again))

    def _fail(self, units: list[Unit], error: Exception) -> None:
        if not _is_of_a_unit(error):
            self._counts.failures += 1
        for unit in units:
            _raise_in(unit, _told_to_caller(error, unit))


def _raise_in(unit: Unit, error: Exception) -> None:
    if unit.future is not None and not unit.future.done():
        unit.future.set_exception(error)


def _is_of_a_unit(error: Exception) -> bool:
    """Its values can never be kept, whatever the state of the server: too big, not text, against a
    rule of the books."""
    if isinstance(error, JournalUnavailableError):
        return False
    if isinstance(error, psycopg.Error):
        return isinstance(
            error,
            psycopg.DataError | psycopg.IntegrityError | psycopg.errors.ProgramLimitExceeded,
        ) or (isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None)
    return not isinstance(error, OSError)


def _told_to_caller(error: Exception, unit: Unit) -> Exception:
    if isinstance(error, psycopg.errors.UniqueViolation) and isinstance(unit.work, Advance):
        return ClaimTakenError("the visit of this record is claimed by another one")
    if isinstance(error, JournalUnavailableError) or not isinstance(error, psycopg.Error | OSError):
        return error
    if _is_of_a_unit(error):
        return ValueError(f"the journal cannot keep this: {reason_of(error)}")
    return unavailable(error)
