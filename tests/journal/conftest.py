"""Each contract test runs on every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.journal.port import Journal
from bus.journal.sqlite import SqliteJournal
from tests.journal.journal_engines import ENGINES, Engine, make_sqlite


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine and what it can do."""
    chosen: Engine = request.param
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
