"""``yibao schema export --all``: what is written, and what is left alone."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bus.command_line import ExitCode, main
from producers.contracts.structure import requested
from schemas.catalogue import load
from schemas.examples import example_input, example_output


def test_every_transaction_has_its_schemas(tmp_path: Path) -> None:
    assert main(["schema", "export", "--all", str(tmp_path), "--profile", "hunan"]) == ExitCode.OK
    catalogue = load("hunan")
    examples = {"input": example_input, "output": example_output}
    for infno in (one.infno for one in requested(catalogue)):
        for part, example in examples.items():
            schema = json.loads((tmp_path / f"schemas/{infno}.{part}.json").read_text("utf-8"))
            assert schema["$id"] == f"urn:yibao-bus:hunan:{infno}:{part}"
            if infno in {"2207", "2301", "5204"}:
                message = example(catalogue[infno])
                assert list(Draft202012Validator(schema).iter_errors(message)) == []
    assert not (tmp_path / "schemas/1191.input.json").exists()
    assert (tmp_path / "transactions/2207.html").exists()
    assert json.loads((tmp_path / "asyncapi.json").read_text("utf-8"))["asyncapi"] == "3.0.0"
    assert json.loads((tmp_path / "contract.json").read_text("utf-8"))["profile"] == "hunan"


def test_a_second_export_replaces_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "contract"
    assert main(["schema", "export", "--all", str(folder)]) == ExitCode.OK
    before = {file.name: file.read_text("utf-8") for file in folder.rglob("*.json")}
    (folder / "schemas/0000.input.json").write_text("{}", "utf-8")
    (folder / "transactions/0000.html").write_text("", "utf-8")
    (folder / "notes.txt").write_text("ours", "utf-8")
    capsys.readouterr()
    assert main(["schema", "export", "--all", str(folder), "--json"]) == ExitCode.OK
    files = json.loads(capsys.readouterr().out)["files"]
    assert {Path(name).name for name in files} >= set(before)
    assert {file.name: file.read_text("utf-8") for file in folder.rglob("*.json")} == before
    assert not (folder / "transactions/0000.html").exists()
    assert (folder / "notes.txt").read_text("utf-8") == "ours"


def test_somebody_elses_folder_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    assert main(["schema", "export", "--all", str(tmp_path)]) == ExitCode.USAGE
    assert "nothing was written" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]
    assert main(["schema", "export", "--all", str(tmp_path / "thesis.txt")]) == ExitCode.USAGE


@pytest.mark.parametrize("words", [[], ["2207", "--all", "x"]])
def test_export_wants_one_transaction_or_all(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "export", *words]) == ExitCode.USAGE
    assert "--all DIR" in capsys.readouterr().err
