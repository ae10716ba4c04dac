"""The one thread that writes: everything that queued during the last commit goes into the next one.

A unit of work is a function of a ``Transaction``. It runs on this thread, its result or exception
goes back to the caller's future after the commit, all futures of a group in one call to the loop.
The queue needs no bound of its own: callers wait, so it is as long as requests are in flight.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from bus.journal.counts import Counts
from bus.journal.port import JournalUnavailableError
from bus.journal.sqlite.connect import begin, connect, shrink
from bus.journal.sqlite.transaction import Transaction

T = TypeVar("T")

LAZY_S = 1.0
"""What need not be durable on return waits for the next group, but no longer than this."""
LAZY_MAX = 10_000
"""Beyond this the oldest are dropped: they only inform people."""

Work = Callable[[Transaction], Any]
LazyWork = Callable[[Transaction, list[Any]], None]


class Unit(NamedTuple):
    """Work and who waits for it (``None``: nobody)."""

    work: Work
    future: "asyncio.Future[Any] | None"


class Outcome(NamedTuple):
    """What the waiting caller gets."""

    future: "asyncio.Future[Any] | None"
    value: Any
    error: BaseException | None


class Writer:
    """Start it inside a running loop; use it from that loop only."""

    def __init__(self, path: str, group_rows_max: int, counts: Counts, lazy_work: LazyWork) -> None:
        self._path = path
        self._group_max = group_rows_max
        self._counts = counts
        self._turn: list[Unit] = []
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._lazy: deque[Any] = deque(maxlen=LAZY_MAX)
        self._lazy_work = lazy_work
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._db: sqlite3.Connection | None = None
        self._closed = False
        self.shrink_wanted = threading.Event()
        """Set by the checkpointer when the write-ahead file must be emptied between two groups."""
        self._thread.start()

    async def do(self, work: Callable[[Transaction], T]) -> T:
        """The result of ``work`` once it is durable. ``JournalUnavailableError`` when it cannot be
        kept; an exception of ``work`` itself means that nothing of it was kept."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(Unit(work, future))
        return await future

    def do_later(self, item: Any) -> None:
        """Give ``item`` to the lazy work of some later group; a failure is not reported."""
        self._lazy.append(item)

    def _hand_over(self) -> None:
        """Once per turn of the loop: to wake the thread at the first unit would make the two fight
        for the interpreter lock while the loop still makes the others."""
        units, self._turn = self._turn, []
        for unit in units:
            self._queue.put(unit)

    async def close(self) -> None:
        """Commit what waits, then end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._gather()
            if group:
                outcomes = self._commit(group)
                self._deliver(outcomes)
            if self.shrink_wanted.is_set():
                self.shrink_wanted.clear()
                self._shrink()
        self._disconnect()

    def _gather(self) -> tuple[list[Unit], bool]:
        """Wait for work; the lazy work first, since it is older than what follows it."""
        group: list[Unit] = []
        going = True
        try:
            unit = self._queue.get(timeout=LAZY_S)
            while unit is not None:
                group.append(unit)
                if len(group) >= self._group_max:
                    break
                unit = self._queue.get_nowait()
            going = unit is not None
        except Empty:
            pass
        items = [self._lazy.popleft() for _ in range(len(self._lazy))]
        if items:
            group.insert(0, Unit(lambda transaction: self._lazy_work(transaction, items), None))
        return group, going

    def _commit(self, group: list[Unit]) -> list[Outcome]:
        """All units in one transaction. When one of them fails by itself, the group is done again
        with a savepoint round each: that costs nothing as long as nothing fails."""
        try:
            db = self._connect()
            begin(db)
            outcomes = _run_all(db, group)
            if outcomes is None:
                db.execute("ROLLBACK")
                begin(db)
                outcomes = _run_each(db, group)
            db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self._disconnect()
            self._counts.failures += 1
            return [Outcome(unit.future, None, _unavailable(error)) for unit in group]
        self._counts.commits += 1
        self._counts.units += len(group)
        return outcomes

    def _connect(self) -> sqlite3.Connection:
        """The connection; a new one after a failure, so that the writer recovers with the disk."""
        if self._db is None:
            self._db = connect(self._path)
        return self._db

    def _disconnect(self) -> None:
        """Closing rolls back whatever was not committed."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _shrink(self) -> None:
        try:
            shrink(self._connect())
        except (sqlite3.Error, OSError):
            self._disconnect()

    def _deliver(self, outcomes: list[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(_resolve, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def _run_all(db: sqlite3.Connection, group: list[Unit]) -> list[Outcome] | None:
    """The outcomes, or ``None`` when some unit failed by itself and the transaction is spoilt."""
    transaction = Transaction(db)
    try:
        outcomes = [Outcome(unit.future, unit.work(transaction), None) for unit in group]
        transaction.finish()
    except Exception as error:
        if _is_of_the_journal(error):
            raise
        return None
    return outcomes


def _run_each(db: sqlite3.Connection, group: list[Unit]) -> list[Outcome]:
    transaction = Transaction(db)
    outcomes = []
    for unit in group:
        db.execute("SAVEPOINT unit")
        try:
            value = unit.work(transaction)
            transaction.write_lines()
            outcomes.append(Outcome(unit.future, value, None))
        except Exception as error:
            if _is_of_the_journal(error):
                raise
            db.execute("ROLLBACK TO unit")
            transaction.forget_lines()
            outcomes.append(Outcome(unit.future, None, error))
        db.execute("RELEASE unit")
    transaction.finish()
    return outcomes


def _is_of_the_journal(error: Exception) -> bool:
    """The file fails, not this unit: a full disk, a lock held too long, a damaged page."""
    return isinstance(error, OSError) or (
        isinstance(error, sqlite3.DatabaseError)
        and not isinstance(error, sqlite3.IntegrityError | sqlite3.DataError)
        and not isinstance(error, sqlite3.ProgrammingError)
    )


def _unavailable(error: Exception) -> JournalUnavailableError:
    unavailable = JournalUnavailableError(f"journal: {error}")
    unavailable.__cause__ = error
    return unavailable


def _resolve(outcomes: list[Outcome]) -> None:
    for future, value, error in outcomes:
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
