"""The chaos job finds what it looks for: workers with a bug of ours break its promises."""

import sys
from pathlib import Path

import msgspec
import pytest

from compose.chaos import case
from compose.chaos.ground import ChaosStage
from compose.chaos.kills import kill_round
from compose.chaos.points import points
from compose.demo.program import program
from compose.node import PrivateNode

pytestmark = pytest.mark.timeout(120)
PATIENCE_S = 8.0
"""A request whose outcome is lost is waited for no longer than this here."""


class BrokenStage(ChaosStage):
    """A stage whose workers have a bug."""

    bug = ""

    def worker_command(self) -> list[str]:
        right = super().worker_command()
        trap = right[right.index("--plan") :]
        return [sys.executable, "-m", "tests.chaos.broken_worker", self.bug, *trap]


@pytest.mark.parametrize(
    ("bug", "point", "promises"),
    [
        ("sends_again", "centre_committed", "books"),
        ("acknowledges_first", "row_written", "answered"),
        ("words_it_anew", "reply_published", "one_outcome same_bytes"),
    ],
)
async def test_a_worker_with_a_bug_is_found_out(
    bug: str,
    point: str,
    promises: str,
    broker_node: PrivateNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(case, "FINAL_S", PATIENCE_S)
    stage = BrokenStage(tmp_path / "stage", broker_node)
    stage.bug = bug
    with stage:
        async with program(stage) as his, program(stage) as other:
            (found,) = await kill_round(stage, (his, other), (point, points()[point]), ["2102"])
    assert {what.partition(":")[0] for what in found.violations} >= set(promises.split())


async def test_a_point_that_is_missed_is_a_violation(
    broker_node: PrivateNode, tmp_path: Path
) -> None:
    wrong = msgspec.structs.replace(points()["received"], journal="sending", centre="seen")
    with ChaosStage(tmp_path / "stage", broker_node) as stage:
        async with program(stage) as his, program(stage) as other:
            (found,) = await kill_round(stage, (his, other), ("received", wrong), ["2102"])
    assert found.violations == [
        "point: the record is not there",
        "point: the centre has unseen",
    ]
