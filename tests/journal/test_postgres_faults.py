"""A server that is gone, killed, silent, locked, read-only or full, and cables cut at a commit."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from bus.gm import Sealer
from bus.journal.port import Claimed, FindBy, Fresh, JournalUnavailableError, Known, Lease
from bus.journal.postgres import Address, PostgresJournal, connect, writer
from bus.journal.postgres.link import Answer, Ask
from compose.pg import PrivatePostgres
from tests.journal.journal_cable import Cable, cable
from tests.journal.journal_databases import (
    address_in,
    make_books,
    make_postgres,
    plain_connection,
)
from tests.journal.journal_engines import (
    KEYS,
    NOW,
    TENANT,
    begun,
    done,
    line,
    record,
    stored,
    until,
)

DUE = Lease(owner="w2", now_ms=NOW + 5000, lease_ms=60_000)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivatePostgres]:
    """A server that may be killed."""
    with PrivatePostgres() as server:
        yield server


async def test_a_server_killed_under_load_loses_nothing_promised_and_is_found_again(
    own_server: PrivatePostgres, tmp_path: Path
) -> None:
    journal = make_postgres(own_server, tmp_path)
    await journal.open()
    kept: list[str] = []
    refused: list[str] = []

    async def lane(number: int) -> None:
        for turn in range(400):
            key = f"k{number}-{turn}"
            try:
                await journal.begin(record(key), NOW, line())
            except JournalUnavailableError:
                refused.append(key)
                return
            kept.append(key)

    lanes = [asyncio.create_task(lane(number)) for number in range(16)]
    await until(lambda: len(kept) >= 200)
    own_server.kill9()
    await asyncio.gather(*lanes)
    assert refused
    with pytest.raises(JournalUnavailableError, match="journal"):
        await journal.find(FindBy())
    with pytest.raises(JournalUnavailableError, match="journal"):
        await journal.check()
    own_server.start_again()
    await journal.check()
    there = {one.key for one in await journal.find(FindBy(limit=100_000))}
    assert set(kept) <= there <= {*kept, *refused}
    for key in there:
        assert len(await journal.story(TENANT, key)) == 1
    for key in set(refused) & there:
        assert isinstance(await journal.begin(record(key), NOW, line()), Known)
    await journal.close()


async def test_after_an_orderly_restart_nobody_notices(
    own_server: PrivatePostgres, tmp_path: Path
) -> None:
    journal = make_postgres(own_server, tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    assert await stored(journal, TENANT, "k") == one
    own_server.restart()
    assert await journal.advance(done(one), line())
    assert await stored(journal, TENANT, "k") == done(one)
    assert journal.counts.failures == 0
    await journal.close()


async def test_a_server_that_is_down_is_unavailable_at_open_and_can_be_opened_later(
    own_server: PrivatePostgres, tmp_path: Path
) -> None:
    journal = make_postgres(own_server, tmp_path)
    own_server.kill9()
    with pytest.raises(JournalUnavailableError, match="journal"):
        await journal.open()
    with pytest.raises(JournalUnavailableError, match="closed"):
        await journal.check()
    own_server.start_again()
    await journal.open()
    await journal.check()
    await journal.close()


async def test_a_silent_server_is_given_up_and_found_again(
    own_server: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "ANSWER_S", 0.3)
    monkeypatch.setattr(connect, "CONNECT_S", 2)
    journal = make_postgres(own_server, tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    with plain_connection(tmp_path) as db:
        mine = "SELECT pid FROM pg_stat_activity WHERE usename = USER AND pid <> pg_backend_pid()"
        pids = [pid for (pid,) in db.execute(mine)]
    for pid in (*pids, own_server.pid):
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(JournalUnavailableError, match="journal"):
            await journal.advance(done(one), line())
    finally:
        for pid in (*pids, own_server.pid):
            os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()
    assert await stored(journal, TENANT, "k") == one
    assert await journal.advance(done(one), line())
    assert [said.what for said in await journal.story(TENANT, "k")] == ["received", "received"]
    await journal.close()


@pytest.fixture
async def cut(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> AsyncIterator[tuple[Cable, PostgresJournal]]:
    make_books(postgres_server, tmp_path)
    async with cable(address_in(tmp_path)) as (one, through):
        journal = PostgresJournal(through, Sealer(KEYS))
        await journal.open()
        await journal.check()
        yield one, journal
        await journal.close()


async def test_a_commit_whose_answer_is_lost_is_asked_for_and_believed(
    cut: tuple[Cable, PostgresJournal],
) -> None:
    one, journal = cut
    first = await begun(journal, record("k", visit="v"))
    one.cut_at = b"COMMIT"
    assert await journal.advance(done(first, visit="v"), line("answered"))
    one.cut_at = b"COMMIT"
    results = await asyncio.gather(
        *(journal.begin(record(f"k{n}", visit=f"v{n % 3}"), NOW, line()) for n in range(6))
    )
    assert one.proxy.sprung == 2
    assert [type(result) for result in results] == [Fresh] * 3 + [Claimed] * 3
    assert [said.what for said in await journal.story(TENANT, "k")] == ["received", "answered"]
    assert len(await journal.find(FindBy())) == 4
    assert journal.counts.failures == 0


async def test_a_commit_that_never_arrived_is_done_again(
    cut: tuple[Cable, PostgresJournal],
) -> None:
    one, journal = cut
    first = await begun(journal, record("k"))
    one.cut_at, one.proxy.after_delivery = b"COMMIT", False
    assert await journal.advance(done(first), line("answered"))
    assert one.proxy.sprung == 1
    assert await stored(journal, TENANT, "k") == done(first)
    assert [said.what for said in await journal.story(TENANT, "k")] == ["received", "answered"]
    assert journal.counts.failures == 0


async def test_a_group_cut_before_its_commit_is_done_again(
    cut: tuple[Cable, PostgresJournal],
) -> None:
    one, journal = cut
    one.cut_at, one.proxy.after_delivery = b"BEGIN", False
    assert (await begun(journal, record("k"))).msgid.endswith("0000")
    assert one.proxy.sprung == 1
    assert journal.counts.failures == 0


async def test_a_commit_lost_with_its_server_is_not_mistaken_for_another_one(
    own_server: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that crashes forgets the transactions that never reached its disk, and gives their
    numbers to the next ones."""
    monkeypatch.setattr(writer, "UNSURE_S", 30.0)
    make_books(own_server, tmp_path)
    async with cable(address_in(tmp_path)) as (one, through):
        journal = PostgresJournal(through, Sealer(KEYS))
        await journal.open()
        first = await begun(journal, record("k"))
        one.cut_at, one.proxy.after_delivery = b"COMMIT", False
        to_port, one.proxy.to_port = one.proxy.to_port, 1
        advancing = asyncio.create_task(journal.advance(done(first), line("answered")))
        async with asyncio.timeout(20):
            while not one.proxy.sprung:  # noqa: ASYNC110 - the proxy has no event for it
                await asyncio.sleep(0)
        own_server.kill9()
        own_server.start_again()
        with plain_connection(tmp_path) as others:
            for _ in range(20):
                others.execute("SELECT pg_current_xact_id()")
        one.proxy.to_port = to_port
        assert await advancing
        assert await stored(journal, TENANT, "k") == done(first)
        told = [said.what for said in await journal.story(TENANT, "k")]
        assert told == ["received", "answered"]
        await journal.close()


async def test_a_commit_is_unavailable_when_nobody_can_say_whether_it_was_made(
    postgres_server: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "UNSURE_S", 0.2)
    make_books(postgres_server, tmp_path)
    async with cable(address_in(tmp_path)) as (one, through):
        journal = PostgresJournal(through, Sealer(KEYS))
        await journal.open()
        await journal.check()
        monkeypatch.setattr(one.proxy, "to_port", 1)
        one.cut_at = b"COMMIT"
        with pytest.raises(JournalUnavailableError, match="during the commit"):
            await begun(journal, record("k"))
        monkeypatch.undo()
        assert isinstance(await journal.begin(record("k"), NOW, line()), Known)
        await journal.close()


async def test_a_lock_held_too_long_is_unavailable_and_reads_go_on(
    postgres_server: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOCK_WAIT_S", 0.2)
    journal = make_postgres(postgres_server, tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    with plain_connection(tmp_path) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM requests FOR UPDATE")
        with pytest.raises(JournalUnavailableError, match="lock timeout"):
            await journal.advance(done(one), line())
        assert await stored(journal, TENANT, "k") == one
        assert await journal.take_due(DUE, 10) == []
        await begun(journal, record("other"))
        other.execute("ROLLBACK")
    assert await journal.advance(done(one), line())
    assert journal.counts.failures == 1
    await journal.close()


async def set_read_only(server: PrivatePostgres, value: str, journal: PostgresJournal) -> None:
    """Sessions that are open learn of it a moment later."""
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
        admin.execute("SELECT pg_reload_conf()")
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            await journal.check()
        except JournalUnavailableError:
            if value == "on":
                return
        else:
            if value == "off":
                return
    raise AssertionError(f"the server does not become {value}")


async def test_a_read_only_server_refuses_writes_and_lets_read(
    own_server: PrivatePostgres, tmp_path: Path
) -> None:
    journal = make_postgres(own_server, tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    await set_read_only(own_server, "on", journal)
    for refused in (
        journal.advance(done(one), line()),
        journal.begin(record("other"), NOW, line()),
        journal.take_due(DUE, 10),
        journal.allot(TENANT, NOW, 1),
    ):
        with pytest.raises(JournalUnavailableError, match="read-only"):
            await refused
    assert await journal.find(FindBy()) == [one]
    again = make_postgres(own_server, tmp_path)
    await again.open()
    assert await stored(again, TENANT, "k") == one
    await again.close()
    await set_read_only(own_server, "off", journal)
    assert await journal.advance(done(one), line())
    await journal.close()


async def test_rights_taken_away_make_writes_unavailable_and_come_back(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    one = await begun(postgres, record("k"))
    with plain_connection(tmp_path) as db:
        db.execute("REVOKE UPDATE ON requests FROM CURRENT_USER")
        with pytest.raises(JournalUnavailableError, match="permission denied"):
            await postgres.advance(done(one), line())
        assert await stored(postgres, TENANT, "k") == one
        db.execute("GRANT UPDATE ON requests TO CURRENT_USER")
    assert await postgres.advance(done(one), line())


FULL = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full';
END $$"""


async def test_a_full_disk_refuses_without_a_trace_and_recovers_with_room(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    """The error is raised by a trigger: a disk that is really full would be that of all tests. It
    comes late in the commit, after numbers were drawn and the request was written."""
    one = await begun(postgres, record("k"))
    with plain_connection(tmp_path) as db:
        db.execute(FULL)
        db.execute("CREATE TRIGGER full_disk BEFORE INSERT ON story EXECUTE FUNCTION full_disk()")
        results = await asyncio.gather(
            *(postgres.begin(record(f"k{n}"), NOW, line()) for n in range(20)),
            postgres.advance(done(one), line()),
            return_exceptions=True,
        )
        assert {type(result) for result in results} == {JournalUnavailableError}
        assert "could not extend file (53100)" in str(results[0])
        assert await postgres.find(FindBy()) == [one]
        db.execute("DROP TRIGGER full_disk ON story")
    assert await postgres.advance(done(one), line())
    assert (await begun(postgres, record())).msgid.endswith("000001")


async def test_a_server_that_does_not_keep_its_commits_is_refused(tmp_path: Path) -> None:
    with PrivatePostgres() as server:
        journal = make_postgres(server, tmp_path)
        with (server.base / "data" / "postgresql.auto.conf").open("a") as settings:
            settings.write("fsync = off\n")
        server.restart()
        with pytest.raises(JournalUnavailableError, match="fsync = off"):
            await journal.open()


async def test_a_session_told_to_be_less_durable_is_made_durable(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    with plain_connection(tmp_path) as db:
        db.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    one = await connect.connect(address_in(tmp_path))
    found = await (await one.execute("SHOW synchronous_commit")).fetchone()
    assert found == ("on",)
    await one.close()


async def test_a_wrong_password_is_unavailable_and_never_said(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    make_books(postgres_server, tmp_path)
    wrong = Address(url=address_in(tmp_path).url, password="not-the-one")
    with pytest.raises(JournalUnavailableError, match="password authentication failed") as caught:
        await PostgresJournal(wrong, Sealer(KEYS)).open()
    assert "not-the-one" not in str(caught.value) + repr(wrong)
    assert caught.value.__suppress_context__


async def test_a_host_that_vanished_in_the_middle_of_a_commit_holds_up_nobody_for_long(
    postgres: PostgresJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(postgres, record())
    monkeypatch.setattr(connect, "IDLE_IN_COMMIT_S", 0.3)
    vanished = await connect.connect(address_in(tmp_path))
    await vanished.execute("BEGIN")
    await vanished.execute("SELECT 1 FROM msgid_seq FOR UPDATE")
    assert (await begun(postgres, record())).msgid.endswith("0001")
    assert postgres.counts.failures == 0
    with pytest.raises(psycopg.Error, match="idle-in-transaction"):
        await vanished.execute("COMMIT")
    await vanished.close()


async def test_a_host_that_stood_still_in_the_middle_of_a_commit_begins_it_again(
    postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.check()
    link = postgres._writer._link
    assert link is not None
    answered = link.run

    async def slowly(asks: list[Ask]) -> list[Answer]:
        answers = await answered(asks)
        if asks[0].statement.startswith(b"BEGIN"):
            await answered([Ask(b"SET LOCAL idle_in_transaction_session_timeout = 50")])
            await asyncio.sleep(0.5)
        return answers

    monkeypatch.setattr(link, "run", slowly)
    assert (await begun(postgres, record("k"))).msgid.endswith("0000")
    assert len(await postgres.story(TENANT, "k")) == 1
    assert postgres.counts.failures == 0
