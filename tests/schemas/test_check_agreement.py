"""The fast path, the walker and JSON Schema are three opinions on the same input."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.catalogue import load
from schemas.compiler import COLUMN_MIN
from schemas.jsontext import JsonTextError, decode, encode
from schemas.transaction import Transaction
from schemas.walker import list_faults
from tests.schemas.schema_samples import VISIT, exact, right_input, spoiled, transaction_of

FREE = {"limits": {"input_chars_max": 0}}
CATALOGUES = [load("national", FREE), load("yunnan", FREE), load("hunan", FREE)]

TRIAL = transaction_of(
    """
[input]
top = "顶层 | text 2 | required"
[input.data]
text = "文本 | text 3 | required"
long = "长文本 | text"
flag = "标志 | text 1 | codes mid_setl_flag"
kind = "类型 | text 3 | required | codes mdtrt_cert_type"
card = "卡号 | text 4 | required when kind=03"
when_amt = "金额 | amount 6,2 | required when flag=1"
sn = "流水号 | digits 5"
must_sn = "流水号 | digits 5 | required"
whole = "整数 | whole 2"
open_whole = "整数 | whole"
day = "日期 | date"
moment = "时间 | time | required"
area = "扩展 | any 10"
must_area = "扩展 | any 10 | required"
[input."data.rows[]"]
cnt = "数量 | number 6,4 | required"
[input."more[]?"]
note = "备注 | text 2 | required"
"""
)


def walker_accepts(transaction: Transaction, value: Any) -> bool:
    return list_faults(transaction.inputs, value, transaction.codes) == ()


@settings(max_examples=400)
@given(spoiled(TRIAL.inputs, TRIAL.codes))
def test_the_fast_path_accepts_exactly_what_the_walker_finds_no_fault_in(value: Any) -> None:
    assert TRIAL.accepts(value) == walker_accepts(TRIAL, value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_they_agree_on_every_transaction_of_every_profile(data: st.DataObject) -> None:
    catalogue = data.draw(st.sampled_from(CATALOGUES))
    transaction = catalogue[data.draw(st.sampled_from(catalogue.infnos()))]
    value = data.draw(spoiled(transaction.inputs, transaction.codes))
    assert transaction.accepts(value) == walker_accepts(transaction, value)


MANY = transaction_of(
    """
[input."rows[]"]
cnt = "数量 | number 6,4 | required"
amt = "金额 | amount 6,2"
whole = "整数 | whole 2 | required"
day = "日期 | date | required"
moment = "时间 | time"
area = "扩展 | any 10"
kind = "类型 | text 3 | codes mdtrt_cert_type"
card = "卡号 | text 4 | required when kind=03"
[input."rows.parts[]?"]
pric = "单价 | number 6,4 | required"
"""
)


@settings(max_examples=300)
@given(st.lists(spoiled(MANY.inputs.node("rows"), MANY.codes), min_size=COLUMN_MIN, max_size=8))
def test_many_rows_are_judged_as_each_of_them_is(rows: list[Any]) -> None:
    value = {"rows": rows}
    assert MANY.accepts(value) == walker_accepts(MANY, value)


@pytest.mark.parametrize("name", ["cnt", "amt", "whole"])
def test_two_numbers_in_one_text_are_not_taken_for_two_rows(name: str) -> None:
    row = right_input(MANY)["rows"][0]
    rows = [dict(row) for _ in range(COLUMN_MIN)]
    assert MANY.accepts({"rows": rows})
    for spoilt in ("1\n1", "\n1", "1\n", "\n"):
        assert not MANY.accepts({"rows": [*rows, {**row, name: spoilt}]})


@settings(max_examples=200)
@given(spoiled(TRIAL.inputs, TRIAL.codes))
def test_bytes_and_values_are_judged_alike(value: Any) -> None:
    try:
        raw = encode(value)
        arrived = decode(raw)
    except (JsonTextError, UnicodeEncodeError, TypeError):
        return
    assert TRIAL.check(raw).faults == TRIAL.faults(arrived)


@settings(max_examples=200)
@given(spoiled(TRIAL.inputs, TRIAL.codes))
def test_what_passed_can_be_encoded_and_passes_again(value: Any) -> None:
    value = exact(value)
    if not TRIAL.accepts(value):
        return
    try:
        sent = TRIAL.encode_input(value)
    except UnicodeEncodeError:
        return
    again = decode(sent)
    empties = {fault.problem for fault in TRIAL.faults(again)}
    assert empties <= {"missing"}


@settings(max_examples=200, deadline=None)
@given(spoiled(TRIAL.inputs, TRIAL.codes))
def test_json_schema_accepts_what_the_check_accepts(value: Any) -> None:
    value = exact(value)
    if TRIAL.accepts(value):
        schema = TRIAL.json_schema("input")
        assert list(Draft202012Validator(schema).iter_errors(plain(value))) == []


@settings(max_examples=200, deadline=None)
@given(spoiled(TRIAL.inputs, TRIAL.codes))
def test_what_json_schema_refuses_the_check_refuses(value: Any) -> None:
    value = exact(value)
    schema = TRIAL.json_schema("input")
    if list(Draft202012Validator(schema).iter_errors(plain(value))):
        assert not TRIAL.accepts(value)


@pytest.mark.parametrize("infno", VISIT)
def test_a_right_input_fits_its_json_schema(infno: str) -> None:
    transaction = CATALOGUES[1][infno]
    schema = transaction.json_schema("input")
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors(right_input(transaction))) == []


def plain(value: Any) -> Any:
    """The value as jsonschema takes numbers: a decimal it compares exactly is a text for it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
