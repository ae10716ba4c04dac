"""Schema changes as numbered files, in pairs: ``NNNN.before.sql`` and, where old shapes must go,
``NNNN.after.sql``.

Hospitals upgrade at lunch, one worker after the other. So a ``before`` only adds and is applied as
soon as a worker brings it; its ``after`` removes, and is applied only by a release that brings a
later ``before``: by then no worker of the old shape is left. A worker therefore always runs on its
own schema or the next one.
"""

import sqlite3
import time
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from bus.journal.port import JournalUnavailableError

FOLDER = files("bus.journal.sqlite").joinpath("migrations")
_BOOK = """CREATE TABLE IF NOT EXISTS migrations (
    name TEXT PRIMARY KEY, applied_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID"""


def plan(names: list[str]) -> list[str]:
    """The files this release applies, in order: all, but not the ``after`` of the newest."""
    newest = max(names)[:4]
    return sorted(
        (name for name in names if not (name[:4] == newest and name.endswith(".after.sql"))),
        key=lambda name: (name[:4], name.endswith(".after.sql")),
    )


def migrate(db: sqlite3.Connection, folder: Traversable = FOLDER) -> list[str]:
    """Apply what is missing, each process waiting for the other; the names applied. Raises
    ``sqlite3.Error``, and ``JournalUnavailableError`` when the file is too new for this release."""
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".sql")]
    done: list[str] = []
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_BOOK)
        applied = {name for (name,) in db.execute("SELECT name FROM migrations")}
        _refuse_newer(applied, names)
        for name in plan(names):
            if name not in applied:
                for statement in statements(folder.joinpath(name).read_text(encoding="utf-8")):
                    db.execute(statement)
                db.execute(
                    "INSERT INTO migrations VALUES (?, ?)", (name, time.time_ns() // 1_000_000)
                )
                done.append(name)
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    return done


def _refuse_newer(applied: set[str], names: list[str]) -> None:
    """A later ``before`` only added; a later ``after`` took away what this release needs."""
    if any(name.endswith(".after.sql") and name not in names for name in applied):
        raise JournalUnavailableError("journal: the file was changed by a newer release")


def statements(text: str) -> Iterator[str]:
    """One statement after the other: ``executescript`` would commit in the middle."""
    waiting = ""
    for line in text.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""
