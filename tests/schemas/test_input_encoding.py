"""Strict encoding: what leaves is compact, exact and never half empty."""

import json
from decimal import Decimal
from typing import Any

import pytest

from schemas.catalogue import load
from schemas.jsontext import decode
from tests.schemas.schema_samples import VISIT, raw, right_input, transaction_of

CAT = load("yunnan", {"limits": {"input_chars_max": 0}})
TRIAL = transaction_of(
    """
[input]
top = "顶层 | whole 2"
[input.data]
text = "文本 | text 9"
amt = "金额 | amount 16,2"
cnt = "数量 | number 16,4"
day = "日期 | date"
[input."data.rows[]"]
pric = "单价 | number 16,6"
memo = "备注 | text 9"
[input."list[]"]
a = "甲 | text 9"
"""
)


def sent(value: Any) -> Any:
    return json.loads(TRIAL.encode_input(value))


def test_an_empty_number_is_sent_as_zero_and_any_other_empty_field_as_empty_text() -> None:
    data = {"text": None, "amt": "", "cnt": None, "day": None, "mine": None}
    assert sent({"top": "", "data": data}) == {
        "top": "0",
        "data": {"text": "", "amt": "0", "cnt": "0", "day": "", "mine": ""},
    }


def test_an_absent_field_stays_absent() -> None:
    assert sent({"data": {"text": "x"}}) == {"data": {"text": "x"}}


def test_empties_are_filled_in_rows_and_nested_nodes_too() -> None:
    value = {"data": {"rows": [{"pric": "", "memo": None}, {"pric": "1.5"}]}}
    assert sent(value)["data"]["rows"] == [{"pric": "0", "memo": ""}, {"pric": "1.5"}]


def test_one_object_where_a_list_belongs_is_sent_as_a_list() -> None:
    assert sent({"list": {"a": "1"}, "data": {"rows": {"pric": 1}}}) == {
        "list": [{"a": "1"}],
        "data": {"rows": [{"pric": 1}]},
    }


def test_a_decimal_is_sent_as_text_with_its_digits() -> None:
    arrived = decode(b'{"data":{"amt":296.20,"cnt":3,"text":"x"}}')
    assert TRIAL.encode_input(arrived) == b'{"data":{"amt":"296.20","cnt":3,"text":"x"}}'
    assert sent({"data": {"amt": Decimal("0.10")}}) == {"data": {"amt": "0.10"}}


def test_unknown_fields_are_sent_as_they_came_nested_ones_included() -> None:
    value = {"data": {"er_flag": "1", "deep": {"x": [1, {"y": "z"}]}}, "node": [{"k": "v"}]}
    assert sent(value) == value


def test_the_value_of_the_caller_is_not_changed() -> None:
    value = {"data": {"amt": None, "rows": {"pric": ""}}, "list": {"a": "1"}}
    before = json.dumps(value)
    TRIAL.encode_input(value)
    assert json.dumps(value) == before


def test_the_bytes_are_compact_utf8() -> None:
    assert TRIAL.encode_input({"data": {"text": "中文"}}) == '{"data":{"text":"中文"}}'.encode()


@pytest.mark.parametrize("infno", VISIT)
def test_a_right_input_is_sent_unchanged(infno: str) -> None:
    transaction = CAT[infno]
    value = right_input(transaction)
    checked = transaction.check(raw(value))
    assert json.loads(transaction.encode_input(checked.input)) == value
