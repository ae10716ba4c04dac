"""Example messages: always the same, always right, and in agreement with one another."""

from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.catalogue import Catalogue, load
from schemas.data_files import read
from schemas.examples import example_input, example_output
from schemas.transaction import Transaction
from schemas.views import row_amount, settlement_faults
from schemas.walker import list_faults
from tests.schemas.schema_samples import every, transaction_of

PROFILES = ("national", "yunnan", "hunan")


def settling(catalogue: Catalogue) -> list[Transaction]:
    return [
        one
        for one in every(catalogue)
        if any(node.name == "setlinfo" for node in one.outputs.nodes)
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_validator_accepts_every_example(profile: str) -> None:
    for one in every(load(profile)):
        request, reply = example_input(one), example_output(one)
        assert one.faults(request) == () == one.warnings(request), one.infno
        assert list_faults(one.outputs, reply, one.codes) == (), one.infno


def test_every_example_fits_its_json_schema() -> None:
    for one in every(load("yunnan")):
        for part, value in (("input", example_input(one)), ("output", example_output(one))):
            found = list(Draft202012Validator(one.json_schema(part)).iter_errors(value))
            assert found == [], (one.infno, part, found[0].json_path)


def test_an_example_is_the_same_each_time_and_nobody_can_spoil_it() -> None:
    one = load("yunnan")["2207"]
    example_input(one)["data"]["psn_no"] = "another"
    assert example_input(one)["data"]["psn_no"] == "53990000000000000001"
    assert example_output(one) == example_output(one)


def test_an_example_reply_is_in_its_normal_form_and_holds_every_field() -> None:
    for one in every(load("yunnan")):
        reply = example_output(one)
        assert one.decode_output(reply) == reply, one.infno
        nodes = [node for _, node in one.outputs.walk()]
        named = {field.name for node in nodes for field in node.fields}
        named |= {child.name for node in nodes for child in node.nodes}
        assert names(reply) == named, one.infno


def test_an_example_request_holds_what_is_required_and_what_its_conditions_demand() -> None:
    trial = transaction_of(
        """
        [input.data]
        kind = "类型 | text 3 | required | codes mdtrt_cert_type"
        mdtrt_cert_no = "编号 | text 50 | required when kind=01"
        card = "卡号 | text 4 | required when kind=03"
        other = "其他 | text 4"
        [input."more[]?"]
        note = "备注 | text 2 | required"
        """
    )
    assert example_input(trial) == {"data": {"kind": "01", "mdtrt_cert_no": "539900198503120030"}}
    free = transaction_of('[input.data]\nother = "其他的说明 | text 4"\nday = "日期 | date"')
    assert example_input(free) == {"data": {"other": "其他的说", "day": "2024-03-01"}}


def test_the_money_of_the_examples_closes_to_the_cent() -> None:
    settled = settling(load("yunnan"))
    assert {"2102", "2207", "2304", "5203"} <= {one.infno for one in settled}
    for one in settled:
        reply = example_output(one)
        assert settlement_faults(reply["setlinfo"], reply.get("setldetail", ())) == (), one.infno
    row = example_input(load("yunnan")["2204"])["feedetail"][0]
    due = row_amount(Decimal(row["pric"]), Decimal(row["cnt"]))
    assert due == Decimal(row["det_item_fee_sumamt"])
    assert due == Decimal(example_input(load("yunnan")["2207"])["data"]["medfee_sumamt"])


def test_a_value_that_does_not_fit_gives_way_to_a_plain_one() -> None:
    trial = transaction_of(
        """
        [input.data]
        psn_no = "人员编号 | text 3 | required"
        insutype = "险种 | text 6 | required | codes mdtrt_cert_type"
        age = "年龄 | whole 2 | required"
        psnName = "姓名 | text 50 | required"
        begntime = "开始 | date | required"
        begndate = "开始 | time | required"
        feedetl_sn = "流水号 | digits 2 | required"
        """
    )
    assert example_input(trial)["data"] == {
        "psn_no": "100",
        "insutype": "01",
        "age": "1",
        "psnName": "测试甲职工",
        "begntime": "2024-03-01",
        "begndate": "2024-03-01 00:00:00",
        "feedetl_sn": "1",
    }


def test_the_listed_values_end_after_they_begin() -> None:
    moments = read("examples.toml")["moments"]
    pairs = [("begndate", "enddate"), ("begntime", "endtime"), ("adm_time", "dscg_time")]
    assert all(moments[first] < moments[last] for first, last in pairs)


def names(value: Any) -> set[str]:
    """Every member's name, extension areas being single values."""
    if isinstance(value, list):
        return {name for one in value for name in names(one)}
    if not isinstance(value, dict):
        return set()
    return set(value) | {name for one in value.values() for name in names(one)}


def test_an_amount_too_narrow_for_the_plain_one_is_nought() -> None:
    trial = transaction_of('[input.data]\nshare = "比例 | amount 3,2 | required"')
    assert example_input(trial) == {"data": {"share": "0"}}
