"""A group of units in one commit, and what becomes of each."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from bus.journal.port import ClaimTakenError, JournalUnavailableError
from bus.journal.rows import Rows
from bus.journal.sqlite.connect import begin, connect, shrink
from bus.journal.sqlite.orders import Order
from bus.journal.sqlite.transaction import Transaction
from bus.journal.sqlite.wire import Setting, Verdict, encode

Unit = tuple[Verdict, msgspec.Raw]


class Committer:
    """Holds the writing connection; a new one after a failure: it recovers with the disk."""

    def __init__(self, setting: Setting, rows: Rows) -> None:
        self._setting = setting
        self._rows = rows
        self._db: sqlite3.Connection | None = None
        self.commits = 0
        self.failures = 0

    def commit(self, group: Sequence[Order]) -> list[Unit]:
        """All units in one transaction. When one of them fails by itself, the group is done again
        with a savepoint round each: that costs nothing as long as nothing fails."""
        try:
            db = self._connect()
            begin(db, self._setting.lock_wait_s)
            units = _run_all(Transaction(db, self._rows), group)
            if units is None:
                db.execute("ROLLBACK")
                begin(db, self._setting.lock_wait_s)
                units = _run_each(db, Transaction(db, self._rows), group)
            db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self.close()
            self.failures += 1
            return [_failed(error)] * len(group)
        self.commits += 1
        return units

    def shrink(self) -> None:
        """Empty the write-ahead file, if that is to be had."""
        try:
            shrink(self._connect())
        except (sqlite3.Error, OSError):
            self.close()

    def close(self) -> None:
        """Closing rolls back whatever was not committed."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connect(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = connect(self._setting.path, wait_s=self._setting.lock_wait_s)
        return self._db


def _run_all(transaction: Transaction, group: Sequence[Order]) -> list[Unit] | None:
    """What became of them, or ``None`` when some unit failed by itself and the transaction is
    spoilt."""
    try:
        units = [_done(order.run(transaction)) for order in group]
        transaction.finish()
    except Exception as error:
        if _is_of_the_journal(error):
            raise
        return None
    return units


def _run_each(
    db: sqlite3.Connection, transaction: Transaction, group: Sequence[Order]
) -> list[Unit]:
    units = []
    for order in group:
        db.execute("SAVEPOINT unit")
        try:
            unit = _done(order.run(transaction))
            transaction.write_lines()
        except Exception as error:
            if _is_of_the_journal(error):
                raise
            db.execute("ROLLBACK TO unit")
            transaction.forget_lines()
            unit = _failed(error)
        units.append(unit)
        db.execute("RELEASE unit")
    transaction.finish()
    return units


def _done(answer: Any) -> Unit:
    return Verdict.DONE, encode(answer)


def _failed(error: Exception) -> Unit:
    verdict = Verdict.CLAIM_TAKEN if isinstance(error, ClaimTakenError) else Verdict.UNAVAILABLE
    ours = isinstance(error, ClaimTakenError | JournalUnavailableError)
    return verdict, encode(str(error) if ours else f"journal: {error}")


def _is_of_the_journal(error: Exception) -> bool:
    """The file fails, not this unit: a full disk, a lock held too long, a damaged page."""
    return isinstance(error, OSError) or (
        isinstance(error, sqlite3.DatabaseError)
        and not isinstance(error, sqlite3.IntegrityError | sqlite3.DataError)
        and not isinstance(error, sqlite3.ProgrammingError)
    )
