"""A bus whose every link runs through a proxy: HIS to broker, worker to broker, centre, journal.

The worker runs in this process, so that the limits of its links can be short; broker, centre and
database are processes as ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.journal.postgres import connect
from compose.demo.stage import Timing, write_private
from compose.node import PrivateNode
from compose.pg import PrivatePostgres
from consumers.worker import Worker
from tests.consumers.bus_stage import BusStage
from tests.journal.journal_databases import address_in, make_books
from tests.network.fault_proxy import FaultProxy, through_proxy

TIMING = Timing(money_s=1.5, call_s=1.5, centre_s=1.0, patience_s=25.0, sweep_s=0.2)
HEARTBEAT_S = 1
"""A connection on which one way is dead is noticed after two of them."""
CONFIRM_S = 1.0
JOURNAL_ANSWER_S = 1.0
ONLY = ("1101", "1201", "2102")
NO_BREAKER = "[gateways.centre.breaker]\nfailures = 1000\n"
"""One test's faults must not open the breaker for the next one's requests."""


class NetStage(BusStage):
    """A stage without worker processes, whose journal is a database."""

    def __init__(self, base: Path, node: PrivateNode, server: PrivatePostgres) -> None:
        super().__init__(base, node, TIMING, NO_BREAKER)
        self._postgres = server
        self.his_port = 0

    def start(self) -> "NetStage":
        """Users at the broker, the centre, the books, the configuration."""
        self.base.mkdir(parents=True, exist_ok=True)
        self.node.import_definitions(self._definitions())
        self.start_sandbox()
        make_books(self._postgres, self.base)
        self.write_config()
        return self

    def config_text(self, secret: Path, keys: Path) -> str:
        """The stage's file with the database for a journal."""
        address = address_in(self.base)
        password = self.base / "postgres-password"
        write_private(password, address.password)
        books = f'engine = "postgres"\nurl = "{address.url}"\npassword_file = "{password}"'
        text = super().config_text(secret, keys)
        own = f'path = "{self.base / "journal.sqlite3"}"'
        assert own in text
        return text.replace(own, books)

    def his_url(self, tenant: str) -> str:
        """The broker address for a HIS program, through its proxy once there is one."""
        url = f"{super().his_url(tenant)}?heartbeat={HEARTBEAT_S}"
        return url.replace(f":{self.node.port}/", f":{self.his_port or self.node.port}/")


class Net(msgspec.Struct, frozen=True):
    """The running bus: its stage, its worker, and the proxy of every link."""

    stage: NetStage
    worker: Worker
    proxies: dict[str, FaultProxy]

    def heal(self) -> None:
        """No fault on any link."""
        for proxy in self.proxies.values():
            proxy.heal()


@asynccontextmanager
async def running_net(stage: NetStage) -> AsyncIterator[Net]:
    """Proxies and a worker on a stage that is started; the journal is given up after a second."""
    settings = load_settings(stage.config, {})
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(connect, "ANSWER_S", JOURNAL_ANSWER_S)
        patch.setattr(connect, "CONNECT_S", 2)
        urls, proxies = {}, {}
        for link, url in urls_of(settings, stage).items():
            proxies[link], urls[link] = await stack.enter_async_context(through_proxy(url))
        stage.his_port = proxies["his"].port
        worker = await Worker.start(through(settings, urls), ONLY)
        stack.push_async_callback(worker.stop)
        yield Net(stage, worker, proxies)


def urls_of(settings: Settings, stage: NetStage) -> dict[str, str]:
    """The address at the end of every link."""
    return {
        "his": stage.admin_url,
        "broker": settings.broker.url,
        "centre": settings.gateways["centre"].url,
        "journal": settings.journal.url,
    }


def through(settings: Settings, urls: dict[str, str]) -> Settings:
    """The settings of a worker whose links lead through the proxies, and which notices faults in a
    second."""
    replace = msgspec.structs.replace
    gateway = replace(settings.gateways["centre"], url=urls["centre"])
    return replace(
        settings,
        broker=replace(
            settings.broker,
            url=urls["broker"],
            heartbeat_s=HEARTBEAT_S,
            confirm_timeout_s=CONFIRM_S,
        ),
        journal=replace(settings.journal, url=urls["journal"]),
        gateways={"centre": gateway},
    )


async def for_a_while(proxy: FaultProxy, seconds: float) -> None:
    """How long a fault lasts that does not end by itself; then the cable is mended."""
    await asyncio.sleep(seconds)
    proxy.heal()
