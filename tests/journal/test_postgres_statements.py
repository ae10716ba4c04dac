"""Named statements and schema changes of the shared engine: every one is used, explained, indexed,
and applied once; a release runs on the schema of the next one."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import bus.journal.postgres as engine
from bus.journal.migrations import plan
from bus.journal.port import FindBy, JournalUnavailableError, Lease
from bus.journal.postgres import PostgresJournal
from bus.journal.postgres.connect import FIXED, connect
from bus.journal.postgres.migrate import FOLDER, migrate
from bus.journal.postgres.queries import SQL
from compose.pg import PrivatePostgres
from tests.journal.journal_databases import (
    address_in,
    make_books,
    make_postgres,
    plain_connection,
)
from tests.journal.journal_engines import NOW, TENANT, begun, done, line, record, stored

SOURCES = Path(engine.__file__).parent
TRANSACTION = {"begin_group", "commit_group"}
OF_THE_CATALOGUE = {"migrations_book", "migrations"}
"""The book of migrations has a handful of rows; the server's catalogue is its own."""
SORTED = {"find_key", "find_msgid", "facts", "open_sessions", "numbers"}
"""What a key, a msgid, a subject or a prefix names are few rows: to sort those costs nothing."""
TYPES = re.compile(rb"%\((\w+)\)s::([a-z0-9]+(?:\[\])?)")


@pytest.fixture
def db(
    postgres: PostgresJournal, tmp_path: Path
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A plain connection to migrated books, set up as the engine's own."""
    with plain_connection(tmp_path) as opened:
        for name, value in FIXED.items():
            opened.execute(f"SET {name} = {value}".encode())
        yield opened


def prepared(statement: bytes) -> tuple[bytes, int]:
    """The statement with numbered parameters, as the server sees it, and how many there are."""
    names: dict[bytes, bytes] = dict(TYPES.findall(statement))
    for number, (name, kind) in enumerate(names.items(), 1):
        statement = statement.replace(b"%(" + name + b")s::" + kind, b"$%d::%s" % (number, kind))
    assert b"%(" not in statement, statement
    return statement, len(names)


@pytest.mark.parametrize("name", sorted(set(SQL) - TRANSACTION))
def test_no_statement_walks_through_a_whole_book(
    db: psycopg.Connection[tuple[object, ...]], name: str
) -> None:
    statement, count = prepared(SQL[name])
    db.execute(b"PREPARE it AS " + statement)
    nulls = b"(" + b", ".join([b"NULL"] * count) + b")" if count else b""
    steps = [str(row[0]) for row in db.execute(b"EXPLAIN EXECUTE it" + nulls)]
    text = "\n".join(steps)
    if name not in OF_THE_CATALOGUE:
        assert "Seq Scan" not in text, text
        for number, step in enumerate(steps):
            if "Index" in step and "Scan" in step and "requests_outbox" not in step:
                below = steps[number + 1 :]
                assert below, text
                assert "Index Cond" in below[0], text
        assert not re.search("Hash Join|Merge Join|Bitmap", text), text
    if name not in SORTED:
        assert "Sort" not in text, text


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
        text = source.read_text(encoding="utf-8")
        assert not re.search(r'"(SELECT|INSERT|UPDATE|DELETE) ', text), source


async def test_opening_at_once_migrates_once(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    journals = [make_postgres(postgres_server, tmp_path) for _ in range(8)]
    await asyncio.gather(*(one.open() for one in journals))
    one = await begun(journals[0], record("k"))
    assert await stored(journals[7], TENANT, "k") == one
    await asyncio.gather(*(one.close() for one in journals))


async def test_a_second_migration_finds_nothing_to_do_and_needs_no_rights(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    with plain_connection(tmp_path) as db:
        names = [name for (name,) in db.execute("SELECT name FROM migrations")]
        assert names == plan([one.name for one in FOLDER.iterdir() if one.name.endswith(".sql")])
        db.execute("SET default_transaction_read_only = on")
    async with await connect(address_in(tmp_path)) as again:
        await again.execute("SET default_transaction_read_only = on")
        assert await migrate(again) == []


def next_release(folder: Path, **files: str) -> Path:
    """The migrations of this release and of the next one."""
    folder.mkdir()
    for entry in FOLDER.iterdir():
        folder.joinpath(entry.name).write_text(entry.read_text(encoding="utf-8"))
    for name, text in files.items():
        folder.joinpath(f"9998.{name}.sql").write_text(text)
    return folder


BEFORE = """-- The next release adds.
ALTER TABLE requests ADD COLUMN priority bigint NOT NULL DEFAULT 0;
ALTER TABLE story ADD COLUMN trace text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN machine text;
ALTER TABLE facts ADD COLUMN origin text NOT NULL DEFAULT '';
CREATE INDEX requests_priority ON requests (priority, id);
CREATE TABLE schedules (name text PRIMARY KEY, at_ms bigint NOT NULL);
"""
AFTER = "-- What nobody writes any more.\nALTER TABLE requests DROP COLUMN told;\n"


async def test_this_release_works_on_the_schema_of_the_next_one(
    postgres: PostgresJournal, tmp_path: Path, postgres_server: PrivatePostgres
) -> None:
    old = await begun(postgres, record("old", visit="v"))
    folder = next_release(tmp_path / "migrations", before=BEFORE, after=AFTER)
    async with await connect(address_in(tmp_path)) as newer:
        assert await migrate(newer, folder) == ["9998.before.sql"]
    with plain_connection(tmp_path) as db:
        for name in sorted(set(SQL) - TRANSACTION):
            db.execute(b"PREPARE " + name.encode() + b"_ AS " + prepared(SQL[name])[0])
    fresh = make_postgres(postgres_server, tmp_path)
    await fresh.open()
    for journal in (postgres, fresh):
        one = await begun(journal, record())
        lease = Lease(owner="w2", now_ms=NOW + 5000, lease_ms=1, tenant=TENANT)
        [taken] = await journal.take_due(lease, 1, one.key)
        assert await journal.advance(done(taken), line())
        await journal.check()
    assert await fresh.advance(done(old), line())
    assert len(await postgres.find(FindBy(states=("succeeded",)))) == 3
    await fresh.close()


async def test_a_release_refuses_books_whose_old_shape_was_taken_away(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    folder = next_release(tmp_path / "migrations", before=BEFORE, after=AFTER)
    folder.joinpath("9999.before.sql").write_text("CREATE TABLE still_newer (a bigint);")
    async with await connect(address_in(tmp_path)) as db:
        assert await migrate(db, folder) == [
            "9998.before.sql",
            "9998.after.sql",
            "9999.before.sql",
        ]
        with pytest.raises(JournalUnavailableError, match="newer release"):
            await migrate(db)


async def test_a_migration_that_fails_leaves_nothing_behind(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    twice = "CREATE TABLE extra (a bigint); CREATE TABLE extra (b text);"
    folder = next_release(tmp_path / "migrations", before=twice)
    async with await connect(address_in(tmp_path)) as db:
        with pytest.raises(psycopg.errors.DuplicateTable):
            await migrate(db, folder)
        folder.joinpath("9998.before.sql").write_text("CREATE TABLE extra (a bigint);")
        assert await migrate(db, folder) == ["9998.before.sql"]


ADDS = re.compile(
    r"(CREATE (TABLE|SEQUENCE|(UNIQUE )?INDEX)|ALTER TABLE \w+ (ADD|ALTER) COLUMN)\b", re.DOTALL
)


def test_a_before_half_only_adds() -> None:
    for entry in FOLDER.iterdir():
        if entry.name.endswith(".before.sql"):
            text = re.sub(r"--.*", "", entry.read_text(encoding="utf-8"))
            for statement in filter(None, map(str.strip, text.split(";"))):
                assert ADDS.match(statement), statement


async def test_books_do_not_depend_on_the_sorting_rules_of_a_system(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    make_books(postgres_server, tmp_path)
    journal = make_postgres(postgres_server, tmp_path)
    await journal.open()
    wanted = """SELECT attname, collname FROM pg_index
        JOIN pg_attribute ON attrelid = indexrelid
        JOIN pg_collation ON pg_collation.oid = attcollation
        JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = CURRENT_USER::regnamespace"""
    with plain_connection(tmp_path) as db:
        found = db.execute(wanted).fetchall()
    names = {str(column) for column, _ in found if column != "name"}
    assert {"key", "tenant", "claim", "item", "prefix"} <= names
    assert {str(rule) for column, rule in found if column != "name"} == {"C"}
    await journal.close()
