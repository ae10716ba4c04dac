"""Each contract test runs on every engine."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bus.journal.port import Journal
from bus.journal.postgres import PostgresJournal
from bus.journal.sqlite import SqliteJournal
from compose.pg import PrivatePostgres
from tests.journal.journal_databases import make_postgres
from tests.journal.journal_engines import MEMORY, SQLITE, Engine, make_sqlite


@pytest.fixture(scope="session")
def postgres_engine(postgres_server: PrivatePostgres) -> Engine:
    """The shared engine on the run's server."""
    return Engine("postgres", partial(make_postgres, postgres_server), durable=True)


@pytest.fixture(params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest) -> Engine:
    """An engine whose books outlive the process."""
    if request.param == "sqlite":
        return SQLITE
    engine: Engine = request.getfixturevalue("postgres_engine")
    return engine


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine and what it can do."""
    if request.param == "memory":
        return MEMORY
    chosen: Engine = SQLITE
    if request.param == "postgres":
        chosen = request.getfixturevalue("postgres_engine")
    return chosen


@pytest.fixture
async def journal(engine: Engine, tmp_path: Path) -> AsyncIterator[Journal]:
    """An open, empty journal of that engine."""
    one = engine.make(tmp_path)
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """An open, empty SQLite journal in ``tmp_path``."""
    one = make_sqlite(tmp_path)
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def postgres(
    postgres_server: PrivatePostgres, tmp_path: Path
) -> AsyncIterator[PostgresJournal]:
    """An open, empty PostgreSQL journal; its address is noted in ``tmp_path``."""
    one = make_postgres(postgres_server, tmp_path)
    await one.open()
    yield one
    await one.close()
