"""Books for the shared engine: a user and a schema of its own per folder, noted in the folder, so
that another process finds them there too."""

import itertools
from pathlib import Path

import psycopg

from bus.gm import Sealer
from bus.journal.postgres import Address, PostgresJournal
from compose.pg import PrivatePostgres
from tests.journal.journal_engines import KEYS

NOTE = "postgres-url"
DATABASE = "postgres"
_numbers = itertools.count(1)


def make_books(server: PrivatePostgres, folder: Path) -> None:
    """The folder's user and schema, made when there are none."""
    note = folder / NOTE
    if note.exists():
        return
    name = f"journal_{next(_numbers)}"
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{server.password}'".encode())
        admin.execute(f"CREATE SCHEMA AUTHORIZATION {name}".encode())
    note.write_text(f"{server.url(DATABASE, name)}\n{server.password}\n", encoding="ascii")


def address_in(folder: Path) -> Address:
    """The address noted in the folder."""
    url, password = (folder / NOTE).read_text(encoding="ascii").split()
    return Address(url=url, password=password)


def postgres_in(folder: Path) -> PostgresJournal:
    """A journal on the books noted in the folder."""
    return PostgresJournal(address_in(folder), Sealer(KEYS))


def make_postgres(server: PrivatePostgres, folder: Path) -> PostgresJournal:
    """A journal on the folder's books."""
    make_books(server, folder)
    return postgres_in(folder)


def plain_connection(folder: Path) -> psycopg.Connection:
    """Beside the engine, as the same user."""
    address = address_in(folder)
    return psycopg.connect(address.url, password=address.password, autocommit=True)
