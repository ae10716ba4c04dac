"""One call has one final outcome for the HIS, on a real broker and with real interruptions."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import aio_pika
import pytest

from bus.clock import SystemClock, from_rfc3339
from producers import (
    FileKeyStore,
    HisClient,
    KeyReusedError,
    KeyStore,
    MemoryKeyStore,
    NotConnectedError,
    RefusedError,
    ReplyTimeoutError,
    RequestNotSentError,
    UnknownKeyError,
    UnroutableError,
)
from producers.link import LinkSettings
from producers.wire import build_request
from schemas.contract import Status
from tests.producers.his_access import HisAccess, through_proxy
from tests.producers.his_responder import Responder

INPUT = {"data": {"psn_no": "53010000000000000001", "medfee_sumamt": Decimal("100.00")}}


def client(his: HisAccess, keys: KeyStore, queue: str = "cashier-7") -> HisClient:
    return HisClient.connect(
        his.url, tenant=his.tenant, key_store=keys, reply_queue=queue, opter="0001"
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - polls a file another thread writes
            await asyncio.sleep(0.02)


async def test_a_call_gets_its_reply_and_the_request_is_as_the_contract_says(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    before = SystemClock().now_ms()
    async with client(his, keys) as one:
        answer = await one.call("2207", INPUT, key="bill-1", deadline_s=30, desk="7")
    assert (answer.status, answer.code, answer.key) == (Status.SUCCEEDED, "ok", "bill-1")
    assert answer.decoded() == {"setlinfo": {"fund_pay_sumamt": "80.00"}}
    (seen,) = responder.seen
    assert seen.body == (
        b'{"infno":"2207","input":{"data":{"psn_no":"53010000000000000001",'
        b'"medfee_sumamt":"100.00"}},"opter":"0001","desk":"7"}'
    )
    assert seen.exchange == "yibao.requests"
    assert seen.routing_key == f"2207.{his.tenant}"
    assert seen.reply_to == f"yibao.replies.{his.tenant}.cashier-7"
    assert (seen.type, seen.correlation_id) == ("2207", "bill-1")
    assert f"//{seen.user_id}:" in his.url
    assert seen.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert seen.headers["idempotency-key"] == "bill-1"
    deadline_ms = from_rfc3339(str(seen.headers["deadline"]))
    assert 29_000 <= deadline_ms - before <= 40_000


async def test_a_key_is_made_when_none_is_given_and_stays_findable(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        answer = await one.call("2207", INPUT)
        assert answer.key
        assert await one.unfinished() == ()
    entry = keys.find(answer.key)
    assert entry is not None
    assert entry.final


async def test_a_lost_connection_while_waiting_leads_to_the_stored_reply(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.may_answer.clear()
    async with through_proxy(his) as (proxy, near), client(near, keys) as one:
        waiting = asyncio.create_task(one.call("2207", INPUT, key="bill-1"))
        await responder.arrival(1)
        proxy.reset()
        await responder.arrival(2)
        responder.may_answer.set()
        answer = await waiting
    assert answer.status is Status.SUCCEEDED
    assert responder.executed == {"bill-1": 1}
    bodies = {(message.body, message.headers["deadline"]) for message in responder.seen}
    assert len(bodies) == 1, "the same request every time"


async def test_direct_mode_asks_again_from_a_new_connection(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.may_answer.clear()
    async with (
        through_proxy(his) as (proxy, near),
        HisClient.connect(near.url, tenant=his.tenant, key_store=keys, replies="direct") as one,
    ):
        waiting = asyncio.create_task(one.call("1101", INPUT, key="look-1"))
        await responder.arrival(1)
        proxy.reset()
        await responder.arrival(2)
        responder.may_answer.set()
        assert (await waiting).status is Status.SUCCEEDED
    first, second = (message.reply_to for message in responder.seen)
    assert str(first).startswith("amq.rabbitmq.reply-to")
    assert first != second


async def test_the_tenants_shared_queue_is_used_when_no_own_one_is_named(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    await responder.declare_shared_replies(his.tenant)
    async with client(his, keys, queue="") as one:
        assert (await one.call("2207", INPUT)).status is Status.SUCCEEDED
    assert responder.seen[0].reply_to == f"yibao.replies.{his.tenant}"


async def test_second_replies_and_replies_for_others_change_nothing(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.copies, responder.stray_first = 2, True
    async with client(his, keys) as one:
        answers = await asyncio.gather(*(one.call("2207", INPUT, key=f"b-{n}") for n in range(20)))
    assert [answer.key for answer in answers] == [f"b-{n}" for n in range(20)]
    assert {answer.status for answer in answers} == {Status.SUCCEEDED}
    assert keys.find("somebody-else") is None


async def test_two_callers_with_one_key_get_one_outcome(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        pair = await asyncio.gather(*(one.call("2207", INPUT, key="bill-1") for _ in range(2)))
        again = await one.call("2207", INPUT, key="bill-1")
    assert {answer.status for answer in (*pair, again)} == {Status.SUCCEEDED}
    assert responder.executed == {"bill-1": 1}


async def test_a_kept_key_with_other_content_is_not_sent(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        await one.call("2207", INPUT, key="bill-1")
        with pytest.raises(KeyReusedError) as caught:
            await one.call("2207", {"data": {"psn_no": "2"}}, key="bill-1")
    assert caught.value.key == "bill-1"
    assert "bill-1" not in str(caught.value)
    assert responder.asked == {"bill-1": 1}


async def test_another_program_that_reuses_the_key_is_told_conflict_by_the_bus(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one, client(his, MemoryKeyStore(), "cashier-8") as other:
        await one.call("2207", INPUT, key="bill-1")
        answer = await other.call("2207", {"data": {}}, key="bill-1")
    assert answer.status is Status.CONFLICT
    assert responder.executed == {"bill-1": 1}


async def test_in_doubt_is_followed_by_the_final_outcome_as_an_event(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.code = "settling"
    async with client(his, keys) as one:
        answer = await one.call("2207", INPUT, key="bill-1")
        assert answer.status is Status.IN_DOUBT
        assert await one.unfinished() == ("bill-1",)
        waiting = asyncio.create_task(one.final("bill-1", timeout_s=20))
        await responder.arrival(2)
        await responder.settle(his.tenant, "bill-1", "reversed")
        assert (await waiting).status is Status.REVERSED
        assert (await one.final("bill-1", timeout_s=0.01)).code == "reversed", "kept for good"
        assert await one.unfinished() == ()


async def test_an_event_that_is_a_copy_of_another_event_is_not_believed(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.code = "held"
    async with client(his, keys) as one:
        await one.call("2207", INPUT, key="bill-1")
        await responder.forge(his.tenant, "bill-1", "not_done")
        await responder.settle(his.tenant, "bill-1", "adopted")
        assert (await one.final("bill-1", timeout_s=20)).code == "adopted"


async def test_a_final_outcome_whose_event_was_missed_is_found_by_asking(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.code = "settling"
    async with client(his, keys) as one:
        await one.call("2207", INPUT, key="bill-1")
    responder.forget_event(his.tenant, "bill-1", "adopted")
    async with client(his, keys) as one:
        assert (await one.final("bill-1", timeout_s=20)).code == "adopted"
    assert responder.executed == {"bill-1": 1}


async def test_an_event_nobody_waits_for_is_kept_all_the_same(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.code = "held"
    async with client(his, keys) as one:
        await one.call("2207", INPUT, key="bill-1")
        await responder.settle(his.tenant, "bill-1", "adopted")
        await until(lambda: not keys.unfinished())
        assert (await one.ask_again("bill-1")).code == "adopted"
    assert responder.asked == {"bill-1": 1}


async def test_still_in_doubt_at_the_end_of_the_wait_is_unknown_and_not_final(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.code = "held"
    async with client(his, keys) as one:
        await one.call("2207", INPUT, key="bill-1")
        with pytest.raises(ReplyTimeoutError) as caught:
            await one.final("bill-1", timeout_s=0.5)
        assert caught.value.key == "bill-1"
        assert await one.unfinished() == ("bill-1",)


async def test_no_reply_in_time_says_unknown_and_asking_again_tells(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    responder.may_answer.clear()
    async with client(his, keys) as one:
        with pytest.raises(ReplyTimeoutError) as caught:
            await one.call("2207", INPUT, wait_s=0.5)
        assert not isinstance(caught.value, RequestNotSentError)
        responder.may_answer.set()
        assert (await one.ask_again(caught.value.key)).status is Status.SUCCEEDED
    assert responder.executed == {caught.value.key: 1}


async def test_an_unroutable_request_is_a_clear_error_and_leaves_no_key_behind(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        with pytest.raises(UnroutableError) as caught:
            await one.call("9999", INPUT, key="bill-1")
        assert keys.find("bill-1") is None
        with pytest.raises(UnknownKeyError):
            await one.ask_again("bill-1")
        assert (await one.call("2207", INPUT)).status is Status.SUCCEEDED
    assert "bill-1" not in str(caught.value)


async def test_a_user_that_may_not_speak_for_the_tenant_is_refused_by_the_broker(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        stranger = LinkSettings(url=his.url, tenant="H99999999999")
        one._link._session.result()._settings = stranger
        with pytest.raises(RefusedError):
            await one.call("2207", INPUT, key="bill-1")
        assert keys.unfinished() == ()
        assert (await one.call("2207", INPUT)).status is Status.SUCCEEDED, "and is back"
    assert responder.asked["bill-1"] == 0


async def test_somebody_elses_reply_queue_cannot_be_read(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    queue = "yibao.replies.H99999999999.a"
    settings = LinkSettings(url=his.url, tenant=his.tenant, reply_queue=queue, connect_s=1.0)
    stranger = HisClient(settings, keys, {})
    with pytest.raises(NotConnectedError, match="may not use"):
        await stranger.__aenter__()


async def test_without_a_broker_the_client_says_so_and_names_no_password(
    keys: FileKeyStore,
) -> None:
    settings = LinkSettings(url="amqp://his:secret@127.0.0.1:1/v", tenant="H1", connect_s=0.5)
    one = HisClient(settings, keys, {})
    with pytest.raises(NotConnectedError) as caught:
        await one.__aenter__()
    assert "secret" not in str(caught.value)


CHILD = """
import asyncio, os, sys
from producers import FileKeyStore, HisClient

class DiesAfterKeeping(FileKeyStore):
    def keep(self, request):
        super().keep(request)
        print("kept", flush=True)
        sys.stdin.read()

async def main(url, tenant, path):
    keys = DiesAfterKeeping(path)
    async with HisClient.connect(url, tenant=tenant, key_store=keys, reply_queue="a") as one:
        await one.call("2207", {"data": {"psn_no": "1"}}, key="bill-1")

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_program_killed_between_keeping_and_sending_can_ask_again(
    his: HisAccess, responder: Responder, tmp_path: Path
) -> None:
    path = tmp_path / "child.sqlite3"
    child = subprocess.Popen(  # noqa: ASYNC220 - returns at once; reading it is awaited
        [sys.executable, "-c", CHILD, his.url, his.tenant, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    with child:
        assert child.stdout is not None
        assert await asyncio.to_thread(child.stdout.readline) == b"kept\n"
        child.send_signal(signal.SIGKILL)
    assert responder.asked.total() == 0
    keys = FileKeyStore(path)
    async with client(his, keys, "a") as one:
        assert await one.unfinished() == ("bill-1",)
        assert (await one.ask_again("bill-1")).status is Status.SUCCEEDED
    keys.close()
    assert responder.executed == {"bill-1": 1}
    assert responder.seen[0].body.startswith(b'{"infno":"2207","input":{"data":{"psn_no":"1"}}')


async def test_a_request_asked_for_again_after_its_deadline_moves_nothing(
    his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    async with client(his, keys) as one:
        keys.keep(build_request("2207", INPUT, {"key": "bill-1", "deadline_s": 0}, 0))
        assert (await one.ask_again("bill-1")).status is Status.EXPIRED
    assert responder.executed.total() == 0
