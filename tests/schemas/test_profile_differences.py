"""``yibao schema diff``: what two places do differently, and nothing else."""

import json

import pytest

from bus.command_line import ExitCode, main
from schemas.catalogue import load
from schemas.difference import differences

FOUND = {one.place: one for one in differences(load("yunnan"), load("hunan"))}


def test_a_profile_does_not_differ_from_itself() -> None:
    assert differences(load("hunan"), load("hunan")) == ()


@pytest.mark.parametrize(
    ("place", "left", "right"),
    [
        ("infver", "1.0", "V1.0"),
        ("limits.request_bytes_max", "409600", "0"),
        ("1191", "就诊凭证识读", "-"),
        ("3203", "清算申请", "-"),
        ("9601", "-", "人脸认证"),
        ("1101.where", "desk", "centre"),
        ("2207.input.data.certno", "text 20", "text 20 | required"),
        ("2301.input.feedetail.feedetl_sn", "text 30 | required", "digits 15 | required"),
        ("clr_way.3", "按病种分值", "按床日"),
    ],
)
def test_a_difference_names_its_place_and_both_sides(place: str, left: str, right: str) -> None:
    assert (FOUND[place].left, FOUND[place].right) == (left, right)


def test_what_is_the_same_is_not_said() -> None:
    assert "token_life_s" not in FOUND
    assert not any(place.startswith("2208.") for place in FOUND)
    assert not any(place.startswith("paths.") for place in FOUND)


def test_the_two_sides_mirror_each_other() -> None:
    back = {one.place: (one.right, one.left) for one in differences(load("hunan"), load("yunnan"))}
    assert back == {place: (one.left, one.right) for place, one in FOUND.items()}


def test_the_verb_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "diff", "yunnan", "hunan", "--json"]) == ExitCode.OK
    rows = json.loads(capsys.readouterr().out)
    assert {row["place"] for row in rows} == set(FOUND)
    assert main(["schema", "diff", "yunnan", "hunan"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["what", "place", "yunnan", "hunan"]
    assert len(lines) == 1 + len(FOUND)
    assert main(["schema", "diff", "yunnan", "atlantis"]) == ExitCode.USAGE
    assert "atlantis" in capsys.readouterr().err
