"""``yibao schema``: lists, tables and schemas on the terminal."""

import json

import pytest
from jsonschema import Draft202012Validator

from bus.command_line import ExitCode, main
from schemas.catalogue import load
from schemas.readable import aligned, width
from tests.schemas.schema_samples import VISIT


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["schema", *words]) == ExitCode.OK
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_list_has_one_line_per_transaction(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "list", "--profile", "yunnan").splitlines()
    assert {line.split()[0] for line in lines[1:]} >= set(VISIT)
    assert len(lines) == 1 + len(load("yunnan").infnos())
    assert len({width(line[: line.index("  high")]) for line in lines if "  high" in line}) == 1
    assert not any(line.startswith("1191") for line in run(capsys, "list", "--profile", "hunan"))


def test_list_as_json_carries_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(run(capsys, "list", "--json"))
    one = next(row for row in rows if row["infno"] == "2207")
    assert (one["effect"], one["recovery"], one["look"]) == ("settle", "reverse", ["5204", "5203"])


def test_show_is_a_table_whose_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "show", "2207")
    assert text.startswith("2207 门诊结算")
    lines = [line for line in text.splitlines() if "  amount 16,2  " in line]
    fields = [line for line in lines[:5] if "yes" in line]
    assert len({width(line[: line.index("amount")]) for line in fields}) == 1
    assert "01 医保电子凭证" in text
    assert "mdtrt_cert_type=03" in text


def test_show_follows_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    def certno(*words: str) -> str:
        lines = run(capsys, "show", "2207", *words).splitlines()
        return next(line for line in lines if line.strip().startswith("certno"))

    assert "yes" in certno("--profile", "hunan")
    assert "yes" not in certno()


def test_show_as_json_holds_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.loads(run(capsys, "show", "5204", "--json"))
    assert whole["output"]["repeat"]
    assert len(whole["output"]["fields"]) == 56
    assert whole["output"]["fields"][0]["type"] == "text 30"


@pytest.mark.parametrize("infno", VISIT)
def test_show_works_for_every_transaction(infno: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "show", infno).startswith(infno)


def test_export_is_a_valid_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(run(capsys, "export", "2207", "--profile", "hunan"))
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == {"input", "output"}
    part = json.loads(run(capsys, "export", "2207", "--part", "input"))
    assert part["title"] == "2207 门诊结算"
    assert "data" in part["properties"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "9999"], "9999"),
        (["show", "2207", "--profile", "atlantis"], "atlantis"),
        (["show", "1191", "--profile", "hunan"], "1191"),
        (["show"], "infno"),
        ([], "ACTION"),
    ],
)
def test_wrong_words_are_a_usage_error_in_words(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", *words]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_chinese_is_twice_as_wide() -> None:
    assert width("医保ab") == 6
    assert aligned([("医保", "x"), ("abc", "y")]) == ["医保  x", "abc   y"]
