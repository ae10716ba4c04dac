"""Applies what is missing of the schema; see ``bus.journal.migrations``."""

import sqlite3
import time
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from bus.journal.migrations import missing

FOLDER = files("bus.journal.sqlite").joinpath("migrations")
_BOOK = """CREATE TABLE IF NOT EXISTS migrations (
    name TEXT PRIMARY KEY, applied_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID"""


def migrate(db: sqlite3.Connection, folder: Traversable = FOLDER) -> list[str]:
    """Apply what is missing, each process waiting for the other; the names applied. Raises
    ``sqlite3.Error``, and ``JournalUnavailableError`` when the file is too new for this release."""
    done: list[str] = []
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(_BOOK)
        applied = {name for (name,) in db.execute("SELECT name FROM migrations")}
        for name, text in missing(folder, applied).items():
            for statement in statements(text):
                db.execute(statement)
            db.execute("INSERT INTO migrations VALUES (?, ?)", (name, time.time_ns() // 1_000_000))
            done.append(name)
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    return done


def statements(text: str) -> Iterator[str]:
    """One statement after the other: ``executescript`` would commit in the middle."""
    waiting = ""
    for line in text.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""
