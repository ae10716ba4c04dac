"""Groups of a bounded size, locks, recovery, the size of the write-ahead file."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.gm import Sealer
from bus.journal.port import FindBy, JournalUnavailableError
from bus.journal.sqlite import SqliteJournal, checkpoint, connect
from tests.journal.journal_engines import (
    KEYS,
    TENANT,
    begun,
    done,
    line,
    make_sqlite,
    record,
    stored,
    until,
)


async def test_a_group_is_bounded(tmp_path: Path) -> None:
    journal = SqliteJournal(str(tmp_path / "j"), Sealer(KEYS), group_rows_max=10)
    await journal.open()
    await asyncio.gather(*(begun(journal, record()) for _ in range(100)))
    assert journal.counts.commits >= 10
    await journal.close()


async def test_a_lock_held_too_long_is_unavailable_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOCK_WAIT_S", 0.05)
    journal = make_sqlite(tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for refused in (journal.advance(done(one), line()), journal.check()):
        with pytest.raises(JournalUnavailableError, match="locked"):
            await refused
    assert await stored(journal, TENANT, "k") == one
    other.execute("ROLLBACK")
    other.close()
    assert await journal.advance(done(one), line())
    assert journal.counts.failures == 2
    await journal.close()


async def test_a_file_damaged_under_us_is_unavailable_not_a_wrong_answer(tmp_path: Path) -> None:
    journal = make_sqlite(tmp_path)
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(JournalUnavailableError, match="not a database"):
        await journal.open()
    with pytest.raises(JournalUnavailableError):
        await journal.check()


@pytest.mark.parametrize("path", ["missing/journal.sqlite3", "."])
async def test_a_place_that_cannot_be_written_is_unavailable_at_open(
    tmp_path: Path, path: str
) -> None:
    journal = SqliteJournal(str(tmp_path / path), Sealer(KEYS))
    with pytest.raises(JournalUnavailableError, match="journal"):
        await journal.open()


def modes_in(folder: Path) -> dict[str, int]:
    return {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()}


async def test_the_files_are_for_their_owner_only(sqlite: SqliteJournal, tmp_path: Path) -> None:
    await begun(sqlite, record())
    modes = modes_in(tmp_path)
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


async def test_the_write_ahead_file_is_emptied_when_it_grew_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "WAL_PAGES_MAX", 20)
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.01)
    journal = make_sqlite(tmp_path)
    await journal.open()
    for number in range(50):
        await begun(journal, record(f"k{number}"))
    wal = tmp_path / "journal.sqlite3-wal"
    await until(lambda: wal.stat().st_size <= 21 * 4200)
    assert len(await journal.find(FindBy(limit=1000))) == 50
    await begun(journal, record())
    await journal.close()


async def test_a_reader_that_stands_still_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "WAL_PAGES_MAX", 20)
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.01)
    journal = make_sqlite(tmp_path)
    await journal.open()
    await begun(journal, record())
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    for _ in range(30):
        await begun(journal, record())
    wal = tmp_path / "journal.sqlite3-wal"
    assert wal.stat().st_size > 21 * 4200
    assert other.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    other.execute("COMMIT")
    other.close()
    await until(lambda: wal.stat().st_size <= 21 * 4200)
    assert journal.counts.failures == 0
    await journal.close()


def test_every_commit_is_durable_by_its_settings(tmp_path: Path) -> None:
    db = connect.connect(str(tmp_path / "j"))
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    db.close()


async def test_a_field_of_a_newer_release_does_not_disturb_this_one(
    sqlite: SqliteJournal, tmp_path: Path
) -> None:
    one = await begun(sqlite, record("k", looks=3))
    db = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    db.execute("UPDATE requests SET rest = json_set(rest, '$.newer', 1)")
    assert await stored(sqlite, TENANT, "k") == one
    db.execute("UPDATE requests SET rest = json_remove(rest, '$.looks')")
    assert await stored(sqlite, TENANT, "k") == replace(one, looks=0)
    db.close()
