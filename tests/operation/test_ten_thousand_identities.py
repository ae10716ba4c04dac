"""Ten thousand identities go through the real bus, most of them where they go wrong; no log, no
figure, no parked header, no verb and no byte of the journal's files shows one."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from bus.journal.port import FindBy
from bus.topology import PARKED_QUEUE, reply_queue, request_key
from compose.demo.stage import end
from compose.demo.visits import PILLS
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    PHARMACY,
    BusStage,
    hospital,
    journal_of,
    newcomer,
    program,
    until,
)
from tests.door.raw_his import DIRECT, RawHis, frame, raw_his
from tests.operation import faulty_worker
from tests.operation.planted_people import KINDS, People, traces, traces_in_bytes

pytestmark = pytest.mark.timeout(180)

IN_ONE = 60
"""Identities of one message."""
EACH = 25
"""Messages of each kind."""
REASONS = {"unknown_tenant", "unproved_tenant", "worker_fault", "reply_unroutable"}


class FaultyStage(BusStage):
    """Its worker fails at the requests of one operator."""

    def worker_command(self) -> list[str]:
        """The worker with its fault."""
        module = str(Path(faulty_worker.__file__))
        return [sys.executable, module, "serve", "--config", str(self.config)]


class Trail:
    """What happened."""

    def __init__(self) -> None:
        self.people = People()
        self.codes: list[str] = []
        self.page = ""
        self.keys: list[str] = []


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A stage whose worker logs all it can."""
    extra = 'recovery = { 2102 = "escalate" }\n'
    with FaultyStage(tmp_path_factory.mktemp("thousands"), broker_node, extra=extra) as one:
        end(one.workers.pop())
        yield one


@pytest.fixture(scope="module")
def trail(stage: BusStage) -> Trail:
    """All of them have been there, and the queues are empty again."""
    trail = Trail()
    page = stage.start_measured_worker()
    asyncio.run(everything(stage, trail, page))
    return trail


async def everything(stage: BusStage, trail: Trail, page: str) -> None:
    """Every way in which a message can go wrong, each with identities in each of its parts."""
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        await refused(his, trail)
        await unreadable(his, trail)
    async with raw_his(stage.admin_url, FIRST, DIRECT) as admin:
        await strangers(admin, trail)
    async with raw_his(stage.his_url(FIRST), FIRST, DIRECT) as his:
        await unroutable(his, trail)
        await exceptions(his, trail)
    await centre_texts(stage, trail)
    await until(lambda: all_parked(stage))
    async with ClientSession() as session, session.get(page) as answer:
        trail.page = await answer.text()


async def refused(his: RawHis, trail: Trail) -> None:
    """Requests that break the contract: wrong values, unknown fields, fields named by people."""
    for number in range(EACH):
        fields = trail.people.some(IN_ONE)
        odd = {trail.people.one("certno"): {trail.people.one("psn_name"): fields}}
        content = {"data": {**fields[0], "mdtrt_cert_type": trail.people.one("certno"), **odd}}
        heard = await his.ask(
            frame(
                "2207",
                content,
                opter=trail.people.one("tel") * 3,
                desk=trail.people.one("psn_name"),
            ),
            "2207",
            message_id=f"refused-{number}",
        )
        trail.codes.append(heard.reply.code)


async def unreadable(his: RawHis, trail: Trail) -> None:
    """Bodies that are no JSON, and properties that are people's."""
    for _ in range(EACH):
        people = trail.people
        cut = json.dumps(people.some(IN_ONE), ensure_ascii=False).encode()[:-1]
        heard = await his.ask(
            cut,
            message_id=people.one("certno"),
            correlation_id=people.one("psn_no"),
            headers={"idempotency-key": people.one("psn_name"), "x-patient": people.one("tel")},
        )
        trail.codes.append(heard.reply.code)


async def strangers(admin: RawHis, trail: Trail) -> None:
    """Requests of an unknown hospital, and of a user who is not the hospital's."""
    for key in (request_key("2207", "H99999999999"), request_key("1201", FIRST)):
        for _ in range(EACH):
            people = trail.people
            headers: Any = {
                "idempotency-key": people.one("certno"),
                "x-name": people.one("psn_name"),
            }
            headers["deadline"] = people.one("card_no")
            headers["traceparent"] = people.one("psn_no")
            await admin.send(
                frame("2207", {"data": people.some(IN_ONE)}),
                key,
                headers=headers,
                message_id=people.one("tel"),
                correlation_id=people.one("psn_no"),
                message_type=people.one("mdtrt_cert_no"),
                reply_to=people.one("certno"),
            )


async def unroutable(his: RawHis, trail: Trail) -> None:
    """Replies whose queue is not there, about keys that are people's."""
    key = request_key("1201", FIRST)
    for number in range(EACH):
        people = trail.people
        await his.send(
            frame(opter_name=people.one("psn_name"), note=people.some(IN_ONE)),
            key,
            reply_to=f"{reply_queue(FIRST)}.{people.one('certno')}",
            correlation_id=people.one("psn_no"),
            message_id=f"nobody-{number}",
            headers={"idempotency-key": people.one("certno")},
        )


async def exceptions(his: RawHis, trail: Trail) -> None:
    """A fault of ours that quotes the request."""
    for number in range(EACH):
        info = {"fixmedins_type": "1", "fixmedins_name": trail.people.one("psn_name")}
        content = {
            "medinsinfo": {**info, "fixmedins_code": FIRST},
            "people": trail.people.some(IN_ONE),
        }
        body = frame(
            "1201", content, opter=faulty_worker.OPERATOR, opter_name=trail.people.one("psn_name")
        )
        await his.send(body, request_key("1201", FIRST), message_id=f"fault-{number}")


async def centre_texts(stage: BusStage, trail: Trail) -> None:
    """Money requests with people in them, which the centre refuses in words with people in them;
    one is left for a person to decide."""
    async with program(stage, PHARMACY) as his:
        visit = await hospital(stage, his).with_card(newcomer(stage))
        for number in range(EACH):
            asked = visit.purchase([PILLS])
            asked["memo_of_people"] = trail.people.some(IN_ONE)
            said = f"FSI-{trail.people.text(IN_ONE)}未登记[sbxSysBO_998]"
            hospital(stage, his).fault("2102", "refuse_with", err_msg=said)
            key = f"words-{number}"
            told = await visit.ask("2102", asked, key=key)
            trail.codes.append(told.code)
            trail.keys.append(key)
        hospital(stage, his).fault("2102", "half_body")
        held = visit.purchase([PILLS])
        held["memo_of_people"] = trail.people.some(IN_ONE)
        trail.codes.append((await visit.ask("2102", held, key="words-held")).code)
        trail.keys.append("words-held")


async def all_parked(stage: BusStage) -> bool:
    """Whether everything that is to be parked is."""
    async with raw_his(stage.admin_url, FIRST, DIRECT) as admin:
        declared = await admin.channel.queue_declare(PARKED_QUEUE, passive=True)
        return declared.message_count == 4 * EACH


def test_ten_thousand_went_in_by_every_way(trail: Trail) -> None:
    assert trail.people.planted.total() >= 10_000
    assert set(trail.people.planted) == set(KINDS)
    assert min(trail.people.planted.values()) > 1_000
    assert {"fields", "malformed", "refused", "held"} <= set(trail.codes)


def test_the_search_finds_what_is_there() -> None:
    people = People()
    for kind in KINDS:
        one = people.one(kind)
        assert traces(f"before {one} after")
        assert traces(json.dumps({"name": one}))
        assert traces_in_bytes(one.encode("gb18030"))
    assert traces("nothing at all") == []
    assert traces_in_bytes(bytes(range(256))) == []


def test_no_process_logged_one(stage: BusStage, trail: Trail) -> None:
    assert trail.codes
    logs = [*stage.base.glob("*.log"), *stage.node.log.rglob("*.log*")]
    assert {log.name.partition("-")[0] for log in logs} >= {"serve", "sandbox"}
    said = "\n".join(log.read_text("utf-8") for log in logs)
    assert said.count("worker_fault") >= EACH
    assert traces(said) == []


def test_the_figures_show_none(trail: Trail) -> None:
    assert 'yibao_parked_total{reason="worker_fault"}' in trail.page
    assert traces(trail.page) == []


async def test_no_parked_message_shows_one_beside_its_body(stage: BusStage, trail: Trail) -> None:
    assert trail.keys
    seen: list[str] = []
    bodies = 0
    async with raw_his(stage.admin_url, FIRST, DIRECT) as admin:
        while (message := await admin.channel.basic_get(PARKED_QUEUE)).delivery_tag:
            properties: Any = message.header.properties
            seen.append(repr(dict(properties)))
            bodies += bool(traces(message.body.decode()))
    assert len(seen) == 4 * EACH
    assert bodies == 3 * EACH, "requests are kept whole for a replay, replies here hold none"
    assert {reason for reason in REASONS if any(reason in each for each in seen)} == REASONS
    assert traces("\n".join(seen)) == []


@pytest.mark.parametrize("style", [(), ("--json",)])
async def test_no_verb_shows_one(stage: BusStage, trail: Trail, style: tuple[str, ...]) -> None:
    def ask(*words: str) -> "subprocess.CompletedProcess[str]":
        return stage.yibao(*words, *style)

    listing = json.loads((await asyncio.to_thread(stage.yibao, "parked", "list", "--json")).stdout)
    ids = {each["reason"]: each["id"] for each in listing}
    commands = [("held",), ("doctor",), ("parked", "list"), ("trace", "words-held")]
    commands += [("trace", "words-0"), ("topology", "check")]
    commands += [("parked", "show", ids[reason]) for reason in sorted(REASONS)]
    done = await asyncio.gather(*(asyncio.to_thread(ask, *words) for words in commands))
    assert {each.returncode for each in done} <= {0, 1}
    said = "\n".join(each.stdout + each.stderr for each in done)
    assert "words-held" in said
    assert traces(said) == []


async def test_the_journals_files_hold_all_and_show_none(stage: BusStage, trail: Trail) -> None:
    async with journal_of(stage) as journal:
        kept = [one for key in trail.keys for one in await journal.find(FindBy(key=key))]
    assert len(kept) == len(trail.keys)
    assert all(traces(one.request.decode()) for one in kept)
    assert sum(bool(traces(one.reply.decode())) for one in kept) >= EACH
    files = sorted(stage.base.glob("journal.sqlite3*"))
    assert {file.suffix for file in files} >= {".sqlite3", ".sqlite3-wal"}
    assert {file.name: traces_in_bytes(file.read_bytes()) for file in files} == {
        file.name: [] for file in files
    }
