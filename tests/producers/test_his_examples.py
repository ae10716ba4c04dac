"""The examples of the contract run against the real broker, in both languages."""

import asyncio
import json
from pathlib import Path

import pytest

from producers import FileKeyStore
from schemas.catalogue import load
from tests.producers.his_access import HisAccess, through_proxy
from tests.producers.his_examples import EXAMPLES, INPUT, Example, unpack
from tests.producers.his_responder import Responder


@pytest.fixture(params=["python", "javascript"])
async def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    return await unpack(request.param, tmp_path)


def test_the_example_input_follows_the_specification_in_every_region() -> None:
    content = json.loads(INPUT.read_text("utf-8"))
    for profile in ("yunnan", "hunan"):
        assert load(profile)["2207"].faults(content) == ()


def test_the_lock_file_names_no_host() -> None:
    folder = EXAMPLES / "javascript"
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text("utf-8")
    assert "://" not in (folder / "package-lock.json").read_text("utf-8")


async def test_an_example_settles_once_however_often_it_is_run(
    example: Example, his: HisAccess, responder: Responder
) -> None:
    first = await example.settle(his, "bill/1")
    assert first.code == 0, first.said
    second = await example.settle(his, "bill/1")
    assert first.reply == second.reply
    assert first.reply is not None
    assert first.reply["status"] == "succeeded"
    assert responder.executed == {"bill/1": 1}
    one, two = responder.seen
    assert (one.body, one.headers) == (two.body, two.headers)
    body = json.loads(one.body)
    assert body["input"] == json.loads(INPUT.read_text("utf-8"))
    assert one.user_id
    assert one.type == "2207"


async def test_an_example_tells_a_refusal_a_doubt_and_an_unsent_request_apart(
    example: Example, his: HisAccess, responder: Responder
) -> None:
    responder.code = "refused"
    assert (await example.settle(his, "bill-1")).code == 1
    responder.code = "settling"
    assert (await example.settle(his, "bill-2")).code == 4
    unsent = await example.settle(his, "bill-3", infno="9999")
    assert (unsent.code, unsent.reply) == (3, None)
    assert "nothing was sent" in unsent.said


async def test_an_example_refuses_other_content_under_an_old_key(
    example: Example, his: HisAccess, responder: Responder, tmp_path: Path
) -> None:
    await example.settle(his, "bill-1")
    other = tmp_path / "other.json"
    other.write_text('{"data": {"psn_no": "2"}}', encoding="utf-8")
    refused = await example.settle(his, "bill-1", file=other)
    assert refused.code not in (0, 4)
    assert "new key" in refused.said
    assert responder.asked == {"bill-1": 1}


async def test_an_example_asks_again_after_a_lost_connection(
    example: Example, his: HisAccess, responder: Responder
) -> None:
    responder.may_answer.clear()
    async with through_proxy(his) as (proxy, near):
        running = asyncio.create_task(example.settle(near, "bill-1"))
        await responder.arrival(1)
        proxy.reset()
        await responder.arrival(2)
        responder.may_answer.set()
        ran = await running
    assert ran.code == 0, ran.said
    assert "asking again" in ran.said
    assert responder.executed == {"bill-1": 1}


async def test_an_example_and_our_client_speak_of_the_same_request(
    example: Example, his: HisAccess, responder: Responder, keys: FileKeyStore
) -> None:
    await example.settle(his, "bill-1")
    seen = responder.seen[0]
    assert seen.reply_to == f"yibao.replies.{his.tenant}.example-{example.name}"
    assert seen.headers.keys() == {"idempotency-key", "deadline"}
    assert seen.delivery_mode == 2
