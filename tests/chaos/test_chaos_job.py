"""The chaos job, in its short form: what it promises to try, and what must come of it."""

import json
import subprocess
import sys
from typing import Any

import pytest

from compose.chaos.faults import troubles
from compose.chaos.kills import NINE
from compose.chaos.points import points
from sandbox.faults import FAULTS

pytestmark = pytest.mark.timeout(480)
"""The first test carries the run."""


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """The job as a developer starts it."""
    done = subprocess.run(
        [sys.executable, "compose/chaos", "--short", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == bool(found["violations"])
    return found


def rows(result: dict[str, Any], group: str) -> dict[str, dict[str, Any]]:
    """The rows of one kind of disturbance, by what was disturbed."""
    return {row["name"]: row for row in result["rows"] if row["group"] == group}


def test_no_promise_is_broken(result: dict[str, Any]) -> None:
    assert result["violations"] == []


def test_the_worker_is_killed_at_every_point_with_every_reversible_transaction_there(
    result: dict[str, Any],
) -> None:
    killed = rows(result, "kill")
    assert list(killed) == list(points())
    assert len(killed) == 16
    assert {row["transactions"] for row in killed.values()} == {len(NINE)} == {9}


def test_every_fault_of_the_centre_meets_every_reversible_transaction(
    result: dict[str, Any],
) -> None:
    met = rows(result, "fault")
    assert met.keys() == troubles().keys()
    assert {row["transactions"] for row in met.values()} == {9}


def test_no_fault_of_the_centre_is_left_out() -> None:
    used = {each.fault.fault for each in troubles().values()}
    used |= {each.later.fault for each in troubles().values() if each.later}
    assert used == FAULTS.keys()


def test_a_his_vanishes_and_a_his_asks_fifty_times(result: dict[str, Any]) -> None:
    assert len(rows(result, "his")) == 3
    assert {row["transactions"] for row in rows(result, "his").values()} == {9}


@pytest.mark.parametrize("group", ["broker", "journal"])
def test_what_the_bus_leans_on_is_taken_away_twice_while_desks_work(
    group: str, result: dict[str, Any]
) -> None:
    scenes = rows(result, group)
    assert len(scenes) == 2
    assert all(row["cases"] >= 24 and row["transactions"] == 2 for row in scenes.values())


def test_the_doubtful_are_resolved_and_the_held_are_known_within_a_minute(
    result: dict[str, Any],
) -> None:
    assert len(rows(result, "doubt")) == 2
    measures = result["measures"]
    assert measures["doubtful at once"] == 100
    assert measures["resolved within 60 s after the fault, %"] >= 99
    held = [value for name, value in measures.items() if name.startswith("held")]
    assert len(held) == 3
    assert max(held) <= 60
