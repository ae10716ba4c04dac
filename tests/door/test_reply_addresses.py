"""Where an answer goes: to the queue that was named, to the hospital's own, never to a stranger."""

import asyncio
from typing import Any

import aiormq
import pytest
from pamqp.commands import Basic

from bus.topology import PARKED_QUEUE, reply_queue, request_key
from compose.demo.stage import end
from tests.consumers.bus_stage import FIRST, SECOND, BusStage, measured, until
from tests.door.raw_his import DIRECT, RawHis, frame, raw_his

OWN = reply_queue(FIRST)


async def test_without_an_address_the_answer_comes_to_the_hospitals_shared_queue(
    his: RawHis,
) -> None:
    heard = await his.ask(frame(), correlation_id="bill-7", headers={"idempotency-key": "key-7"})
    assert heard.outcome == ("succeeded", "ok")
    assert (heard.queue, heard.correlation_id, heard.type) == (OWN, "bill-7", "1201")
    assert heard.headers == {"idempotency-key": "key-7"}


async def test_without_a_correlation_the_answer_carries_the_message_id(his: RawHis) -> None:
    heard = await his.ask(frame(), message_id="message-8")
    assert heard.correlation_id == "message-8"
    assert heard.headers == {"idempotency-key": "message-8"}


async def test_a_trace_is_given_back_with_the_answer(his: RawHis) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    heard = await his.ask(frame(), headers={"idempotency-key": "key-9", "traceparent": trace})
    assert heard.headers == {"idempotency-key": "key-9", "traceparent": trace}


async def test_a_queue_of_the_hospitals_own_gets_its_answer(stage: BusStage, his: RawHis) -> None:
    queue = await his.own_queue("cashier-7")
    async with raw_his(stage.his_url(FIRST), FIRST, queue) as cashier:
        heard = await cashier.ask(frame(), reply_to=queue)
    assert (heard.queue, *heard.outcome) == (queue, "succeeded", "ok")
    assert his.inbox.empty()


async def test_direct_reply_to_gets_its_answer(stage: BusStage, his: RawHis) -> None:
    async with raw_his(stage.his_url(FIRST), FIRST, DIRECT) as desk:
        heard = await desk.ask(frame(), reply_to=DIRECT)
    assert (heard.queue, *heard.outcome) == (DIRECT, "succeeded", "ok")
    assert his.inbox.empty()


async def test_a_queue_the_broker_named_gets_its_answer(stage: BusStage, his: RawHis) -> None:
    declared = await his.channel.queue_declare("", exclusive=True)
    assert declared.queue is not None
    assert declared.queue.startswith("amq.gen-")
    await his.read(declared.queue)
    heard = await his.ask(frame(), reply_to=declared.queue)
    assert (heard.queue, *heard.outcome) == (declared.queue, "succeeded", "ok")


@pytest.mark.parametrize(
    "address",
    [
        reply_queue(SECOND),
        f"{reply_queue(SECOND)}.cashier-7",
        f"{OWN}x",
        OWN.upper(),
        "yibao.2207",
        PARKED_QUEUE,
        "anything",
        " ",
    ],
)
async def test_an_address_that_is_not_the_hospitals_is_refused_on_its_own_queue(
    stage: BusStage, outside: RawHis, address: str
) -> None:
    before = await depth(stage, PARKED_QUEUE)
    async with raw_his(stage.his_url(SECOND), SECOND) as stranger:
        heard = await outside.ask(frame(), reply_to=address)
        assert (heard.queue, *heard.outcome) == (OWN, "invalid", "bad_reply_to")
        assert stranger.inbox.empty()
    assert await depth(stage, PARKED_QUEUE) == before


async def test_an_answer_whose_queue_is_not_there_is_parked_and_told_again(
    stage: BusStage, his: RawHis
) -> None:
    page = await asyncio.to_thread(stage.start_measured_worker)
    await asyncio.to_thread(end, stage.workers.pop(0))
    nobody = f"{OWN}.nobody"
    await his.send(frame(), request_key("1201", FIRST), reply_to=nobody, message_id="m-nobody")
    parked = await until(lambda: taken(stage, "reply_unroutable"))
    assert parked.headers["x-original-queue"] == nobody
    assert parked.headers["idempotency-key"] == "m-nobody"
    figures = await asyncio.to_thread(measured, page)
    assert figures["yibao_unroutable_replies_total"] == 1
    assert figures['yibao_parked_total{reason="reply_unroutable"}'] == 1
    again = await his.ask(frame(), message_id="m-nobody")
    assert again.outcome == ("succeeded", "ok")


async def taken(stage: BusStage, reason: str) -> Basic.Properties | None:
    """Properties of a parked message of this reason."""
    connection = await aiormq.connect(stage.admin_url)
    message = await (await connection.channel()).basic_get(PARKED_QUEUE, no_ack=True)
    await connection.close()
    properties: Any = message.header.properties
    headers = properties.headers if message.delivery_tag else {}
    return properties if headers.get("x-park-reason") == reason else None


async def depth(stage: BusStage, queue: str) -> int:
    """How many messages wait in a queue."""
    connection = await aiormq.connect(stage.admin_url)
    declared = await (await connection.channel()).queue_declare(queue, passive=True)
    await connection.close()
    return declared.message_count or 0
