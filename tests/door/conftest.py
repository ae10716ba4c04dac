"""A bus per module, and a HIS in front of it whose messages must not get through."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from compose.node import PrivateNode
from tests.consumers.bus_stage import FIRST, PHARMACY, BusStage
from tests.door.raw_his import RawHis, calls, raw_his, serves


class DoorStage(BusStage):
    """A stage whose pharmacy has the desk transactions at its desk, as its region wants them."""

    def config_text(self, secret: Path, keys: Path) -> str:
        """The last institution of the file loses its ``where``."""
        text = super().config_text(secret, keys)
        head, _, tail = text.rpartition("where = ")
        assert PHARMACY in head.rpartition("[institutions.")[2]
        return head + tail.partition("\n")[2]


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """One worker, one centre; shared by the tests of a module."""
    with DoorStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        yield one


@pytest.fixture
async def his(stage: BusStage) -> AsyncIterator[RawHis]:
    """A HIS of the first hospital that reads its shared reply queue."""
    async with raw_his(stage.his_url(FIRST), FIRST) as one:
        yield one


@pytest.fixture
async def outside(stage: BusStage, his: RawHis) -> AsyncIterator[RawHis]:
    """The same; whatever the test sends, nothing reaches the centre, no reply comes twice, and the
    same worker process serves the next request."""
    (worker,) = stage.workers
    before = await asyncio.to_thread(calls, stage)
    yield his
    assert await asyncio.to_thread(calls, stage) == before
    assert his.inbox.empty()
    assert worker.poll() is None
    await serves(his)
