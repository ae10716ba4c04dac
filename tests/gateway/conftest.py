"""The gateway under test against a real socket: both transports, both event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from bus.clock import Clock, SystemClock
from bus.config.settings import BreakerSettings, GatewaySettings
from bus.gateway.build import build_gateway
from bus.gateway.http import HttpGateway
from tests.gateway.gateway_calls import MakeGateway
from tests.gateway.gateway_fault_server import FaultServer


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The worker runs on uvloop, Windows hosts on asyncio: their sockets fail differently."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["httptools", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> str:
    """The name of the transport, as in the settings."""
    return str(request.param)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    """A plain TCP server that is told how to misbehave."""
    fault_server = FaultServer()
    await fault_server.start()
    yield fault_server
    await fault_server.stop()


@pytest.fixture
async def make_gateway(server: FaultServer, transport: str) -> AsyncIterator[MakeGateway]:
    """Builds drivers for the server and closes them."""
    made: list[HttpGateway] = []

    def make(
        *, path_table: Mapping[str, str] | None = None, clock: Clock | None = None, **settings: Any
    ) -> HttpGateway:
        values = {
            "url": f"http://127.0.0.1:{server.port}/fsi",
            "transport": transport,
            "breaker": BreakerSettings(failures=1_000_000),
            **settings,
        }
        gateway = build_gateway(
            "test", GatewaySettings(**values), path_table or {}, clock or SystemClock()
        )
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        await gateway.close()
