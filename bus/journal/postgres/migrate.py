"""Applies what is missing of the schema; see ``bus.journal.migrations``."""

import time
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg

from bus.journal.migrations import missing
from bus.journal.postgres.queries import SQL

FOLDER = files("bus.journal.postgres").joinpath("migrations")
LOCK = 0x7962_0010
"""Any number that other programs on the database do not use."""
LOCK_MIGRATIONS = SQL["lock_migrations"]
BOOK = SQL["migrations_book"]
NAMES = SQL["migrations"]
ADD = SQL["add_migration"]
_BOOK = b"CREATE TABLE migrations (name text PRIMARY KEY, applied_ms bigint NOT NULL)"


async def migrate(db: psycopg.AsyncConnection, folder: Traversable = FOLDER) -> list[str]:
    """Apply what is missing, each process waiting for the other; the names applied. Without
    anything to apply it needs no right to change the schema. Raises ``psycopg.Error``, and
    ``JournalUnavailableError`` when the books are too new for this release."""
    if not missing(folder, await _applied(db) or ()):
        return []
    async with db.transaction():
        # An index over many rows takes longer than any statement of daily work may.
        for limit in (b"statement_timeout", b"lock_timeout"):
            await db.execute(b"SET LOCAL " + limit + b" = 0")
        await db.execute(LOCK_MIGRATIONS, {"lock": LOCK})
        applied = await _applied(db)
        if applied is None:
            await db.execute(_BOOK)
        wanted = missing(folder, applied or ())
        for name, text in wanted.items():
            await db.execute(text.encode(), prepare=False)
            await db.execute(ADD, {"name": name, "applied_ms": time.time_ns() // 1_000_000})
    return list(wanted)


async def _applied(db: psycopg.AsyncConnection) -> set[str] | None:
    """The names applied; ``None`` when there are no books at all."""
    found = await (await db.execute(BOOK)).fetchone()
    if found is None or not found[0]:
        return None
    return {name for (name,) in await (await db.execute(NAMES)).fetchall()}
