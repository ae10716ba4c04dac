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
from tests.journal.journal_databases import address_in, make_books
from tests.journal.journal_engines import KEYS, TENANT, begun, record, stored
from tests.tls.certificates import Authority


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivatePostgres, Path]]:
    """A server with a certificate for 127.0.0.1, and its authority."""
    authority = Authority(tmp_path_factory.mktemp("tls"))
    with PrivatePostgres() as server:
        with (server.base / "data/postgresql.auto.conf").open("a") as settings:
            settings.write("ssl = on\n")
        show(server, authority.server())
        yield server, authority.ca_file


def show(server: PrivatePostgres, chain: Path) -> None:
    """Let the server show this certificate."""
    data = server.base / "data"
    owner = data.stat()
    for name in ("server.crt", "server.key"):
        shutil.copy(chain, data / name)
        (data / name).chmod(0o600)
        shutil.chown(data / name, owner.st_uid, owner.st_gid)
    server.restart()


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
    other = Authority(tmp_path, "other").ca_file
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(other))
    with pytest.raises(
        JournalUnavailableError, match=r"certificate verify failed; set journal\.ca_file"
    ):
        await PostgresJournal(address, Sealer(KEYS)).open()


async def test_a_name_the_certificate_does_not_have_is_refused(
    secured: tuple[PrivatePostgres, Path], tmp_path: Path
) -> None:
    server, pem = secured
    make_books(server, tmp_path)
    address = address_in(tmp_path)
    url = address.url.replace("127.0.0.1", "localhost")
    named = msgspec.structs.replace(address, url=url, ca_file=str(pem))
    with pytest.raises(JournalUnavailableError, match=r"does not match host name.* write the name"):
        await PostgresJournal(named, Sealer(KEYS)).open()


async def test_a_server_without_tls_is_refused_when_an_authority_is_pinned(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> None:
    make_books(postgres_server, tmp_path)
    pem = Authority(tmp_path, "any").ca_file
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(pem))
    with pytest.raises(JournalUnavailableError, match=r"does not support SSL.* switch TLS on"):
        await PostgresJournal(address, Sealer(KEYS)).open()


async def test_an_expired_certificate_is_refused(
    secured: tuple[PrivatePostgres, Path], tmp_path: Path
) -> None:
    server, _ = secured
    make_books(server, tmp_path)
    authority = Authority(tmp_path)
    address = msgspec.structs.replace(address_in(tmp_path), ca_file=str(authority.ca_file))
    show(server, authority.server(valid_h=-1.0))
    with pytest.raises(JournalUnavailableError, match="may have expired"):
        await PostgresJournal(address, Sealer(KEYS)).open()
    show(server, authority.server())
    journal = PostgresJournal(address, Sealer(KEYS))
    await journal.open()
    await journal.close()
