"""A bus per module: one worker for all faults, it has to outlive them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from compose.node import PrivateNode
from compose.pg import PrivatePostgres
from tests.consumers.bus_stage import (
    program,
)
from tests.network.net_faults import Scene
from tests.network.net_stage import NetStage, running_net


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(
    broker_node: PrivateNode,
    postgres_server: PrivatePostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Scene]:
    """The running bus and two programs of a HIS."""
    with NetStage(tmp_path_factory.mktemp("net"), broker_node, postgres_server) as stage:
        async with running_net(stage) as net, program(stage) as his, program(stage) as other:
            yield Scene(net, his, other, [])
