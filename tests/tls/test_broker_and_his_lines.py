"""TLS to the broker, for the bus and for a HIS: the pinned authority, the right name, a certificate
that is valid; whatever else answers gets nothing, and people are told what to do."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from bus.broker.client import Broker
from bus.broker.errors import BrokerUnreachableError
from bus.broker.port import Message
from bus.clock import SystemClock
from bus.command_line import ExitCode, main
from bus.config.settings import BrokerSettings
from compose.node import USER
from producers.client import HisClient
from producers.errors import NotConnectedError
from producers.keys import MemoryKeyStore
from producers.link import LinkSettings
from tests.broker.conftest import plain_queue
from tests.conftest import Vhost
from tests.tls.certificates import WRONG, Authority, Line, front, spoilt


def settings_for(vhost: Vhost, line: Line) -> BrokerSettings:
    url = f"amqps://{USER}@127.0.0.1:{line.port}/{vhost.name}"
    return msgspec.structs.replace(vhost.settings(), url=url, ca_file=line.ca_file)


@pytest.fixture
async def line(vhost: Vhost, tmp_path: Path) -> AsyncIterator[Line]:
    """A line as it should be."""
    authority = Authority(tmp_path)
    async with front(authority.server(), vhost.node.port) as port:
        yield Line(port, str(authority.ca_file))


@pytest.fixture(params=WRONG)
async def bad(request: pytest.FixtureRequest, vhost: Vhost, tmp_path: Path) -> AsyncIterator[Line]:
    """A line with one thing wrong."""
    async with spoilt(request.param, tmp_path, vhost.node.port) as one:
        yield one


async def test_messages_flow_under_the_pinned_authority(vhost: Vhost, line: Line) -> None:
    settings = settings_for(vhost, line)
    broker = await Broker.connect(settings, SystemClock(), declare=[plain_queue("q")])
    body = bytes(range(256)) * 2000
    await broker.publish(Message(body=body, routing_key="q"))
    got = await broker.get("q")
    assert got is not None
    assert got.body == body
    got.ack()
    await broker.close()


async def test_the_bus_tells_its_password_to_nobody_else(vhost: Vhost, bad: Line) -> None:
    with pytest.raises(BrokerUnreachableError, match=bad.said):
        await Broker.connect(settings_for(vhost, bad), SystemClock())


async def test_an_authority_that_is_not_pinned_is_not_trusted(vhost: Vhost, line: Line) -> None:
    unpinned = msgspec.structs.replace(settings_for(vhost, line), ca_file="")
    with pytest.raises(BrokerUnreachableError, match="set ca_file"):
        await Broker.connect(unpinned, SystemClock())


def his(vhost: Vhost, line: Line) -> HisClient:
    address = vhost.node.url(vhost.name).replace("amqp://", "amqps://")
    secured = address.replace(f":{vhost.node.port}/", f":{line.port}/")
    url = f"{secured}?cafile={quote(line.ca_file)}" if line.ca_file else secured
    settings = LinkSettings(url=url, tenant="H53010000001", connect_s=3.0)
    return HisClient(settings, MemoryKeyStore(), {})


async def test_a_his_connects_under_the_pinned_authority(vhost: Vhost, line: Line) -> None:
    await asyncio.to_thread(declare_events, vhost)
    async with his(vhost, line):
        pass


def declare_events(vhost: Vhost) -> None:
    exchange = {"name": "yibao.events", "vhost": vhost.name, "type": "topic", "durable": True}
    rest = {"auto_delete": False, "internal": False, "arguments": {}}
    vhost.node.import_definitions({"exchanges": [{**exchange, **rest}]})


async def test_a_his_tells_its_password_to_nobody_else(vhost: Vhost, bad: Line) -> None:
    with pytest.raises(NotConnectedError, match=bad.said):
        async with his(vhost, bad):
            pytest.fail("it connected")


async def test_a_his_without_a_pinned_authority_trusts_the_systems_only(
    vhost: Vhost, line: Line
) -> None:
    with pytest.raises(NotConnectedError, match="authority"):
        async with his(vhost, Line(line.port, "")):
            pytest.fail("it connected")


async def test_the_doctor_says_what_to_do(
    vhost: Vhost, bad: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "yibao.toml"
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    keys.write_text(f"k1 {'00' * 32}\n")
    settings = settings_for(vhost, bad)
    config.write_text(
        f'[broker]\nurl = "{settings.url}"\npassword_file = "{settings.password_file}"\n'
        f'ca_file = "{settings.ca_file}"\n[journal]\nkeys_file = "keys"\n',
        encoding="utf-8",
    )
    words = ["doctor", "--json", "--config", str(config), "--lang", "en"]
    assert await asyncio.to_thread(main, words) == ExitCode.NEGATIVE
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)}
    assert not found["broker"]["ok"]
    assert any(word in found["broker"]["detail"] for word in ("certificate", "TLS"))
