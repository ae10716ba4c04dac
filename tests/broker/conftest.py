"""Broker clients on the test's own virtual host."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bus.broker.client import Broker
from bus.clock import SystemClock
from bus.topology import Queue
from tests.conftest import Vhost

WAIT_S = 30.0


def plain_queue(name: str) -> Queue:
    """A quorum queue without any story."""
    return Queue(name=name, messages_max=100_000, overflow="reject-publish", deliveries_max=20)


async def until(true: Callable[[], bool], what: str) -> None:
    """Return when ``true()`` is; fail with ``what`` after ``WAIT_S``."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, f"not within {WAIT_S:.0f} s: {what}"
        await asyncio.sleep(0.01)


@pytest.fixture
async def broker(vhost: Vhost) -> AsyncIterator[Broker]:
    """A client with one declared queue, ``q``."""
    client = await Broker.connect(vhost.settings(), SystemClock(), declare=[plain_queue("q")])
    yield client
    await client.close()
