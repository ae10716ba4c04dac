"""A hospital that publishes under another's name, by every way the broker leaves open, gets nothing
done, is told nothing of the other's, and makes the other be told nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bus.topology import PARKED_QUEUE, REQUESTS_EXCHANGE, reply_queue, request_key, request_queue
from tests.consumers.bus_stage import FIRST, SECOND, BusStage, calls_of, until
from tests.door.raw_his import DIRECT, RawHis, frame, raw_his, serves

KEY = request_key("1201", FIRST)
REASON = "unproved_tenant"


@pytest.fixture
async def forger(stage: BusStage, his: RawHis) -> AsyncIterator[RawHis]:
    """The second hospital. Afterwards the first one has had no call, no reply, and is served."""
    before = await calls_of(stage, "1201", FIRST)
    async with raw_his(stage.his_url(SECOND), SECOND, DIRECT) as one:
        yield one
        assert one.inbox.empty()
    assert his.inbox.empty()
    assert await calls_of(stage, "1201", FIRST) == before
    await serves(his)


async def parked(stage: BusStage, message_id: str) -> dict[str, Any]:
    """Headers of the parked message of this id, once it is there; others are thrown away."""
    async with raw_his(stage.admin_url, FIRST, DIRECT) as admin:

        async def one() -> Any:
            message = await admin.channel.basic_get(PARKED_QUEUE, no_ack=True)
            properties = message.header.properties if message.delivery_tag else None
            return properties and properties.message_id == message_id and properties.headers

        found: dict[str, Any] = await until(one)
    return found


async def own_exchange(forger: RawHis, name: str, **arguments: str) -> str:
    """An exchange of the forger's own: its right to declare queues of a name is one to declare
    exchanges of that name."""
    exchange = f"{reply_queue(SECOND)}.{name}"
    given: Any = {each.replace("_", "-"): value for each, value in arguments.items()}
    await forger.channel.exchange_declare(exchange, exchange_type="topic", arguments=given)
    return exchange


async def bound_exchange(forger: RawHis) -> str:
    """An exchange that hands everything on to the requests."""
    exchange = await own_exchange(forger, "bound")
    await forger.channel.exchange_bind(
        destination=REQUESTS_EXCHANGE, source=exchange, routing_key="#"
    )
    return exchange


async def test_by_an_exchange_of_its_own_bound_to_the_requests(
    stage: BusStage, forger: RawHis
) -> None:
    exchange = await bound_exchange(forger)
    await forger.send(frame(), KEY, exchange, message_id="f-bound", reply_to=DIRECT)
    headers = await parked(stage, "f-bound")
    assert headers["x-park-reason"] == REASON
    assert headers["x-original-routing-key"] == KEY
    assert headers["x-original-user-id"] == forger.user


async def test_by_an_exchange_of_its_own_whose_alternate_are_the_requests(
    stage: BusStage, forger: RawHis
) -> None:
    exchange = await own_exchange(forger, "alternate", alternate_exchange=REQUESTS_EXCHANGE)
    await forger.send(frame(), KEY, exchange, message_id="f-alternate", reply_to=DIRECT)
    assert (await parked(stage, "f-alternate"))["x-park-reason"] == REASON


async def test_by_a_queue_of_its_own_that_dead_letters_into_the_requests(
    stage: BusStage, forger: RawHis
) -> None:
    trap = await forger.own_queue(
        "forger",
        **{
            "x-dead-letter-exchange": REQUESTS_EXCHANGE,
            "x-dead-letter-routing-key": KEY,
            "x-message-ttl": 1,
        },
    )
    exchange = await own_exchange(forger, "trap")
    await forger.channel.queue_bind(trap, exchange, "#")
    await forger.send(frame(), KEY, exchange, message_id="f-dead", reply_to=DIRECT)
    headers = await parked(stage, "f-dead")
    assert (headers["x-park-reason"], headers["x-original-routing-key"]) == (REASON, KEY)


async def test_without_saying_who_publishes(stage: BusStage, forger: RawHis) -> None:
    exchange = await bound_exchange(forger)
    await forger.send(frame(), KEY, exchange, user_id=None, message_id="f-nobody", reply_to=DIRECT)
    headers = await parked(stage, "f-nobody")
    assert (headers["x-park-reason"], headers["x-original-user-id"]) == (REASON, "")


async def test_with_headers_as_the_bus_itself_would_write_them(
    stage: BusStage, forger: RawHis, his: RawHis
) -> None:
    exchange = await bound_exchange(forger)
    headers: Any = {
        "x-original-user-id": his.user,
        "x-death": [{"queue": "yibao.retry.30", "reason": "expired", "count": 1}],
        "x-first-death-queue": "yibao.retry.30",
    }
    await forger.send(frame(), KEY, exchange, headers=headers, message_id="f-x", reply_to=DIRECT)
    found = await parked(stage, "f-x")
    assert (found["x-park-reason"], found["x-original-user-id"]) == (REASON, forger.user)


async def test_with_an_expiration_that_takes_it_past_the_request_queue(
    stage: BusStage, forger: RawHis
) -> None:
    exchange = await bound_exchange(forger)
    stage.kill_workers()
    await forger.send(frame(), KEY, exchange, expiration="1", message_id="f-late", reply_to=DIRECT)
    await asyncio.to_thread(stage.start_worker)
    assert (await parked(stage, "f-late"))["x-park-reason"] == REASON


async def test_about_the_others_key_with_the_others_reply_queue_as_address(
    stage: BusStage, forger: RawHis, his: RawHis
) -> None:
    """A refusal that reached the other would say "nothing was sent" of a request that was."""
    exchange = await bound_exchange(forger)
    await forger.send(
        b"not json",
        KEY,
        exchange,
        message_id="f-key",
        headers={"idempotency-key": "bill-of-the-first"},
        reply_to=reply_queue(FIRST),
        correlation_id="bill-of-the-first",
    )
    assert (await parked(stage, "f-key"))["x-park-reason"] == REASON
    assert his.inbox.empty()


async def test_and_replaying_what_was_parked_does_not_make_it_the_others(
    stage: BusStage, forger: RawHis
) -> None:
    exchange = await bound_exchange(forger)
    await forger.send(frame(), KEY, exchange, message_id="f-again", reply_to=DIRECT)

    async def replayed() -> bool:
        done = await asyncio.to_thread(stage.yibao, "parked", "list", "--json")
        ids = [each["id"] for each in json.loads(done.stdout) if each["message_id"] == "f-again"]
        if not ids:
            return False
        again = await asyncio.to_thread(stage.yibao, "parked", "replay", ids[0])
        assert again.returncode == 0, again.stderr
        return True

    await until(replayed)
    headers = await parked(stage, "f-again")
    assert (headers["x-park-reason"], headers["x-original-user-id"]) == (REASON, forger.user)


async def test_a_replayed_request_of_its_own_sender_is_done(stage: BusStage, his: RawHis) -> None:
    """The case beside: the message came from whom it names, and only then the file knew him."""
    text = stage.config.read_text("utf-8")
    listed, unlisted = f'users = ["{his.user}"]', 'users = ["somebody-else"]'
    assert listed in text
    try:
        stage.config.write_text(text.replace(listed, unlisted), encoding="utf-8")
        stage.kill_workers()
        await asyncio.to_thread(stage.start_worker)
        await his.send(frame(), KEY, message_id="f-own")

        async def number() -> str:
            done = await asyncio.to_thread(stage.yibao, "parked", "list", "--json")
            found = {each["message_id"]: each["id"] for each in json.loads(done.stdout)}
            return str(found.get("f-own", ""))

        one = await until(number)
    finally:
        stage.config.write_text(text, encoding="utf-8")
    stage.kill_workers()
    await asyncio.to_thread(stage.start_worker)
    assert his.inbox.empty()
    assert (await asyncio.to_thread(stage.yibao, "parked", "replay", one)).returncode == 0
    assert (await his.next()).outcome == ("succeeded", "ok")


async def test_with_copies_to_others_the_request_stays_the_senders(
    stage: BusStage, his: RawHis
) -> None:
    """Some brokers check topic permission for the first routing key only, not for copies."""
    before = await calls_of(stage, "1201", FIRST)
    own = request_key("1201", SECOND)
    async with raw_his(stage.his_url(SECOND), SECOND) as other:
        copies: Any = {"CC": [KEY, request_key("2301", FIRST)]}
        heard = await other.ask(frame(content=institution(SECOND)), headers=copies, reply_to="")
        assert heard.outcome == ("succeeded", "ok")
    await until(lambda: drained(stage, request_queue("2301", FIRST)))
    assert own != KEY
    assert his.inbox.empty()
    assert await calls_of(stage, "1201", FIRST) == before


def institution(code: str) -> Any:
    """The input of a 1201 about a hospital."""
    name = "示例市第二医院"
    return {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": name, "fixmedins_code": code}}


async def drained(stage: BusStage, queue: str) -> bool:
    """Whether nothing waits in a queue."""
    async with raw_his(stage.admin_url, FIRST, DIRECT) as admin:
        return (await admin.channel.queue_declare(queue, passive=True)).message_count == 0


async def test_the_same_key_under_its_own_name_is_another_request(
    stage: BusStage, his: RawHis
) -> None:
    """Keys are an institution's own: nobody is told the stored reply of another's."""
    key = {"idempotency-key": "bill-shared"}
    bad = await his.ask(b"{}", headers=key)
    good = await his.ask(frame(), headers=key)
    async with raw_his(stage.his_url(SECOND), SECOND) as other:
        heard = await other.ask(frame(content=institution(SECOND)), headers=key)
    assert bad.outcome == ("invalid", "malformed")
    assert good.outcome == heard.outcome == ("succeeded", "ok")
    assert good.reply.msgid.startswith(FIRST)
    assert heard.reply.msgid.startswith(SECOND)
