"""Databases for the shared engine: one per folder, so that another process finds it there too."""

import itertools
from pathlib import Path

import psycopg

from bus.gm import Sealer
from bus.journal.postgres import Address, PostgresJournal
from compose.pg import PrivatePostgres
from tests.journal.journal_engines import KEYS

_numbers = itertools.count(1)


def make_database(server: PrivatePostgres, folder: Path) -> Address:
    """The folder's database, made when there is none."""
    note = folder / "postgres-url"
    if not note.exists():
        name = f"journal_{next(_numbers)}"
        with psycopg.connect(server.url(), password=server.password, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        note.write_text(f"{server.url(name)}\n{server.password}\n", encoding="ascii")
    return address_in(folder)


def address_in(folder: Path) -> Address:
    """The database noted in the folder."""
    url, password = (folder / "postgres-url").read_text(encoding="ascii").split()
    return Address(url=url, password=password)


def postgres_in(folder: Path) -> PostgresJournal:
    """A journal on the database noted in the folder."""
    return PostgresJournal(address_in(folder), Sealer(KEYS))


def make_postgres(server: PrivatePostgres, folder: Path) -> PostgresJournal:
    """A journal on the folder's database."""
    make_database(server, folder)
    return postgres_in(folder)


def admin_of(folder: Path) -> psycopg.Connection:
    """A plain connection to the folder's database."""
    address = address_in(folder)
    return psycopg.connect(address.url, password=address.password, autocommit=True)
