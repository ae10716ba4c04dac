"""Connections to the journal file: every option said, every error ours."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bus.journal.port import JournalUnavailableError

LOCK_WAIT_S = 5.0
"""How long a writer waits for another process that shares the file. A group commit takes
milliseconds; five seconds of lock mean that something is wrong, and callers must know."""
LOCK_POLL_S = 0.001
"""SQLite's own waiting pauses up to 100 ms between two tries, which a busy neighbour wins for
seconds; the gap between two group commits is about a millisecond."""
SHRINK_WAIT_MS = 50
"""A reader that stands still must not hold up the writer for longer, twice a second at most."""
CACHE_KIB = 32_000
STATEMENTS_MAX = 128
"""More than there are statements: each is prepared once per connection."""
WAL_KEPT_BYTES = 67_108_864
"""The write-ahead file shrinks to this after it was emptied."""
VERSION_MIN = (3, 38, 0)
"""STRICT tables, RETURNING and the JSON arrow."""

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    f"journal_size_limit = {WAL_KEPT_BYTES}",
    f"cache_size = -{CACHE_KIB}",
    "temp_store = MEMORY",
    "trusted_schema = OFF",
)


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn errors of the file and of the library into ``JournalUnavailableError``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalUnavailableError(f"journal: {error}") from error


def create(path: str) -> None:
    """Make the file readable by its owner only; the side files inherit that."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def connect(
    path: str, *, query_only: bool = False, wait_s: float = LOCK_WAIT_S
) -> sqlite3.Connection:
    """A connection in autocommit mode, used by one thread at a time. Raises ``sqlite3.Error``."""
    if sqlite3.sqlite_version_info < VERSION_MIN:
        raise sqlite3.NotSupportedError(f"SQLite {sqlite3.sqlite_version} is too old")
    db = sqlite3.connect(
        path,
        timeout=wait_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_MAX,
    )
    try:
        for pragma in PRAGMAS:
            _set(db, pragma)
        if query_only:
            _set(db, "query_only = ON")
    except BaseException:
        db.close()
        raise
    return db


def begin(db: sqlite3.Connection, wait_s: float) -> None:
    """Take the write lock of the file within ``wait_s``; ``sqlite3.OperationalError`` when another
    process does not let go of it."""
    until = time.monotonic() + wait_s
    db.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(LOCK_POLL_S)
        else:
            return


def shrink(db: sqlite3.Connection) -> None:
    """Empty the write-ahead file, unless a reader or another writer stands in the way."""
    db.execute(f"PRAGMA busy_timeout = {SHRINK_WAIT_MS}")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _set(db: sqlite3.Connection, pragma: str) -> None:
    """Several processes may open a new file at once, and SQLite does not wait for the lock of a
    change of journal mode by itself."""
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            db.execute("PRAGMA " + pragma).fetchall()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
