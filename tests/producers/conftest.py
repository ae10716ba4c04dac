"""A virtual host with one HIS user, and something that answers on the bus's side."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from compose.node import PrivateNode
from producers import FileKeyStore
from tests.producers.his_access import HisAccess, give_access
from tests.producers.his_responder import Responder


@pytest.fixture
def his(broker_node: PrivateNode, vhost: Any) -> HisAccess:
    return give_access(broker_node, vhost.name)


@pytest.fixture
async def responder(his: HisAccess) -> AsyncIterator[Responder]:
    async with Responder(his.admin_url) as bus:
        yield bus


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[FileKeyStore]:
    store = FileKeyStore(tmp_path / "keys.sqlite3")
    yield store
    store.close()
