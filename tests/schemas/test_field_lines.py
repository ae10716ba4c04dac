"""The line of a data file: every column means one thing, anything else is refused."""

import pytest

from schemas.fields import Condition, Kind, amend, parse_line


def test_a_line_reads_like_a_row_of_the_specification() -> None:
    field = parse_line(
        "card_sn", "卡识别码 | text 32 | required when mdtrt_cert_type=03,04 | # only for a card"
    )
    assert (field.label, field.kind, field.length) == ("卡识别码", Kind.TEXT, 32)
    assert field.when == Condition("mdtrt_cert_type", ("03", "04"))
    assert not field.required
    assert field.note == "only for a card"


def test_an_amount_names_digits_and_decimals() -> None:
    field = parse_line("medfee_sumamt", "医疗费总额 | amount 16,2 | required")
    assert (field.kind, field.length, field.scale) == (Kind.AMOUNT, 16, 2)
    assert field.required
    assert field.type_text == "amount 16,2"


def test_columns_after_the_label_may_come_in_any_order() -> None:
    one = parse_line("a", "甲 | codes gend | required | text 3 | was b c")
    assert one == parse_line("a", "甲 | text 3 | required | was b c | codes gend")
    assert one.was == ("b", "c")


def test_a_name_with_a_dash_is_a_name() -> None:
    assert parse_line("hcv-ab", "丙肝抗体 | text 3").name == "hcv-ab"


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("a", "甲", "label and a type"),
        ("a", " | text 3", "label is empty"),
        ("a", "甲 | required", "type is missing"),
        ("a", "甲 | text 3 | mandatory", "not understood"),
        ("a", "甲 | text 3 | text 4", "says again"),
        ("a", "甲 | text 3 | required | required when b=1", "says again"),
        ("a", "甲 | text 0", "no valid length"),
        ("a", "甲 | text 3,2", "no valid length"),
        ("a", "甲 | amount", "no valid length"),
        ("a", "甲 | amount 2,2", "no digit before the point"),
        ("a", "甲 | date 10", "no valid length"),
        ("a", "甲 | text 3 | required when b", "not 'required when"),
        ("a", "甲 | text 3 | codes", "not understood"),
        ("a", "甲 | text 3 | #", "not understood"),
        ("a b", "甲 | text 3", "letters, digits"),
        ("1a", "甲 | text 3", "letters, digits"),
    ],
)
def test_a_wrong_column_is_refused_in_words(name: str, line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_line(name, line)


def test_a_profile_changes_only_the_columns_it_names() -> None:
    field = parse_line("feedetl_sn", "费用明细流水号 | text 30 | # unique")
    changed = amend(field, "digits 15 | required")
    assert (changed.kind, changed.length, changed.required) == (Kind.DIGITS, 15, True)
    assert (changed.label, changed.note) == ("费用明细流水号", "unique")


def test_required_in_a_profile_takes_the_place_of_a_condition() -> None:
    field = parse_line("card_sn", "卡识别码 | text 32 | required when t=03")
    assert amend(field, "required").when is None
    assert amend(field, "optional").when is None
    assert amend(field, "text 40").when is not None
