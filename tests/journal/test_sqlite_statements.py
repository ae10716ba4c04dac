"""Named statements and schema changes: every one is used, explained, indexed, and applied once."""

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest

import bus.journal.sqlite as engine
from bus.journal.migrations import plan
from bus.journal.port import JournalUnavailableError
from bus.journal.sqlite.connect import connect, create
from bus.journal.sqlite.migrate import FOLDER, migrate, statements
from bus.journal.sqlite.queries import SQL
from tests.journal.journal_engines import TENANT, begun, make_sqlite, record, stored

SOURCES = Path(engine.__file__).parent
BIG = re.compile(
    r"SCAN (requests|story|facts|request_bodies|reply_bodies)(?! USING INDEX requests_outbox)"
)
"""The outbox index holds owed events only: to walk through it is its purpose."""
SORTED = {"find_key", "find_msgid"}
"""A key or a msgid belongs to few rows: to sort those costs nothing."""


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    path = str(tmp_path / "journal.sqlite3")
    create(path)
    opened = connect(path)
    migrate(opened)
    return opened


@pytest.mark.parametrize("name", SQL)
def test_no_statement_walks_through_a_whole_book(db: sqlite3.Connection, name: str) -> None:
    values = dict.fromkeys(re.findall(r":(\w+)", SQL[name]))
    steps = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + SQL[name], values)]
    assert not [step for step in steps if BIG.search(step)], steps
    if name not in SORTED:
        assert not [step for step in steps if "ORDER BY" in step], steps
    db.close()


def test_every_statement_has_a_sentence_and_a_user() -> None:
    text = SOURCES.joinpath("queries.sql").read_text(encoding="utf-8")
    used = set()
    for source in SOURCES.glob("*.py"):
        used |= set(re.findall(r'SQL\["(\w+)"\]', source.read_text(encoding="utf-8")))
    assert used == set(SQL)
    explained = re.findall(r"^-- name: (\w+)\n-- [A-Z].+[.\w,]$", text, re.MULTILINE)
    assert explained == list(SQL)


def test_python_holds_no_statement_of_its_own() -> None:
    for source in SOURCES.glob("*.py"):
        if source.name != "migrate.py":
            text = source.read_text(encoding="utf-8")
            assert not re.search(r'"(SELECT|INSERT|UPDATE|DELETE) ', text), source


async def test_opening_at_once_migrates_once(tmp_path: Path) -> None:
    journals = [make_sqlite(tmp_path) for _ in range(8)]
    await asyncio.gather(*(one.open() for one in journals))
    one = await begun(journals[0], record("k"))
    assert await stored(journals[7], TENANT, "k") == one
    await asyncio.gather(*(one.close() for one in journals))


def test_a_second_migration_finds_nothing_to_do(db: sqlite3.Connection) -> None:
    assert migrate(db) == []
    names = [name for (name,) in db.execute("SELECT name FROM migrations")]
    assert names == plan([one.name for one in FOLDER.iterdir() if one.name.endswith(".sql")])
    db.close()


def test_the_after_half_waits_for_the_next_release() -> None:
    first = ["0001.before.sql", "0001.after.sql"]
    assert plan(first) == ["0001.before.sql"]
    assert plan(["0002.before.sql", "0002.after.sql", *first]) == [
        "0001.before.sql",
        "0001.after.sql",
        "0002.before.sql",
    ]


def test_a_release_works_on_the_next_schema_but_not_on_one_that_took_things_away(
    db: sqlite3.Connection,
) -> None:
    db.execute("INSERT INTO migrations VALUES ('9998.before.sql', 0)")
    assert migrate(db) == []
    db.execute("INSERT INTO migrations VALUES ('9998.after.sql', 0)")
    with pytest.raises(JournalUnavailableError, match="newer release"):
        migrate(db)
    assert not db.in_transaction
    db.close()


def test_a_migration_that_fails_leaves_nothing_behind(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    folder.joinpath("9002.before.sql").write_text(
        "-- Two; the second fails.\nCREATE TABLE extra (a INTEGER);\nCREATE TABLE extra (b TEXT);\n"
    )
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(db, folder)
    assert not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").fetchall()
    folder.joinpath("9002.before.sql").write_text("CREATE TABLE extra (a INTEGER);\n")
    assert migrate(db, folder) == ["9002.before.sql"]
    db.close()


def test_statements_are_told_apart_by_their_ends_not_by_semicolons() -> None:
    text = "-- a;\nCREATE TABLE t (a TEXT DEFAULT ';');\nSELECT 1;\n"
    assert len(list(statements(text))) == 2
