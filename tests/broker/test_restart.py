"""Broker restarts, kill -9 and alarms on a node of our own: nothing confirmed is lost, and every
consumer is back without a person."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bus.broker.client import Broker, LinkState
from bus.broker.errors import BrokerRefusedError, BrokerUnreachableError
from bus.broker.port import Delivery, Message, PublishFailedError
from bus.clock import SystemClock
from bus.config.settings import BrokerSettings
from compose.node import USER, PrivateNode
from tests.broker.conftest import plain_queue, until

QUEUES = ("a", "b", "c")


@pytest.fixture(scope="module")
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNode]:
    with PrivateNode(tmp_path_factory.mktemp("own")) as node:
        yield node


@pytest.fixture
def settings(own_node: PrivateNode, tmp_path: Path) -> BrokerSettings:
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    secret.write_text(own_node.password)
    return BrokerSettings(
        url=f"amqp://{USER}@127.0.0.1:{own_node.port}/%2F",
        password_file=str(secret),
        reconnect_s_max=0.5,
        confirm_timeout_s=30,
    )


class Traffic:
    """Publishes numbered messages and counts which arrived."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.confirmed: set[bytes] = set()
        self.arrived: Counter[bytes] = Counter()
        self.failed = 0
        self._stop = False

    async def on_delivery(self, delivery: Delivery) -> None:
        self.arrived[delivery.body] += 1
        delivery.ack()

    async def publish(self, queue: str) -> None:
        number = 0
        while not self._stop:
            number += 1
            body = f"{queue}{number}".encode()
            try:
                await self.broker.publish(Message(body=body, routing_key=queue))
            except PublishFailedError:
                self.failed += 1
                await asyncio.sleep(0)
            else:
                self.confirmed.add(body)

    def stop(self) -> None:
        self._stop = True


@pytest.mark.parametrize("blow", ["restart", "kill9"])
async def test_after_the_node_is_gone_and_back_all_consumers_are_and_nothing_confirmed_is_lost(
    own_node: PrivateNode, settings: BrokerSettings, blow: str
) -> None:
    broker = await Broker.connect(
        settings, SystemClock(), declare=[plain_queue(each) for each in QUEUES]
    )
    traffic = Traffic(broker)
    states: list[LinkState] = []
    broker.listen(states.append)
    for queue in QUEUES:
        await broker.consume(queue, 20, traffic.on_delivery)
    publishers = [asyncio.create_task(traffic.publish(queue)) for queue in QUEUES * 4]
    await until(lambda: len(traffic.confirmed) > 200, "traffic before the blow")
    if blow == "restart":
        await asyncio.to_thread(own_node.restart)
    else:
        await asyncio.to_thread(own_node.kill9)
        await until(lambda: set(broker.missing()) == set(QUEUES), "all are reported missing")
        assert broker.connected is False
        await asyncio.to_thread(own_node.start_again)
    await until(lambda: broker.connected and broker.missing() == (), "all consumers are back")
    before = len(traffic.confirmed)
    await until(lambda: len(traffic.confirmed) > before + 200, "traffic after the blow")
    traffic.stop()
    await asyncio.gather(*publishers)
    await until(lambda: traffic.confirmed <= set(traffic.arrived), "all confirmed arrived")
    assert states[:2] == [LinkState.LOST, LinkState.CONNECTED]
    await broker.close()


async def test_a_blocked_connection_is_noticed_and_its_publishes_go_through_later(
    own_node: PrivateNode, settings: BrokerSettings
) -> None:
    broker = await Broker.connect(settings, SystemClock(), declare=[plain_queue("a")])
    alarm = "{{resource_limit, memory, node()}, []}"
    await asyncio.to_thread(own_node.eval, f"rabbit_alarm:set_alarm({alarm})")
    try:
        held = asyncio.create_task(broker.publish(Message(body=b"held", routing_key="a")))
        await until(lambda: broker.blocked, "the block is noticed")
        assert not held.done()
        assert broker.connected
    finally:
        await asyncio.to_thread(
            own_node.eval, "rabbit_alarm:clear_alarm({resource_limit, memory, node()})"
        )
    await held
    await until(lambda: not broker.blocked, "the end of the block is noticed")
    await broker.close()


async def publish_without_end(broker: Broker) -> None:
    """An alarm takes a moment to reach a connection."""
    while True:
        await broker.publish(Message(body=b"late", routing_key="a"))


async def test_a_publish_the_broker_never_confirms_fails_in_time(
    own_node: PrivateNode, settings: BrokerSettings
) -> None:
    short = msgspec.structs.replace(settings, confirm_timeout_s=0.2)
    broker = await Broker.connect(short, SystemClock(), declare=[plain_queue("a")])
    alarm = "{{resource_limit, memory, node()}, []}"
    await asyncio.to_thread(own_node.eval, f"rabbit_alarm:set_alarm({alarm})")
    try:
        async with asyncio.timeout(20):
            with pytest.raises(PublishFailedError, match="no confirm within"):
                await publish_without_end(broker)
    finally:
        await asyncio.to_thread(
            own_node.eval, "rabbit_alarm:clear_alarm({resource_limit, memory, node()})"
        )
    await until(lambda: not broker.blocked, "the end of the block is noticed")
    await broker.publish(Message(body=b"fine", routing_key="a"))
    await broker.close()


async def test_connecting_says_who_is_not_there_and_who_is_refused(
    settings: BrokerSettings, tmp_path: Path
) -> None:
    nowhere = msgspec.structs.replace(settings, url="amqp://u@127.0.0.1:9/x")
    with pytest.raises(BrokerUnreachableError, match=r"127\.0\.0\.1:9"):
        await Broker.connect(nowhere, SystemClock())
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("sesame")
    stranger = msgspec.structs.replace(settings, password_file=str(wrong))
    with pytest.raises(BrokerRefusedError, match=USER) as caught:
        await Broker.connect(stranger, SystemClock())
    assert "sesame" not in str(caught.value)
    elsewhere = msgspec.structs.replace(settings, url=settings.url.replace("%2F", "none"))
    with pytest.raises(BrokerRefusedError):
        await Broker.connect(elsewhere, SystemClock())
