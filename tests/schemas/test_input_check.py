"""Faults of an input: all at once, each with path, label, slug, both texts and what is allowed."""

import json
from decimal import Decimal
from typing import Any

import pytest

from schemas.catalogue import load
from schemas.contract import Fault
from schemas.jsontext import REASONS, decode
from schemas.problems import fault, slugs
from schemas.transaction import Transaction
from schemas.walker import FAULTS_MAX
from tests.schemas.schema_samples import VISIT, raw, right_input, transaction_of

CAT = load("yunnan", {"limits": {"input_chars_max": 0}})
TRIAL = transaction_of(
    """
[input.data]
psn_no = "人员编号 | text 3 | required"
mid_setl_flag = "中途结算标志 | text 3 | codes mid_setl_flag"
insutype = "险种类型 | text 6 | codes insutype"
amt = "金额 | amount 6,2 | required"
days = "天数 | whole 2"
sn = "流水号 | digits 15"
brdy = "出生日期 | date"
begntime = "开始时间 | time"
expContent = "字段扩展 | any 20"
"""
)


def check(**changes: Any) -> list[tuple[str, str]]:
    data = {"psn_no": "1", "amt": "1.00"} | changes
    faults = TRIAL.check(raw({"data": data})).faults
    assert tuple(TRIAL.faults(decode(raw({"data": data})))) == faults
    return [(one.path.removeprefix("$.input.data."), one.problem) for one in faults]


@pytest.mark.parametrize("infno", VISIT)
def test_a_right_input_has_no_fault(infno: str) -> None:
    transaction = CAT[infno]
    checked = transaction.check(raw(right_input(transaction)))
    assert checked.faults == ()
    assert transaction.accepts(checked.input)


@pytest.mark.parametrize("infno", VISIT)
def test_every_required_field_that_is_left_out_is_named(infno: str) -> None:
    transaction = CAT[infno]
    empty: dict[str, Any] = {
        node.name: [{}] if node.repeat else {} for node in transaction.inputs.nodes
    }
    found = {one.path for one in transaction.faults(empty) if one.problem == "missing"}
    wanted = {
        f"$.input.{node.name}{'[0]' if node.repeat else ''}.{field.name}"
        for node in transaction.inputs.nodes
        for field in node.fields
        if field.required
    }
    assert found == wanted


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("psn_no", None, "missing"),
        ("psn_no", "", "missing"),
        ("psn_no", "1234", "too_long"),
        ("psn_no", 123, "wrong_type"),
        ("psn_no", {}, "wrong_type"),
        ("mid_setl_flag", "2", "not_in_codes"),
        ("mid_setl_flag", 1, "wrong_type"),
        ("amt", None, "missing"),
        ("amt", "", "missing"),
        ("amt", "abc", "bad_number"),
        ("amt", "1,000.00", "bad_number"),
        ("amt", "+1", "bad_number"),
        ("amt", " 1", "bad_number"),
        ("amt", "1e3", "bad_number"),
        ("amt", "007", "bad_number"),
        ("amt", "1.", "bad_number"),
        ("amt", "12.345", "too_many_decimals"),
        ("amt", 12.345, "too_many_decimals"),
        ("amt", "12345.00", "too_many_digits"),
        ("amt", 12345, "too_many_digits"),
        ("amt", 10**60, "too_many_digits"),
        ("amt", True, "wrong_type"),
        ("amt", [1], "wrong_type"),
        ("days", "1.5", "not_whole"),
        ("days", 100, "too_many_digits"),
        ("sn", "0", "not_digits"),
        ("sn", "000", "not_digits"),
        ("sn", "12a", "not_digits"),
        ("sn", "12\n", "not_digits"),
        ("sn", "1" * 16, "not_digits"),
        ("brdy", "2023-02-29", "bad_date"),
        ("brdy", "2023-2-9", "bad_date"),
        ("brdy", "2023-02-09 00:00:00", "bad_date"),
        ("brdy", 20230209, "wrong_type"),
        ("begntime", "2024-02-29T10:00:00", "bad_time"),
        ("begntime", "2024-02-29 24:00:01", "bad_time"),
        ("begntime", "2024-02-29", "bad_time"),
        ("begntime", 5, "wrong_type"),
        ("expContent", "x" * 21, "too_long"),
        ("expContent", {"a": "x" * 21}, "too_long"),
        ("expContent", 5, "wrong_type"),
    ],
)
def test_each_kind_of_fault_has_its_slug(name: str, value: Any, problem: str) -> None:
    assert check(**{name: value}) == [(name, problem)]
    assert problem in slugs()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("psn_no", "中文字"),
        ("psn_no", "😀😀😀"),
        ("mid_setl_flag", ""),
        ("mid_setl_flag", None),
        ("insutype", "999999"),
        ("amt", 0),
        ("amt", -9999.99),
        ("amt", "-0.10"),
        ("days", "7"),
        ("days", -1),
        ("sn", "0012"),
        ("sn", ""),
        ("brdy", "2024-02-29"),
        ("brdy", ""),
        ("begntime", "2024-02-29 00:00:00"),
        ("expContent", {"card_token": "x"}),
        ("expContent", "x" * 20),
        ("expContent", None),
    ],
)
def test_what_fits_is_taken(name: str, value: Any) -> None:
    assert check(**{name: value}) == []


def test_all_faults_come_at_once_in_the_order_of_the_specification() -> None:
    found = check(psn_no="", amt="x", mid_setl_flag="9", brdy="today")
    assert found == [
        ("psn_no", "missing"),
        ("mid_setl_flag", "not_in_codes"),
        ("amt", "bad_number"),
        ("brdy", "bad_date"),
    ]


def test_a_fault_says_where_what_and_what_is_allowed_in_both_languages() -> None:
    (one,) = CAT["2301"].faults({"feedetail": [_row("2301"), _row("2301", hosp_appr_flag="3")]})
    assert one.path == "$.input.feedetail[1].hosp_appr_flag"
    assert one.label == "医院审批标志"
    assert one.allowed == "0 无须审批，1 审批通过，2 审批不通过"
    assert one.zh == "医院审批标志不在代码表允许范围内：0 无须审批，1 审批通过，2 审批不通过"
    assert one.en.startswith("$.input.feedetail[1].hosp_appr_flag is not in the code table")


def test_no_text_of_a_fault_repeats_the_value() -> None:
    number = "53010119800101123X" * 4
    for problem in check(psn_no=number, amt=number, brdy=number, mid_setl_flag=number):
        assert number not in str(problem)
    faults = TRIAL.faults({"data": {"psn_no": number, "amt": number, "begntime": number}})
    assert number not in repr(faults)
    assert number not in repr(TRIAL.check(raw({"data": {"psn_no": number}})))


def test_a_field_may_be_required_by_its_neighbour() -> None:
    def faults(**changes: str) -> list[str]:
        return [one.path for one in CAT["2207"].faults({"data": _row("2207") | changes})]

    assert faults(mdtrt_cert_type="03", card_sn="") == ["$.input.data.card_sn"]
    assert faults(mdtrt_cert_type="03", card_sn="A1") == []
    assert faults(mdtrt_cert_type="02", card_sn="") == []


def test_unknown_fields_and_nodes_are_kept_and_no_fault() -> None:
    whole = right_input(CAT["2207"])
    whole["data"]["mdtrt_mode"] = "1"
    whole["other_node"] = {"a": [1]}
    checked = CAT["2207"].check(raw(whole))
    assert checked.faults == ()
    assert checked.input["data"]["mdtrt_mode"] == "1"
    assert checked.input["other_node"] == {"a": [1]}


def test_one_object_is_taken_where_a_list_belongs() -> None:
    row = _row("2302")
    assert CAT["2302"].check(raw({"data": row})).faults == ()
    (one,) = CAT["2302"].faults({"data": row | {"psn_no": ""}})
    assert one.path == "$.input.data.psn_no"


def test_rows_are_limited_and_each_is_an_object() -> None:
    transaction = CAT["2301"]
    assert (transaction.rows_max, transaction.row_node) == (100, "feedetail")
    rows = [_row("2301") for _ in range(101)]
    assert _problems(transaction, {"feedetail": rows}) == [("$.input.feedetail", "too_many_rows")]
    assert _problems(transaction, {"feedetail": [*rows[:1], 5]}) == [
        ("$.input.feedetail[1]", "wrong_type")
    ]
    assert _problems(transaction, {"feedetail": []}) == [("$.input.feedetail", "missing")]
    assert _problems(transaction, {"feedetail": "x"}) == [("$.input.feedetail", "wrong_type")]
    assert _problems(transaction, {}) == [("$.input.feedetail", "missing")]


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_an_input_that_is_no_object_is_one_fault(value: Any) -> None:
    assert _problems(CAT["2207"], value) == [("$.input", "wrong_type")]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not_json"),
        (b'{"data":', "not_json"),
        (b'{"data":{"psn_no":"1","psn_no":"2"}}', "duplicate_name"),
        (b'{"data":{"psn_no":"\xb0\xa1"}}', "bad_utf8"),
        (b"[" * 50_000, "too_deep"),
        (b'{"data":NaN}', "not_json"),
        (b"\xef\xbb\xbf{}", "byte_order_mark"),
    ],
)
def test_bytes_that_are_no_json_are_one_fault(body: bytes, problem: str) -> None:
    checked = CAT["2207"].check(body)
    assert [(one.path, one.problem) for one in checked.faults] == [("$.input", problem)]
    assert checked.input == {}


def test_a_list_of_faults_is_bounded_and_says_so() -> None:
    faults = CAT["2301"].faults({"feedetail": [{} for _ in range(2000)]})
    assert len(faults) == FAULTS_MAX + 1
    assert faults[-1].problem == "more"


def test_an_input_longer_than_the_region_takes_is_a_fault() -> None:
    whole = {"feedetail": [_row("2301") for _ in range(99)]}
    text = load("yunnan")["2301"].encode_input(whole).decode()
    assert len(text) > 40_000
    assert _problems(load("yunnan")["2301"], whole) == [("$.input", "input_too_long")]
    assert _problems(CAT["2301"], whole) == []
    exact = load("yunnan", {"limits": {"input_chars_max": len(text)}})["2301"]
    assert _problems(exact, whole) == []
    short = load("yunnan", {"limits": {"input_chars_max": len(text) - 1}})["2301"]
    assert _problems(short, whole) == [("$.input", "input_too_long")]


def test_megabytes_are_refused_unread() -> None:
    transaction = load("yunnan")["2301"]
    checked = transaction.check(b'{"feedetail":[' + b'{"a":1},' * 100_000 + b"0]}")
    assert [one.problem for one in checked.faults] == ["input_too_long"]
    assert checked.input == {}


def test_indentation_does_not_count_as_length() -> None:
    whole = {"feedetail": [_row("2301") for _ in range(30)]}
    text = json.dumps(whole, indent=12).encode()
    assert len(text) > 40_000
    assert load("yunnan")["2301"].check(text).faults == ()


def test_a_float_from_a_program_is_no_amount() -> None:
    assert TRIAL.faults({"data": {"psn_no": "1", "amt": 12.5}})[0].problem == "wrong_type"
    assert TRIAL.faults({"data": {"psn_no": "1", "amt": Decimal("12.50")}}) == ()
    assert TRIAL.faults({"data": {"psn_no": "1", "amt": Decimal("NaN")}})[0].problem == "bad_number"


def test_an_unlisted_code_of_an_open_table_is_a_warning() -> None:
    value = {"data": {"psn_no": "1", "amt": "1", "insutype": "9999"}}
    assert TRIAL.faults(value) == ()
    (one,) = TRIAL.warnings(value)
    assert (one.path, one.problem) == ("$.input.data.insutype", "unlisted_code")
    assert TRIAL.warnings({"data": value["data"] | {"insutype": "310"}}) == ()


def test_warnings_reach_into_rows() -> None:
    whole = right_input(CAT["2401"])
    whole["diseinfo"][1]["diag_type"] = "77"
    assert [one.path for one in CAT["2401"].warnings(whole)] == ["$.input.diseinfo[1].diag_type"]


def test_every_reason_of_bad_json_has_its_words() -> None:
    assert set(slugs()) >= REASONS
    with pytest.raises(KeyError):
        fault("$.input", "no_such_slug")


def _problems(transaction: Transaction, value: Any) -> list[tuple[str, str]]:
    faults: tuple[Fault, ...] = transaction.check(raw(value)).faults
    assert faults == transaction.faults(value)
    return [(one.path, one.problem) for one in faults]


def _row(infno: str, **changes: Any) -> dict[str, Any]:
    node = next(iter(right_input(CAT[infno]).values()))
    row: dict[str, Any] = node[0] if isinstance(node, list) else node
    return row | changes
