"""Planted identities and secrets never come out of the masking, wherever they are hidden."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.masking import (
    DEPTH_MAX,
    ITEMS_MAX,
    MASK,
    TEXT_CHARS_MAX,
    is_sensitive,
    masked,
    masked_text,
)
from schemas.contract import Status

NUMBERS = {
    "identity number": "53010219900101123X",
    "identity number in groups": "530102 19900101 1234",
    "old identity number": "530102900101123",
    "mobile": "13812345678",
    "mobile with country": "+86 138-1234-5678",
    "bank card": "6222021234567890123",
    "card in groups": "6222 0212 3456 7890 123",
    "person number": "53000000000000000000123456",
}

KEYS = [
    "psn_name",
    "psn_no",
    "certno",
    "mdtrt_cert_no",
    "card_sn",
    "tel",
    "token",
    "card_token",
    "cardToken",
    "ecToken",
    "secret",
    "password",
    "apikey",
    "api-key",
    "authorization",
    "addr",
    "psnName",
    "CERTNO",
    "coner_name",
    "opter_name",
    "access_token",
    "client_secret",
    "psn_cert_no",
    "mac_addr",
    "brdy",
]

HARMLESS = [
    "msgid",
    "sign_no",
    "infno",
    "status",
    "code",
    "fence",
    "tenant",
    "worker",
    "queue",
    "state",
    "mdtrt_id",
    "setl_id",
    "fixmedins_name",
    "attempts",
    "reason",
    "tokens_left",
    "hotel",
]


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("around", ["{}", "no. {}, sent", "编号{}的", "x={}&y", "tel{}", "'{}'"])
def test_a_number_that_looks_like_an_identity_is_masked_in_any_text(
    number: str, around: str
) -> None:
    if number in {NUMBERS["bank card"], NUMBERS["card in groups"], NUMBERS["person number"]}:
        around = around.replace("tel", "tel ")  # a letter before them makes another kind of number
    said = masked_text(around.format(number))
    assert not any(part in said for part in number.split() if len(part) > 2), said


@pytest.mark.parametrize(
    "text",
    [
        "H53010000001202611231621000001",
        "H13010000001",
        "P14010000001",
        "yibao.2301.H13010000001",
        "2026-11-23T16:34:47.238Z",
        "20261123162100",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "amount 1234567.89",
        "1763000000000",
    ],
)
def test_numbers_of_calls_and_times_stay_readable(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize("key", KEYS)
def test_values_under_sensitive_keys_are_replaced_whole(key: str) -> None:
    planted = "张三丰"
    assert masked({key: planted}) == {key: MASK}
    assert masked({"a": [{key: [planted]}]}) == {"a": [{key: MASK}]}
    assert masked({key: ""}) == {key: ""}


@pytest.mark.parametrize("key", HARMLESS)
def test_other_keys_keep_their_values(key: str) -> None:
    assert masked({key: "ok"}) == {key: "ok"}
    assert not is_sensitive(key)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text",
    [
        '{{"{key}": "张三 丰", "n": 1}}',
        '{{"{key}": "张\\"三丰", "n": 1}}',
        "{{'{key}': '张三丰', 'n': 1}}",
        "{{'{key}': \"张'三丰\"}}",
        '"{{\\"{key}\\": \\"张三丰\\"}}"',
        '{{"{key}": ["张三丰", "李"]}}',
        '{{"{key}": {{"x": "张三丰"}}}}',
        '{{"{key}": "张三丰 and here the text is cut',
        "{key}=张三丰 failed",
        "{key}: 张 三丰, next",
        "<{key}>张三丰</{key}>",
        "Input({key}='张三丰', n=1)",
    ],
)
def test_a_sensitive_key_inside_a_text_takes_its_value_along(key: str, text: str) -> None:
    said = masked_text(text.format(key=key))
    assert "三" not in said, said
    assert MASK in said


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.planted",
        "amqp://yibao:planted@10.0.0.1:5672/v",
        "https://10.0.0.1/x?token=planted&y=1",
        "cookie: planted",
    ],
)
def test_secrets_in_headers_and_addresses_are_masked(text: str) -> None:
    assert "planted" not in masked_text(text)


class Person(msgspec.Struct):
    psn_name: str
    status: Status


def test_every_kind_of_value_becomes_plain_json() -> None:
    value = {
        "struct": Person(psn_name="张三", status=Status.SUCCEEDED),
        "raw": msgspec.Raw(b'{"psn_name": 1}'),
        "bytes": b"abc",
        "set": {1},
        "amount": Decimal("1.50"),
        "day": date(2026, 11, 23),
        "error": ValueError("certno=53010219900101123X"),
        "nothing": None,
        "number": 13812345678,
        "flag": True,
        13812345678: 1,
    }
    assert json.loads(json.dumps(masked(value))) == {
        "struct": {"psn_name": MASK, "status": "succeeded"},
        "raw": "<15 bytes>",
        "bytes": "<3 bytes>",
        "set": [1],
        "amount": "1.50",
        "day": "2026-11-23",
        "error": f"ValueError: certno={MASK}",
        "nothing": None,
        "number": MASK,
        "flag": True,
        MASK: 1,
    }


def test_depth_length_and_number_of_items_are_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(1000):
        deep = [deep]
    assert "bottom" not in json.dumps(masked(deep))
    assert str(masked(deep)).count("[") == DEPTH_MAX
    assert len(masked(list(range(10_000)))) == ITEMS_MAX
    assert len(masked_text("x" * 1_000_000)) <= TEXT_CHARS_MAX + 3


def _nested(planted: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaf = planted | st.text(max_size=10) | st.integers() | st.none()
    key = st.text("abcxyz_", min_size=1, max_size=8)
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=3),
        max_leaves=8,
    )


@st.composite
def identity_numbers(draw: st.DrawFn) -> str:
    """18 characters: area, birthday, sequence, check."""
    area = draw(st.integers(110000, 659999))
    born = draw(st.dates(date(1900, 1, 1), date(2026, 12, 31)))
    tail = draw(st.integers(0, 999))
    return f"{area}{born:%Y%m%d}{tail:03}{draw(st.sampled_from('0123456789X'))}"


@given(st.data())
def test_a_planted_number_is_found_in_any_structure(data: st.DataObject) -> None:
    number = data.draw(identity_numbers() | st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
    glue = st.text("张 ,:;'\"()[]{}=/\\\n", max_size=5)
    planted = st.builds(lambda left, right: f"{left}{number}{right}", glue, glue)
    value = data.draw(_nested(planted))
    assert number not in json.dumps(masked(value), ensure_ascii=False)
    assert number not in masked_text(json.dumps(value, ensure_ascii=False))


@given(st.text(max_size=300))
def test_any_text_is_masked_without_a_fault_and_twice_is_like_once(text: str) -> None:
    assert masked_text(masked_text(text)) == masked_text(text)


@given(st.text("\"'{}[]:=psn_name token<>\\ ", max_size=200))
def test_broken_structures_are_masked_without_a_fault(text: str) -> None:
    masked_text(text)


@given(name=st.text("赵钱孙李周吴郑王", min_size=2, max_size=4), key=st.sampled_from(KEYS))
def test_a_name_under_a_sensitive_key_is_gone_from_its_json(name: str, key: str) -> None:
    said = masked_text(json.dumps({"a": {key: name}}, ensure_ascii=False))
    assert name not in said
