"""JSON Schema 2020-12, judged by an implementation nobody here wrote."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.catalogue import load
from tests.schemas.schema_samples import VISIT, right_input, right_output

CAT = load("yunnan")


@pytest.mark.parametrize("infno", VISIT)
def test_every_export_is_a_valid_schema_that_takes_right_messages(infno: str) -> None:
    transaction = CAT[infno]
    schema = transaction.json_schema()
    Draft202012Validator.check_schema(schema)
    message = {"input": right_input(transaction), "output": right_output(transaction)}
    assert list(Draft202012Validator(schema).iter_errors(message)) == []
    for part, value in message.items():
        one = transaction.json_schema(part)
        Draft202012Validator.check_schema(one)
        assert list(Draft202012Validator(one).iter_errors(value)) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"psn_no": ""}, "psn_no"),
        ({"psn_no": "1" * 31}, "psn_no"),
        ({"mdtrt_cert_type": "09"}, "mdtrt_cert_type"),
        ({"medfee_sumamt": "12.345"}, "medfee_sumamt"),
        ({"medfee_sumamt": 10**14}, "medfee_sumamt"),
        ({"medfee_sumamt": None}, "medfee_sumamt"),
        ({"mdtrt_cert_type": "03", "card_sn": ""}, "card_sn"),
    ],
)
def test_a_wrong_message_is_refused_at_its_place(changes: dict[str, Any], path: str) -> None:
    value = right_input(CAT["2207"])
    value["data"] |= changes
    errors = list(Draft202012Validator(CAT["2207"].json_schema("input")).iter_errors(value))
    assert [list(error.path) for error in errors] == [["data", path]]


def test_labels_and_meanings_are_chinese() -> None:
    schema = CAT["2207"].json_schema()
    assert schema["title"] == "2207 门诊结算"
    assert schema["$schema"].endswith("2020-12/schema")
    data = schema["properties"]["input"]["properties"]["data"]["properties"]
    assert data["mdtrt_cert_type"]["oneOf"][0] == {"const": "01", "title": "医保电子凭证"}
    assert data["med_type"]["x-known-codes"]["11"] == "普通门诊"
    assert data["psn_no"]["title"] == "人员编号"


def test_a_profile_has_its_own_schema() -> None:
    ours = load("hunan")["2207"].json_schema("input")
    assert ours["$id"] == "urn:yibao-bus:hunan:2207:input"
    assert "certno" in ours["properties"]["data"]["required"]
    assert "certno" not in CAT["2207"].json_schema("input")["properties"]["data"]["required"]


def test_rows_are_bounded_and_one_object_passes_for_a_list() -> None:
    schema = CAT["2301"].json_schema("input")
    rows = schema["properties"]["feedetail"]["oneOf"][0]
    assert (rows["minItems"], rows["maxItems"]) == (1, 100)
    row = right_input(CAT["2301"])["feedetail"][0]
    assert list(Draft202012Validator(schema).iter_errors({"feedetail": row})) == []
    assert list(Draft202012Validator(schema).iter_errors({"feedetail": []}))
