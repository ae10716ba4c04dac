"""The AsyncAPI document: the official parser accepts it, and it holds what the broker declares."""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from bus.topology import Exchange, Queue, declaration
from producers.contracts.asyncapi import document
from producers.contracts.channels import TENANT
from producers.contracts.structure import requested
from schemas.catalogue import Catalogue, load

PARSER = Path(__file__).parent / "asyncapi_parser"
PARSE_S = 240.0
ERROR = 0
"""Severity of a diagnostic; what is greater are remarks of style."""


class Few(Catalogue):
    """A catalogue of two transactions, for documents that are spoilt on purpose."""

    def infnos(self) -> tuple[str, ...]:
        return ("2207", "5204")


def parsed(folder: Path, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    """What the official parser says of each."""
    files = []
    for number, each in enumerate(documents):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(each, ensure_ascii=False), "utf-8")
    command = ["node", str(PARSER / "validate.js"), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PARSE_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def errors(result: dict[str, Any]) -> list[str]:
    found = [each for each in result["diagnostics"] if each["severity"] == ERROR]
    return [f"{'/'.join(map(str, each['path']))}: {each['message']}" for each in found]


@pytest.mark.timeout(PARSE_S)
def test_the_official_parser_accepts_the_document_of_the_whole_bus(tmp_path: Path) -> None:
    catalogue = load("yunnan")
    (result,) = parsed(tmp_path, document(catalogue))
    assert errors(result) == []
    assert result["accepted"]
    assert result["version"] == "3.0.0"
    operations = dict(result["operations"])
    asked = requested(catalogue)
    for one in asked:
        assert operations[f"his.{one.infno}"] == "send"
        assert (f"worker.{one.infno}" in operations) is (one.lane != "shared")
    addresses = dict(result["channels"])
    assert addresses["request.2207"] == "2207.{tenant}"
    assert addresses["queue.2207"] == "yibao.2207"
    assert addresses["events.settlement"] == "settlement.{tenant}.{status}"
    assert result["examples"] == 2 * len(asked)


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return document(Few(load("yunnan").profile))


@pytest.mark.timeout(PARSE_S)
def test_the_official_parser_refuses_what_is_wrong_at_its_place(
    small: dict[str, Any], tmp_path: Path
) -> None:
    astray, odd = copy.deepcopy(small), copy.deepcopy(small)
    astray["operations"]["his.2207"]["channel"]["$ref"] = "#/channels/nowhere"
    odd["operations"]["his.2207"]["action"] = "publish"
    sound, lost, wrong = parsed(tmp_path, small, astray, odd)
    assert (sound["accepted"], errors(sound)) == (True, [])
    assert not lost["accepted"]
    assert any(line.startswith("operations/his.2207/channel") for line in errors(lost))
    assert not wrong["accepted"]
    assert any(line.startswith("operations/his.2207/action") for line in errors(wrong))


def test_every_example_fits_the_schema_of_its_message() -> None:
    assert list(misfits(document(load("yunnan")))) == []


def test_an_example_that_does_not_fit_is_seen(small: dict[str, Any]) -> None:
    spoilt = copy.deepcopy(small)
    example = spoilt["components"]["messages"]["request.2207"]["examples"][0]
    example["payload"]["input"]["data"]["psn_no"] = "1" * 31
    (misfit,) = misfits(spoilt)
    assert misfit.startswith("request.2207")
    assert "psn_no" in misfit


def misfits(whole: dict[str, Any]) -> Iterator[str]:
    """Examples of messages that break their schema: the parser leaves these unread."""
    traits = whole["components"]["messageTraits"]
    for name, message in whole["components"]["messages"].items():
        for example in message.get("examples", []):
            kind = message["traits"][0]["$ref"].rpartition("/")[2]
            pairs = (("payload", message["payload"]), ("headers", traits[kind]["headers"]))
            for part, schema in pairs:
                yield from (
                    f"{name}.{part} {each}" for each in unlike(whole, schema, example[part])
                )


def unlike(whole: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    rooted = {"components": whole["components"], "allOf": [schema]}
    judge = Draft7Validator(rooted, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(value)]


def test_every_queue_and_exchange_of_the_broker_is_a_channel() -> None:
    catalogue = load("yunnan")
    lanes = {one.infno: one.lane for one in requested(catalogue)}
    declared = declaration({**lanes}, [TENANT])
    bindings = [one.get("bindings", {}) for one in document(catalogue)["channels"].values()]
    amqp = [one["amqp"] for one in bindings if one]
    queues = {one["queue"]["name"]: one["queue"]["x-arguments"] for one in amqp if "queue" in one}
    for item in declared:
        if isinstance(item, Queue):
            assert queues[item.name] == item.arguments()
        if isinstance(item, Exchange):
            assert any(
                one["exchange"]["name"] == item.name and one["exchange"]["type"] == item.kind
                for one in amqp
                if "exchange" in one
            ), item.name


def test_a_region_without_a_transaction_has_no_channel_for_it() -> None:
    assert "request.1191" in document(load("yunnan"))["channels"]
    assert "request.1191" not in document(load("hunan"))["channels"]


def test_a_code_table_is_written_once_and_referred_to(small: dict[str, Any]) -> None:
    schemas = small["components"]["schemas"]
    field = schemas["2207.input"]["properties"]["data"]["properties"]["mdtrt_cert_type"]
    assert field["allOf"] == [{"$ref": "#/components/schemas/code.mdtrt_cert_type"}]
    assert schemas["code.mdtrt_cert_type"]["oneOf"][0] == {"const": "01", "title": "医保电子凭证"}
    assert schemas["RequestBody"]["properties"]["opter"]["anyOf"][0]["maxLength"] == 30


def test_the_lock_file_of_the_parser_names_no_host() -> None:
    assert "omit-lockfile-registry-resolved=true" in (PARSER / ".npmrc").read_text("utf-8")
    assert "://" not in (PARSER / "package-lock.json").read_text("utf-8")
