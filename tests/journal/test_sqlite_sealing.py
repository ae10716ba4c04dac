"""Bodies at rest in the file: unreadable, unmovable, and readable again after a rotation."""

import sqlite3
from pathlib import Path

import pytest

from bus.gm import Keyring, Sealer
from bus.journal.port import JournalUnavailableError, Lease
from bus.journal.sqlite import SqliteJournal
from tests.journal.journal_engines import NOW, TENANT, begun, done, line, record, stored

OLD = "k1 " + "11" * 32
NEW = "k2 " + "22" * 32
PLANTED = ("530102199001010017", "张建国", "53000000000000012345", "ecToken=6f2a")


def journal_with(folder: Path, *lines: str) -> SqliteJournal:
    keys = Keyring.from_text("\n".join(lines))
    return SqliteJournal(str(folder / "journal.sqlite3"), Sealer(keys))


def change(folder: Path, statement: str) -> None:
    db = sqlite3.connect(folder / "journal.sqlite3", isolation_level=None)
    db.execute(statement)
    db.close()


def contents(folder: Path) -> list[bytes]:
    return [one.read_bytes() for one in folder.iterdir()]


async def test_no_identity_of_a_body_is_in_any_byte_of_the_files(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, OLD)
    await journal.open()
    body = " ".join(PLANTED).encode()
    for number in range(30):
        one = await begun(journal, record(f"k{number}", request=body))
        assert await journal.advance(done(one, reply=body), line())
    while_open = contents(tmp_path)
    assert len(while_open) == 3
    await journal.close()
    for content in (*while_open, *contents(tmp_path)):
        for identity in PLANTED:
            assert identity.encode() not in content
            assert identity.encode("utf-16-le") not in content
            assert identity.encode("gb18030") not in content
    await journal.open()
    kept = await stored(journal, TENANT, "k7")
    assert kept is not None
    assert (kept.request, kept.reply) == (body, body)
    await journal.close()


async def test_after_a_rotation_old_and_new_records_are_read(tmp_path: Path) -> None:
    before = journal_with(tmp_path, OLD)
    await before.open()
    one = await begun(before, record("old", request=b"old body"))
    await before.close()
    rotated = journal_with(tmp_path, OLD, NEW)
    await rotated.open()
    assert await rotated.advance(done(one, reply=b"new body"), line())
    kept = await stored(rotated, TENANT, "old")
    assert kept is not None
    assert (kept.request, kept.reply) == (b"old body", b"new body")
    await rotated.close()


async def test_without_its_key_a_record_is_unavailable_not_empty(tmp_path: Path) -> None:
    before = journal_with(tmp_path, OLD)
    await before.open()
    await begun(before, record("k", request=b"body"))
    await before.close()
    without = journal_with(tmp_path, NEW)
    await without.open()
    with pytest.raises(JournalUnavailableError, match="not in the keyring"):
        await stored(without, TENANT, "k")
    with pytest.raises(JournalUnavailableError, match="not in the keyring"):
        await without.begin(record("k"), NOW, line())
    await begun(without, record("other"))
    await without.close()


async def test_bodies_swapped_between_rows_or_fields_are_noticed(tmp_path: Path) -> None:
    journal = journal_with(tmp_path, OLD)
    await journal.open()
    for key in ("a", "b"):
        one = await begun(journal, record(key, request=key.encode()))
        assert await journal.advance(done(one, reply=b"reply"), line())
    swaps = (
        "UPDATE request_bodies SET body = (SELECT body FROM reply_bodies LIMIT 1) WHERE id = 1",
        "UPDATE reply_bodies SET body = (SELECT body FROM reply_bodies LIMIT 1) WHERE id = 2",
    )
    for key, swap in zip("ab", swaps, strict=True):
        assert await stored(journal, TENANT, key) is not None
        change(tmp_path, swap)
        with pytest.raises(JournalUnavailableError, match="changed or belongs"):
            await stored(journal, TENANT, key)
    await journal.close()


async def test_a_record_that_cannot_be_opened_does_not_hold_up_the_take_over_of_others(
    tmp_path: Path,
) -> None:
    journal = journal_with(tmp_path, OLD)
    await journal.open()
    for key in ("broken", "whole"):
        await begun(journal, record(key))
    change(tmp_path, "UPDATE request_bodies SET body = zeroblob(80) WHERE id = 1")
    lease = Lease(owner="w2", now_ms=NOW + 5000, lease_ms=1000)
    assert [one.key for one in await journal.take_due(lease, 10)] == ["whole"]
    assert journal.counts.seals_broken == 1
    told = (await journal.story(TENANT, "broken"))[-1]
    assert (told.what, told.detail) == ("taken_over", "seal_broken")
    assert await journal.take_due(lease, 10) == []
    await journal.close()
