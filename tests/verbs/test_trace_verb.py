"""``yibao trace``: the story of a request, in words for people and in JSON for programs."""

import json
import re

import pytest

from compose.demo.visits import PILLS
from tests.consumers.bus_stage import PHARMACY, BusStage, Program, hospital, program
from tests.verbs.conftest import Operator
from tests.verbs.shop_customers import Customers

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


async def test_a_story_is_found_by_key_and_by_msgid_and_told_in_order(
    yibao: Operator, customers: Customers, pharmacy: Program
) -> None:
    told = await customers.purchase(pharmacy, "story-1")
    by_key, by_msgid = await yibao("trace", "story-1"), await yibao("trace", told.msgid)
    assert by_key == by_msgid
    assert by_key.code == 0
    head, state, *lines = by_key.out.strip().splitlines()
    assert head == f"2102  {PHARMACY}  story-1"
    assert state.startswith("  succeeded / ok: 交易成功")
    assert [re.fullmatch(rf"  {TIME}  #1  .+", line) is not None for line in lines] == [True] * len(
        lines
    )
    assert "sending to the centre" in lines[0]
    assert "the centre accepted" in lines[1]


async def test_a_lost_answer_is_told_step_by_step(
    yibao: Operator, stage: BusStage, customers: Customers
) -> None:
    async with program(stage) as his:
        desk = hospital(stage, his)
        visit = await desk.with_card(customers.newcomer())
        asked = await desk.outpatient(visit, [PILLS])
        desk.fault("2207", "lose_answer")
        told = await visit.ask("2207", asked, key="story-2")
    assert told.code == "adopted"
    (story,) = (await yibao("trace", "story-2", "--json")).json
    assert (story["state"], story["code"], story["msgid"]) == ("succeeded", "adopted", told.msgid)
    assert story["money"] == "moved"
    assert [line["what"] for line in story["story"]] == ["clear", "unclear", "look", "done"]
    times = [line["at"] for line in story["story"]]
    assert times == sorted(times)
    visits = (await yibao("trace", visit.mdtrt_id, "--json")).json
    assert {each["infno"] for each in visits} == {"2203", "2204", "2207"}
    assert {each["mdtrt_id"] for each in visits} == {visit.mdtrt_id}


async def test_a_refused_request_tells_why_nothing_was_sent(
    yibao: Operator, pharmacy: Program
) -> None:
    told = await pharmacy.call("2102", {"druginfo": {"psn_no": "1"}}, key="story-3")
    assert told.status == "invalid"
    said = await yibao("trace", "story-3")
    assert "invalid / fields" in said.out
    assert "nothing was sent" in said.out


async def test_another_institutions_story_is_not_told_under_a_tenant(
    yibao: Operator, customers: Customers, pharmacy: Program
) -> None:
    await customers.purchase(pharmacy, "story-4")
    assert (await yibao("trace", "story-4", "--tenant", PHARMACY)).code == 0
    other = await yibao("trace", "story-4", "--tenant", "H53010200001")
    assert (other.code, other.out) == (1, "")


async def test_what_nobody_asked_has_no_story(yibao: Operator) -> None:
    said = await yibao("trace", "no-such-key")
    assert (said.code, said.out) == (1, "")
    assert "nothing in the journal under 'no-such-key'" in said.err
    assert (await yibao("trace")).code == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_a_story_is_told_in_the_language_asked_for(
    yibao: Operator, customers: Customers, pharmacy: Program, lang: str
) -> None:
    await customers.purchase(pharmacy, f"story-{lang}")
    said = await yibao("trace", f"story-{lang}", "--lang", lang)
    words = {"en": "the centre accepted", "zh": "医保中心已受理成功"}
    assert words[lang] in said.out
    other = {"en": "zh", "zh": "en"}[lang]
    assert words[other] not in said.out
    json.loads((await yibao("trace", f"story-{lang}", "--json", "--lang", lang)).out)
