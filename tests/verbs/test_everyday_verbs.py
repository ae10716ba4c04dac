"""``parked``, ``topology`` and ``schema`` as an operator types them beside a running bus."""

import asyncio

import pytest

from bus.topology import reply_queue, request_key
from tests.consumers.bus_stage import FIRST, BusStage, Program, until
from tests.door.raw_his import frame, raw_his
from tests.verbs.conftest import Operator, Said


async def parked_once(yibao: Operator, *words: str) -> Said | None:
    """The list, as soon as there is something on it."""
    said = await yibao("parked", "list", "--json", *words)
    return said if said.json else None


async def test_a_reply_without_a_queue_is_sent_on_once_the_queue_is_there(
    yibao: Operator, stage: BusStage
) -> None:
    late = f"{reply_queue(FIRST)}.late"
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        await his.send(frame(), request_key("1201", FIRST), reply_to=late, message_id="late-1")
        listed = await until(lambda: parked_once(yibao, "--reason", "reply_unroutable"))
        (facts,) = listed.json
        assert facts["queue"] == late
        shown = await yibao("parked", "show", facts["id"])
        assert shown.code == 0
        assert "idempotency-key: late-1" in shown.out
        assert "fixmedins" not in shown.out
        await his.own_queue("late")
        await his.read(late)
        replayed = await yibao("parked", "replay", facts["id"])
        assert (replayed.code, replayed.out.splitlines()[-1]) == (0, "1 sent on again")
        heard = await his.next()
    assert (heard.queue, *heard.outcome) == (late, "succeeded", "ok")
    assert (await yibao("parked", "list", "--json")).json == []


async def test_a_strangers_request_is_parked_again_after_a_replay(
    yibao: Operator, stage: BusStage
) -> None:
    async with raw_his(stage.admin_url, FIRST) as admin:
        await admin.send(frame(), request_key("1201", "H99999999999"), message_id="stranger-1")
    listed = await until(lambda: parked_once(yibao, "--reason", "unknown_tenant"))
    before = listed.json[0]
    assert (await yibao("parked", "replay", "--all")).code == 0
    listed = await until(lambda: parked_once(yibao))
    (after,) = listed.json
    assert after["message_id"] == before["message_id"] == "stranger-1"
    assert after["parked_at"] > before["parked_at"]
    assert (await yibao("parked", "show", "000000000000")).code == 1
    assert (await yibao("parked", "replay")).code == 2


async def test_what_a_running_worker_declared_is_what_should_be_there(yibao: Operator) -> None:
    checked = await yibao("topology", "check")
    assert (checked.code, checked.out) == (0, "the broker has it all\n")
    assert (await yibao("topology", "apply", "--json")).code == 0
    shown = await yibao("topology", "show")
    assert "yibao.requests --2207.*--> yibao.2207\n" in shown.out
    assert (await yibao("topology", "remove")).code == 2


async def test_without_a_broker_a_verb_says_so_and_exits_with_3(
    yibao: Operator, stage: BusStage
) -> None:
    text = stage.config.read_text("utf-8")
    broken = text.replace(f"127.0.0.1:{stage.node.port}/", "127.0.0.1:9/")
    stage.config.write_text(broken, encoding="utf-8")
    try:
        for words in (("parked", "list"), ("topology", "check"), ("topology", "apply")):
            said = await yibao(*words)
            assert (said.code, said.out) == (3, "")
            assert "cannot reach a service" in said.err
            assert "Traceback" not in said.err
    finally:
        stage.config.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("verb", ["trace x", "held", "doctor"])
async def test_without_a_journal_a_verb_says_so(
    yibao: Operator, stage: BusStage, verb: str
) -> None:
    text = stage.config.read_text("utf-8")
    path = str(stage.base / "journal.sqlite3")
    stage.config.write_text(text.replace(path, "/proc/journal.sqlite3"), encoding="utf-8")
    try:
        said = await yibao(*verb.split())
    finally:
        stage.config.write_text(text, encoding="utf-8")
    assert said.code == (1 if verb == "doctor" else 3)
    assert "Traceback" not in said.err


async def test_the_catalogue_is_listed_shown_and_exported(yibao: Operator) -> None:
    listed = await yibao("schema", "list")
    shown = await yibao("schema", "show", "2207", "--profile", "hunan")
    exported = await yibao("schema", "export", "2207")
    assert (listed.code, shown.code, exported.code) == (0, 0, 0)
    assert "2207A" in listed.out
    assert shown.out.startswith("2207 门诊结算")
    assert exported.json["$schema"].endswith("2020-12/schema")
    assert (await yibao("schema", "show", "9999")).code == 2


async def test_every_verb_works_as_a_program_of_its_own(yibao: Operator, pharmacy: Program) -> None:
    told = await yibao.customers.purchase(pharmacy, "as-a-program")
    ways = {
        ("trace", told.msgid): "as-a-program",
        ("held",): "nothing is held",
        ("doctor",): "[ok ] journal",
        ("topology", "check"): "the broker has it all",
        ("parked", "list", "--reason", "none"): "0 parked",
    }
    said = await asyncio.gather(*(yibao.program(*words) for words in ways))
    for one, wanted in zip(said, ways.values(), strict=True):
        assert (one.code, one.err) == (0, "")
        assert wanted in one.out
