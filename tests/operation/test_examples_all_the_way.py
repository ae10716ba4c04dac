"""The example programs of the contract against a real worker and a centre that settles."""

import json
from pathlib import Path

import pytest

from compose.demo.visits import CT, PILLS
from tests.consumers.bus_stage import (
    FIRST,
    BusStage,
    Program,
    books_of,
    calls_of,
    hospital,
    live_settlements,
    newcomer,
)
from tests.producers.his_access import HisAccess
from tests.producers.his_examples import Example, unpack


@pytest.fixture(scope="module", params=["python", "javascript"])
def name(request: pytest.FixtureRequest) -> str:
    """Which example."""
    language: str = request.param
    return language


@pytest.fixture
async def example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    """The program, installed as its page says, for a patient insured here."""
    monkeypatch.setenv("YIBAO_INSUPLC", "530102")
    return await unpack(name, tmp_path)


async def test_an_example_settles_a_visit_once_even_when_the_answer_is_lost(
    stage: BusStage, his: Program, example: Example, tmp_path: Path
) -> None:
    access = HisAccess(stage.his_url(FIRST), stage.admin_url, FIRST)
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, [PILLS, CT])
    file, key = tmp_path / "asked.json", f"example-{example.name}"
    file.write_text(json.dumps(asked), encoding="utf-8")
    desk.fault("2207", "lose_answer")
    before = len(await calls_of(stage, "2207"))
    first = await example.settle(access, key, file=file)
    assert first.code == 0, first.said
    assert first.reply is not None
    assert (first.reply["status"], first.reply["code"]) == ("succeeded", "adopted")
    assert first.reply["output"]["setlinfo"]["mdtrt_id"] == visit.mdtrt_id
    again = await example.settle(access, key, file=file)
    assert (again.code, again.reply) == (0, first.reply)
    assert len(await calls_of(stage, "2207")) == before + 1
    books = await books_of(stage, key)
    assert books.record.msgid == first.reply["msgid"]
    assert books.centre["live"]
    assert live_settlements(stage, visit.mdtrt_id) == 1


async def test_an_example_shows_the_faults_of_an_input_against_the_specification(
    stage: BusStage, example: Example, tmp_path: Path
) -> None:
    access = HisAccess(stage.his_url(FIRST), stage.admin_url, FIRST)
    file = tmp_path / "bad.json"
    file.write_text('{"data": {"psn_no": "1"}}', encoding="utf-8")
    ran = await example.settle(access, f"bad-{example.name}", file=file)
    assert ran.code == 1, ran.said
    assert ran.reply is not None
    assert (ran.reply["status"], ran.reply["code"]) == ("invalid", "fields")
    assert "$.input.data.mdtrt_id" in {fault["path"] for fault in ran.reply["faults"]}
    unknown = await example.settle(access, f"unknown-{example.name}", infno="9999", file=file)
    assert unknown.code == 1, unknown.said
    assert unknown.reply is not None
    assert unknown.reply["code"] == "unknown_infno"
