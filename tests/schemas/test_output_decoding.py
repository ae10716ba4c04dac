"""Lenient decoding: whatever form an answer takes, the code behind sees one."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import load
from schemas.jsontext import decode
from tests.schemas.schema_samples import ANYTHING, VISIT, right_output, spoiled, transaction_of

CAT = load("yunnan")
TRIAL = transaction_of(
    """
[output.setlinfo]
medfee_sumamt = "医疗费总额 | amount 16,2"
psn_part_amt = "个人负担 | amount 16,2 | was psn_pay old_pay"
selfpay_prop = "自付比例 | number 5,4"
age = "年龄 | whole 3"
certno = "证件号码 | text 50 | was cert_no"
brdy = "出生日期 | date"
setl_time = "结算时间 | time"
expContent = "字段扩展 | any 4000"
[output."setldetail[]"]
fund_payamt = "基金支付 | amount 16,2"
"""
)


def setlinfo(**fields: Any) -> Any:
    return TRIAL.decode_output({"setlinfo": fields})["setlinfo"]


@pytest.mark.parametrize(
    ("arrived", "normal"),
    [
        (296.2, "296.20"),
        (0, "0.00"),
        ("296.2", "296.20"),
        ("296.20", "296.20"),
        (" 5 ", "5.00"),
        ("-0.1", "-0.10"),
        ("", ""),
        (None, ""),
        ("1.005", "1.005"),
        (Decimal("1E+3"), "1000.00"),
        ("abc", "abc"),
        (True, True),
        ([1], [1]),
        ("9" * 50, "9" * 50),
        (Decimal("NaN"), Decimal("NaN")),
    ],
)
def test_amounts_become_text_with_the_scale_of_the_specification(arrived: Any, normal: Any) -> None:
    assert repr(setlinfo(medfee_sumamt=arrived)["medfee_sumamt"]) == repr(normal)


@pytest.mark.parametrize(
    ("name", "arrived", "normal"),
    [
        ("selfpay_prop", 0.1, "0.1000"),
        ("age", "38.0", 38),
        ("age", 53, 53),
        ("age", Decimal("38.5"), Decimal("38.5")),
        ("age", "", ""),
        ("certno", 530101, "530101"),
        ("certno", None, ""),
        ("certno", {"a": 1}, {"a": 1}),
        ("brdy", "1983-02-27 00:00:00", "1983-02-27"),
        ("brdy", "1983-02-27", "1983-02-27"),
        ("brdy", None, ""),
        ("brdy", "27.02.1983", "27.02.1983"),
        ("setl_time", "2024-02-29T10:11:12", "2024-02-29 10:11:12"),
        ("setl_time", "2024-02-29 10:11:12.0", "2024-02-29 10:11:12"),
        ("setl_time", "2024-02-29", "2024-02-29"),
        ("setl_time", 1709172672, 1709172672),
        ("expContent", {"a": 1.5}, {"a": 1.5}),
        ("brand_new", 1.5, 1.5),
    ],
)
def test_other_kinds_have_one_form_and_what_does_not_fit_is_left(
    name: str, arrived: Any, normal: Any
) -> None:
    assert setlinfo(**{name: arrived})[name] == normal


def test_a_renamed_field_gets_its_present_name() -> None:
    assert setlinfo(psn_pay="5") == {"psn_part_amt": "5.00"}
    assert setlinfo(old_pay=1, psn_part_amt="") == {"psn_part_amt": "1.00"}
    assert setlinfo(cert_no=1) == {"certno": "1"}


def test_a_value_under_the_present_name_wins_and_the_other_is_kept() -> None:
    assert setlinfo(psn_pay="5", psn_part_amt="7") == {"psn_pay": "5", "psn_part_amt": "7.00"}


@pytest.mark.parametrize("infno", ["2103", "2208", "2305"])
def test_answers_of_cancellations_rename_what_older_editions_wrote(infno: str) -> None:
    answer = {"setlinfo": {"psn_pay": 1.5, "cash_payamt": "2"}}
    normal = CAT[infno].decode_output(answer)["setlinfo"]
    assert normal == {"psn_part_amt": "1.50", "psn_cash_pay": "2.00"}
    assert CAT["2208"].decode_output({"setlinfo": {"pdn_cash_pay": "3"}})["setlinfo"] == {
        "psn_cash_pay": "3.00"
    }


def test_one_object_where_a_list_belongs_becomes_a_list_of_one() -> None:
    assert TRIAL.decode_output({"setldetail": {"fund_payamt": 1}}) == {
        "setldetail": [{"fund_payamt": "1.00"}]
    }
    assert TRIAL.decode_output({"setldetail": None}) == {"setldetail": []}


def test_a_list_of_one_where_an_object_belongs_becomes_the_object() -> None:
    assert TRIAL.decode_output({"setlinfo": [{"age": "1"}]}) == {"setlinfo": {"age": 1}}
    two = [{"age": 1}, {"age": 2}]
    assert TRIAL.decode_output({"setlinfo": two}) == {"setlinfo": two}


def test_the_output_itself_may_be_a_list() -> None:
    rows = CAT["5204"].decode_output([{"cnt": 2, "setl_id": None}])
    assert rows == [{"cnt": "2.0000", "setl_id": ""}]
    assert CAT["5204"].decode_output({"output": [{"cnt": 2}]}) == [{"cnt": "2.0000"}]
    assert CAT["5204"].decode_output({"cnt": 2}) == [{"cnt": "2.0000"}]
    assert CAT["2001"].decode_output([{"trt_chk_rslt": None}]) == {
        "trtinfo": [{"trt_chk_rslt": ""}]
    }


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_output_at_all_is_an_empty_one(nothing: Any) -> None:
    assert CAT["2202"].decode_output(nothing) == {}
    assert CAT["5204"].decode_output(nothing) == []


def test_unknown_fields_and_nodes_are_kept() -> None:
    answer = {"setlinfo": {"hifdm_pay_new": 1}, "extra": [1, {"a": None}], "flag": "1"}
    assert TRIAL.decode_output(answer) == answer


def test_the_answer_given_is_not_changed() -> None:
    answer = decode(b'{"setlinfo":{"psn_pay":5},"setldetail":{"fund_payamt":1.5}}')
    TRIAL.decode_output(answer)
    assert answer == {"setlinfo": {"psn_pay": 5}, "setldetail": {"fund_payamt": Decimal("1.5")}}


@pytest.mark.parametrize("infno", VISIT)
def test_a_normal_form_is_its_own_normal_form(infno: str) -> None:
    transaction = CAT[infno]
    once = transaction.decode_output(right_output(transaction))
    assert transaction.decode_output(once) == once


@settings(max_examples=300)
@given(spoiled(TRIAL.outputs, TRIAL.codes) | ANYTHING)
def test_no_answer_makes_it_raise(value: Any) -> None:
    TRIAL.decode_output(value)


@settings(max_examples=100)
@given(st.lists(ANYTHING, max_size=3) | ANYTHING)
def test_no_answer_makes_a_list_output_raise(value: Any) -> None:
    CAT["5204"].decode_output(value)
