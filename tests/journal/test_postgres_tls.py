"""TLS to the database: a pinned authority is trusted, no other, and nothing goes in the clear."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bus.gm import Sealer
from bus.journal.port import JournalUnavailableError
from bus.journal.postgres import PostgresJournal
from bus.journal.postgres.connect import connect
from compose.pg import PrivatePostgres
from tests.broker.test_tls import self_signed
from tests.journal.journal_databases import address_in, make_books
from tests.journal.journal_engines import KEYS, TENANT, begun, record, stored


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivatePostgres, Path]]:
    """A server with a certificate for 127.0.0.1, and that certificate."""
    pem = self_signed(tmp_path_factory.mktemp("tls"), "database")
    with PrivatePostgres() as server:
        data = server.base / "data"
        owner = data.stat()
        for name in ("server.crt", "server.key"):
            shutil.copy(pem, data / name)
            (data / name).chmod(0o600)
            shutil.chown(data / name, owner.st_uid, owner.st_gid)
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write("ssl = on\n")
        server.restart()
        yield server, pem


async def test_a_pinned_authority_is_trusted(
    secured: tuple[PrivatePostgres, Path], tmp_path: Path
) -> None:
    server, pem = secured
    make_books(server, tmp_path)
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(pem))
    journal = PostgresJournal(address, Sealer(KEYS))
    await journal.open()
    one = await begun(journal, record("k"))
    assert await stored(journal, TENANT, "k") == one
    await journal.close()
    async with await connect(address) as db:
        sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await (await db.execute(sql)).fetchone() == (True,)


async def test_another_authority_is_refused(
    secured: tuple[PrivatePostgres, Path], tmp_path: Path
) -> None:
    server, _ = secured
    make_books(server, tmp_path)
    other = self_signed(tmp_path, "other")
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(other))
    with pytest.raises(JournalUnavailableError, match="certificate verify failed"):
        await PostgresJournal(address, Sealer(KEYS)).open()


async def test_a_name_the_certificate_does_not_have_is_refused(
    secured: tuple[PrivatePostgres, Path], tmp_path: Path
) -> None:
    server, pem = secured
    make_books(server, tmp_path)
    address = address_in(tmp_path)
    url = address.url.replace("127.0.0.1", "localhost")
    named = msgspec.structs.replace(address, url=url, ca_file=str(pem))
    with pytest.raises(JournalUnavailableError, match="does not match host name"):
        await PostgresJournal(named, Sealer(KEYS)).open()


async def test_a_server_without_tls_is_refused_when_an_authority_is_pinned(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    make_books(postgres_server, tmp_path)
    pem = self_signed(tmp_path, "any")
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(pem))
    with pytest.raises(JournalUnavailableError, match="does not support SSL"):
        await PostgresJournal(address, Sealer(KEYS)).open()
