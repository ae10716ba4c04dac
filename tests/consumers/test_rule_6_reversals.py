"""Rule 6: doubtful money is looked at, reversed by bounded tries and proved, or held."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from compose.demo.story import Hospital
from compose.demo.visits import CAPSULES, CT
from compose.node import PrivateNode
from producers.wire import Answer, read_reply
from tests.consumers.bus_stage import (
    FIRST,
    PHARMACY,
    QUICK,
    SECOND,
    Books,
    BusStage,
    Program,
    admin,
    agree,
    books_of,
    calls_of,
    hospital,
    live_settlements,
    measured,
    newcomer,
    program,
    until,
)

pytestmark = pytest.mark.timeout(150)
"""The first test carries the fixture in which all scenes are played."""

ITEMS = [CAPSULES, CT]
IMPATIENT = msgspec.structs.replace(QUICK, patience_s=1.0, money_s=1.0, centre_s=0.5)
LOST = ("2207", "lose_answer", 1)
NEVER_DONE = ("2207", "timeout_before_commit", 1)
BLIND = ("5204", "http_502_before", 3)
"""The looks fail until the bus prefers a 2601."""
PARAMS = {"late_commit": {"after_s": 2.5, "clock": "real"}}
"""After the bus has given up, within the time in which the centre may still commit."""

SCENES: dict[str, dict[str, tuple[tuple[str, str, int], ...]]] = {
    FIRST: {
        "refused": (LOST, BLIND, ("2601", "refuse_reversal", 1)),
        "not_done": (LOST, BLIND, ("2601", "reversal_not_done", 1)),
        "nothing": (NEVER_DONE,),
    },
    SECOND: {
        "lost_after": (LOST, BLIND, ("2601", "lose_answer", 1)),
        "lost_before": (LOST, BLIND, ("2601", "timeout_before_commit", 1)),
    },
    PHARMACY: {
        "late": (("2207", "late_commit", 1), ("2601", "reversal_not_done", 1)),
        "held": (LOST, BLIND, ("2601", "refuse_reversal", 99)),
    },
}


class Scene(msgspec.Struct, frozen=True):
    """What came of one: the first reply, the last word, the books, the 2601 the centre had."""

    first: Answer
    last: Answer
    books: Books
    reversals: tuple[dict[str, Any], ...]
    again: bytes
    mdtrt_id: str


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A bus that does not keep its callers waiting for a doubt to be resolved."""
    base = tmp_path_factory.mktemp("stage")
    breaker = "\n[gateways.centre.breaker]\nfailures = 1000\n"
    with BusStage(base, broker_node, timing=IMPATIENT, extra=breaker) as one:
        yield one


@pytest.fixture(scope="module")
def scenes(stage: BusStage) -> dict[str, Scene]:
    """All scenes, the hospitals side by side."""
    return asyncio.run(play_all(stage))


async def play_all(stage: BusStage) -> dict[str, Scene]:
    found = await asyncio.gather(*(play_at(stage, tenant) for tenant in SCENES))
    return {name: scene for scenes in found for name, scene in scenes.items()}


async def play_at(stage: BusStage, tenant: str) -> dict[str, Scene]:
    async with program(stage, tenant) as his:
        desk = hospital(stage, his)
        return {name: await play(desk, his, faults) for name, faults in SCENES[tenant].items()}


async def play(desk: Hospital, his: Program, faults: tuple[tuple[str, str, int], ...]) -> Scene:
    """One settlement that meets the faults; its outcome is waited for, never asked for."""
    stage = desk.stage
    visit = await desk.with_card(await asyncio.to_thread(newcomer, stage))
    asked = await desk.outpatient(visit, ITEMS)
    for infno, fault, times in faults:
        rule = {"infno": infno, "fault": fault, "times": times, "tenant": desk.tenant}
        await admin(stage, "/faults", {**rule, "params": PARAMS.get(fault, {})})
    first = await visit.ask("2207", asked)

    async def over() -> Answer | None:
        told = [read_reply(body, first.key) for body in his.told[first.key]]
        books = await books_of(stage, first.key, desk.tenant)
        held = told[-1].code == "held" and not books.record.event_due
        return told[-1] if told[-1].status.is_final or held else None

    last: Answer = await until(over)
    books = await books_of(stage, first.key, desk.tenant)
    async with program(stage, desk.tenant) as other:
        insuplc = visit.patient.insuplc
        await other.call("2207", asked, key=first.key, insuplc_admdvs=insuplc)
        again = other.told[first.key][0]
    sent = await calls_of(stage, "2601", desk.tenant)
    reversals = tuple(call for call in sent if call["omsgid"] == first.msgid)
    return Scene(first, last, books, reversals, again, visit.mdtrt_id)


def order(scene: Scene, *steps: str) -> bool:
    """Whether the steps come in this order in the story, others between them or not."""
    story = iter(scene.books.steps)
    return all(step in story for step in steps)


@pytest.mark.parametrize(
    "name", ["refused", "not_done", "lost_after", "lost_before", "nothing", "late"]
)
def test_a_doubt_is_told_as_such_and_its_outcome_follows_as_an_event_and_under_the_same_key(
    name: str, scenes: dict[str, Scene], stage: BusStage
) -> None:
    scene = scenes[name]
    assert scene.first.status == "in_doubt"
    assert scene.last.status == "reversed"
    agree(scene.last, scene.books)
    assert scene.again == scene.books.record.reply
    assert live_settlements(stage, scene.mdtrt_id) == 0
    assert {call["infno"] for call in scene.books.calls} == {"2207"}


@pytest.mark.parametrize(
    ("name", "heard"), [("refused", "reversal_refused"), ("not_done", "reversal_taken")]
)
def test_a_reversal_that_the_centre_did_not_do_is_seen_by_the_look_and_made_again(
    name: str, heard: str, scenes: dict[str, Scene]
) -> None:
    scene = scenes[name]
    assert order(scene, "reverse", "reversal_sent", heard, "done", "reversal_sent")
    assert [call["committed"] for call in scene.reversals] == [False, True]
    assert len({call["msgid"] for call in scene.reversals}) == 2
    assert scene.books.record.reversal_msgid == scene.reversals[-1]["msgid"]
    stored = [line.detail for line in scene.books.story if line.what == "reversal_sent"]
    assert stored == [call["msgid"] for call in scene.reversals]
    assert scene.last.code == "reversed"


def test_a_reversal_that_was_taken_before_the_centre_committed_is_no_proof(
    scenes: dict[str, Scene],
) -> None:
    scene = scenes["late"]
    assert order(scene, "reversal_taken", "not_yet", "done", "reversal_sent", "reversal_taken")
    assert [call["committed"] for call in scene.reversals] == [False, True]
    assert scene.books.centre["undone_by"]


def test_a_reversal_whose_answer_is_lost_is_looked_at_and_not_sent_again(
    scenes: dict[str, Scene],
) -> None:
    scene = scenes["lost_after"]
    assert [call["committed"] for call in scene.reversals] == [True]
    assert order(scene, "reversal_sent", "reversal_unclear", "not_yet", "not_done")
    assert scene.books.steps.count("reversal_sent") == 1


def test_a_reversal_lost_on_its_way_is_sent_again_only_when_the_first_cannot_be_done_any_more(
    scenes: dict[str, Scene], stage: BusStage
) -> None:
    scene = scenes["lost_before"]
    assert [call["committed"] for call in scene.reversals] == [False, True]
    assert order(scene, "reversal_unclear", "not_yet", "done", "reversal_sent", "reversal_taken")
    first, second = scene.reversals
    waited_ms = second["at_ms"] - first["at_ms"]
    assert waited_ms >= (stage.timing.money_s + stage.timing.centre_s) * 1000


def test_nothing_to_reverse_is_believed_only_after_the_centres_own_time_out(
    scenes: dict[str, Scene], stage: BusStage
) -> None:
    scene = scenes["nothing"]
    assert order(scene, "unclear", "look", "reverse", "reversal_sent", "reversal_nothing")
    assert order(scene, "reversal_nothing", "not_yet", "not_done")
    record = scene.books.record
    believed = next(line.at_ms for line in scene.books.story if line.what == "not_done")
    assert believed >= record.in_flight_until_ms + int(stage.timing.centre_s * 1000)
    assert len(scene.reversals) == 1


def test_what_no_reversal_undoes_is_held_listed_and_announced_but_never_told_as_final(
    scenes: dict[str, Scene], stage: BusStage
) -> None:
    scene = scenes["held"]
    assert (scene.last.status, scene.first.status) == ("in_doubt", "in_doubt")
    assert scene.last.code == "held"
    record = scene.books.record
    assert (record.state, record.code, record.event_due) == ("held", "held", False)
    assert scene.books.steps[-1] == "exhausted"
    assert scene.books.steps.count("reversal_sent") == len(scene.reversals) == 5
    assert len({call["msgid"] for call in scene.reversals}) == 5
    assert scene.books.centre["live"]
    assert read_reply(scene.again, record.key).code == "held"
    listed = json.loads(stage.yibao("held", "--json").stdout)
    assert record.key in json.dumps(listed)


async def test_a_held_request_is_alerted_keeps_its_visit_and_ends_when_a_person_decides(
    scenes: dict[str, Scene], stage: BusStage
) -> None:
    scene = scenes["held"]
    key = scene.books.record.key
    page = await asyncio.to_thread(stage.start_measured_worker)

    async def alerted() -> bool:
        figures = await asyncio.to_thread(measured, page)
        return figures.get('yibao_open_records{state="held"}', 0) == 1

    await until(alerted)
    async with program(stage, PHARMACY) as his:
        data = {"data": {"psn_no": "1", "mdtrt_id": scene.mdtrt_id, "setl_id": "1"}}
        refused = await his.call("2208", data, insuplc_admdvs="530102")
        assert refused.status == "busy"
        words = ("held", key, "--decide", "succeeded", "--why", "5203 looked up by finance")
        done = await asyncio.to_thread(stage.yibao, *words)
        assert done.returncode == 0, done.stderr

        async def announced() -> list[bytes] | None:
            return his.told.get(key)

        # Two workers may both announce it: an event comes at least once, always the same.
        (body,) = set(await until(announced))
    told = read_reply(body, key)
    assert (told.status, told.flags) == ("succeeded", ("decided_by_person",))
    books = await books_of(stage, key, PHARMACY)
    agree(told, books)
    assert books.steps[-1] == "person_succeeded"
