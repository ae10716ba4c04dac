"""Bodies at rest in the database: unreadable, unmovable, and one that is broken holds up nobody."""

from pathlib import Path

import pytest

from bus.gm import Keyring, Sealer
from bus.journal.port import FindBy, JournalUnavailableError, Lease
from bus.journal.postgres import PostgresJournal
from compose.pg import PrivatePostgres
from tests.journal.journal_databases import address_in, make_postgres, plain_connection
from tests.journal.journal_engines import NOW, TENANT, begun, done, line, record, stored
from tests.journal.test_sqlite_sealing import NEW, OLD, PLANTED


async def test_no_identity_of_a_body_is_in_any_byte_of_the_cluster(tmp_path: Path) -> None:
    body = " ".join(PLANTED).encode()
    with PrivatePostgres() as server:
        journal = make_postgres(server, tmp_path)
        await journal.open()
        for number in range(30):
            one = await begun(journal, record(f"k{number}", request=body))
            assert await journal.advance(done(one, reply=body), line())
        kept = await stored(journal, TENANT, "k7")
        await journal.close()
        with plain_connection(tmp_path) as db:
            assert db.execute("SELECT count(*) FROM reply_bodies").fetchone() == (30,)
        server.restart()
        files = [one for one in server.base.rglob("*") if one.is_file()]
        contents = b"".join(one.read_bytes() for one in files)
    assert kept is not None
    assert (kept.request, kept.reply) == (body, body)
    assert b"k7" in contents
    for identity in PLANTED:
        assert identity.encode() not in contents
        assert identity.encode("gb18030") not in contents


async def test_after_a_rotation_old_and_new_records_are_read(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    before, rotated, without = (
        PostgresJournal(address_in(tmp_path), Sealer(Keyring.from_text("\n".join(keys))))
        for keys in ((OLD,), (OLD, NEW), (NEW,))
    )
    for journal in (before, rotated, without):
        await journal.open()
    one = await begun(before, record("old", request=b"old body"))
    assert await rotated.advance(done(one, reply=b"new body"), line())
    kept = await stored(rotated, TENANT, "old")
    assert kept is not None
    assert (kept.request, kept.reply) == (b"old body", b"new body")
    with pytest.raises(JournalUnavailableError, match="not in the keyring"):
        await stored(without, TENANT, "old")
    with pytest.raises(JournalUnavailableError, match="not in the keyring"):
        await without.begin(record("old"), NOW, line())
    await begun(without, record("other"))
    for journal in (before, rotated, without):
        await journal.close()


async def test_bodies_swapped_between_rows_are_noticed_and_hold_up_no_take_over(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    for key in ("a", "b", "whole"):
        await begun(postgres, record(key, request=key.encode()))
    with plain_connection(tmp_path) as db:
        db.execute(
            """UPDATE request_bodies SET body = (SELECT body FROM request_bodies AS other
                WHERE other.id <> request_bodies.id ORDER BY id LIMIT 1)
            WHERE id <= (SELECT max(id) FROM request_bodies) - 1"""
        )
    with pytest.raises(JournalUnavailableError, match="changed or belongs"):
        await stored(postgres, TENANT, "a")
    lease = Lease(owner="w2", now_ms=NOW + 5000, lease_ms=1000)
    assert [one.key for one in await postgres.take_due(lease, 10)] == ["whole"]
    assert postgres.counts.seals_broken == 2
    told = (await postgres.story(TENANT, "b"))[-1]
    assert (told.what, told.detail, told.fence) == ("taken_over", "seal_broken", 2)
    assert await postgres.take_due(lease, 10) == []


async def test_what_text_cannot_hold_is_kept_as_its_symbol(postgres: PostgresJournal) -> None:
    one = await begun(postgres, record("k", mdtrt_id="a\0b", request=b"\0"))
    assert await postgres.advance(done(one, code="\0"), line(detail="x\0"))
    [kept] = await postgres.find(FindBy(mdtrt_id="a\0b"))
    assert (kept.mdtrt_id, kept.request, kept.code) == ("a\N{SYMBOL FOR NULL}b", b"\0", "\0")
    assert (await postgres.story(TENANT, "k"))[-1].detail == "x\N{SYMBOL FOR NULL}"


def test_an_address_shows_no_password(postgres_server: PrivatePostgres, tmp_path: Path) -> None:
    make_postgres(postgres_server, tmp_path)
    assert postgres_server.password not in repr(address_in(tmp_path))
