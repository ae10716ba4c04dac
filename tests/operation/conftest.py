"""A bus per module, and what is read off it from outside."""

from collections.abc import AsyncIterator, Iterator

import pytest

from compose.node import PrivateNode
from tests.consumers.bus_stage import BusStage, Program, program


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """One worker, one centre; shared by the tests of a module."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        yield one


@pytest.fixture
async def his(stage: BusStage) -> AsyncIterator[Program]:
    """A HIS program of the first hospital."""
    async with program(stage) as one:
        yield one
