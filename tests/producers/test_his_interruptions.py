"""The broker stops, is full, or answers late; and the blocking face under many threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError
from pamqp.common import FieldTable

from bus.topology import REQUESTS_EXCHANGE, reply_queue
from compose.node import PrivateNode
from producers import (
    BlockingHisClient,
    FileKeyStore,
    HisClient,
    KeyStoreError,
    MemoryKeyStore,
    NotConnectedError,
    OutcomeUnknownError,
    ReplyTimeoutError,
)
from producers.link import LinkSettings
from schemas.contract import Status
from tests.producers.his_access import HisAccess, give_access, through_proxy
from tests.producers.his_responder import Responder

INPUT = {"data": {"psn_no": "1", "medfee_sumamt": "100.00"}}


@pytest.mark.timeout(150)
async def test_a_broker_restart_while_waiting_leads_to_the_stored_reply(
    tmp_path: Path, keys: FileKeyStore
) -> None:
    with PrivateNode(tmp_path / "node") as node:
        node.add_vhost("v")
        his = give_access(node, "v")
        async with (
            Responder(his.admin_url) as responder,
            HisClient.connect(
                his.url, tenant=his.tenant, key_store=keys, reply_queue="cashier-7"
            ) as one,
        ):
            responder.may_answer.clear()
            waiting = [
                asyncio.create_task(one.call("2207", INPUT, key=f"bill-{n}")) for n in range(5)
            ]
            await responder.arrival(5)
            await asyncio.to_thread(node.restart)
            responder.may_answer.set()
            answers = await asyncio.gather(*waiting)
            assert {answer.status for answer in answers} == {Status.SUCCEEDED}
            assert set(responder.executed.values()) == {1}
            assert (await one.call("2207", INPUT)).status is Status.SUCCEEDED


async def fill(admin_url: str, infno: str) -> None:
    """Make a request queue of one place, and fill it."""
    async with await aio_pika.connect(admin_url) as admin:
        channel = await admin.channel()
        limits: FieldTable = {
            "x-queue-type": "quorum",
            "x-max-length": 1,
            "x-overflow": "reject-publish",
        }
        queue = await channel.declare_queue(f"yibao.{infno}", durable=True, arguments=limits)
        await queue.bind(REQUESTS_EXCHANGE, f"{infno}.*")
        with suppress(DeliveryError):
            for _ in range(1000):  # the limit is enforced a few messages late
                await channel.default_exchange.publish(aio_pika.Message(b"{}"), queue.name)


async def test_a_full_request_queue_is_told_at_once_and_not_as_unsent(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    await fill(his.admin_url, "5203")
    client = HisClient.connect(his.url, tenant=his.tenant, key_store=keys, reply_queue="a")
    async with client as one:
        with pytest.raises(OutcomeUnknownError, match="did not take") as caught:
            await one.call("5203", INPUT)
        assert not isinstance(caught.value, ReplyTimeoutError)
        assert await one.unfinished() == (caught.value.key,)


async def test_two_programs_cannot_share_one_reply_queue(
    his: HisAccess, responder: Responder
) -> None:
    def program() -> HisClient:
        settings = LinkSettings(
            url=his.url,
            tenant=his.tenant,
            reply_queue=f"{reply_queue(his.tenant)}.cashier-7",
            connect_s=1.0,
        )
        return HisClient(settings, MemoryKeyStore(), {})

    async with program():
        with pytest.raises(NotConnectedError, match="another program"):
            await program().__aenter__()


async def test_a_broker_without_the_bus_is_named_as_such(
    his: HisAccess, keys: FileKeyStore
) -> None:
    queue = f"{reply_queue(his.tenant)}.cashier-7"
    settings = LinkSettings(url=his.url, tenant=his.tenant, reply_queue=queue, connect_s=1.0)
    with pytest.raises(NotConnectedError, match="exchanges of the bus"):
        await HisClient(settings, keys, {}).__aenter__()


class FullDisk(MemoryKeyStore):
    """A key store that cannot write outcomes as long as ``full`` is set."""

    full = True

    def record(self, key: str, reply: bytes, *, final: bool) -> bool:
        if self.full:
            raise KeyStoreError("the key store cannot be used")
        return super().record(key, reply, final=final)


async def test_an_outcome_that_could_not_be_kept_is_delivered_again_after_the_next_connect(
    his: HisAccess, responder: Responder, caplog: pytest.LogCaptureFixture
) -> None:
    store = FullDisk()
    async with through_proxy(his) as (proxy, near):
        client = HisClient.connect(
            near.url, tenant=his.tenant, key_store=store, reply_queue="cashier-7"
        )
        async with client as one:
            assert (await one.call("2207", INPUT, key="bill-1")).status is Status.SUCCEEDED
            assert await one.unfinished() == ("bill-1",), "told, but not on the disk"
            store.full = False
            proxy.reset()
            async with asyncio.timeout(20):
                while await one.unfinished():  # noqa: ASYNC110 - polls what another task writes
                    await asyncio.sleep(0.02)
    assert responder.asked == {"bill-1": 1}
    assert "could not be kept" in caplog.text


def test_the_blocking_face_serves_many_threads(
    his: HisAccess, broker_node: PrivateNode, keys: FileKeyStore
) -> None:
    with asyncio.Runner() as runner:
        responder = runner.run(Responder(his.admin_url).__aenter__())
        with BlockingHisClient.connect(
            his.url, tenant=his.tenant, key_store=keys, reply_queue="counter", opter="0001"
        ) as one:

            def visit(number: int) -> tuple[str, Status]:
                answer = one.call("2207", INPUT, key=f"bill-{number}")
                return answer.key, one.ask_again(answer.key).status

            async def all_visits() -> list[tuple[str, Status]]:
                loop = asyncio.get_running_loop()
                with ThreadPoolExecutor(8) as pool:
                    work = [loop.run_in_executor(pool, visit, n) for n in range(40)]
                    return await asyncio.gather(*work)

            done = runner.run(all_visits())
            assert one.unfinished() == ()
            responder.may_answer.clear()
            with pytest.raises(ReplyTimeoutError):
                one.call("2207", INPUT, wait_s=0.2)
        runner.run(responder.__aexit__(None, None, None))
    assert done == [(f"bill-{n}", Status.SUCCEEDED) for n in range(40)]


def test_the_blocking_face_says_when_there_is_no_broker() -> None:
    settings = LinkSettings(url="amqp://his:secret@127.0.0.1:1/v", tenant="H1", connect_s=0.3)
    refused = BlockingHisClient(HisClient(settings, MemoryKeyStore(), {}))
    with pytest.raises(NotConnectedError), refused:
        pass
