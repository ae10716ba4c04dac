"""JSON from outside: exact numbers, no name twice, bounded nesting, faults as slugs."""

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.jsontext import NESTING_MAX, REASONS, JsonTextError, canonical, decode, encode, reread

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.sampled_from('a":\\ \n中😀,{}[]'), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in right)
    if isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == (Decimal(repr(right)) if isinstance(right, float) else right))


@given(VALUES, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" , ", " : ")]))
def test_any_json_is_read_whatever_its_spacing(
    value: Any, indent: int | None, separators: tuple[str, str]
) -> None:
    for plain in (True, False):
        text = json.dumps(value, ensure_ascii=plain, indent=indent, separators=separators)
        assert same(decode(text.encode("utf-8")), value)


@pytest.mark.parametrize("literal", ["296.20", "0.10", "12345678901234.56", "-0.000001", "1.0"])
def test_a_fraction_keeps_every_digit(literal: str) -> None:
    value = decode(f'{{"a":{literal}}}'.encode())["a"]
    assert type(value) is Decimal
    assert encode({"a": value}) == f'{{"a":"{literal}"}}'.encode()


@pytest.mark.parametrize(
    ("literal", "text"), [("1.25E7", "12500000"), ("1e-3", "0.001"), ("12e0", "12")]
)
def test_an_exponent_is_written_out(literal: str, text: str) -> None:
    assert str(decode(literal.encode())) == text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{} {}", "not_json"),
        (b"{'a':1}", "not_json"),
        (b"[NaN]", "not_json"),
        (b"[-Infinity]", "not_json"),
        (b"[01]", "not_json"),
        (b'["a\nb"]', "not_json"),
        (b'["\\ud800"]', "not_json"),
        (b'{"a":"\xff"}', "bad_utf8"),
        (b'{"\xc4\xe3":1}', "bad_utf8"),
        (b"\xef\xbb\xbf{}", "byte_order_mark"),
        (b'{"a":1,"a":1}', "duplicate_name"),
        (b'{"a":1,"\\u0061":1}', "duplicate_name"),
        (b'{"a" : 1, "a":2}', "duplicate_name"),
        (b'{"a"\n\t:[{"b":1},{"b":1,"c":{"d":1,"d" :1}}]}', "duplicate_name"),
        (b'{"a":"\\":","b":1,"b":2}', "duplicate_name"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * (NESTING_MAX + 1) + b"]" * (NESTING_MAX + 1), "too_deep"),
        (b'{"a":' * (NESTING_MAX + 1) + b"1" + b"}" * (NESTING_MAX + 1), "too_deep"),
        (b"9" * 5000, "number_out_of_range"),
        (b"1e999999999999999999999", "number_out_of_range"),
    ],
)
def test_what_is_no_json_for_us_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(JsonTextError) as caught:
        decode(raw)
    assert caught.value.reason == reason
    assert reason in REASONS


def test_nesting_up_to_the_limit_is_taken() -> None:
    assert decode(b"[" * NESTING_MAX + b"]" * NESTING_MAX) is not None
    with pytest.raises(JsonTextError, match="more than 3 levels"):
        decode(b"[[[[]]]]", nesting_max=3)


def test_a_text_that_looks_like_a_member_is_no_duplicate() -> None:
    assert decode(b'{"a":"\\"a\\":","b":"\\" :"}') == {"a": '"a":', "b": '" :'}


def test_the_error_names_a_plain_name_and_never_a_value() -> None:
    with pytest.raises(JsonTextError, match="duplicate_name psn_no"):
        decode(b'{"psn_no":"530101","psn_no":"530102"}')
    with pytest.raises(JsonTextError) as caught:
        decode('{"张三 530101":1,"张三 530101":2}'.encode())
    assert str(caught.value) == "duplicate_name"


@given(VALUES)
def test_the_duplicate_check_agrees_with_the_standard_library(value: Any) -> None:
    text = json.dumps({"x": value, "y": value})
    for raw in (text, text.replace('"y"', '"x"')):
        if _has_doubles(raw):
            with pytest.raises(JsonTextError, match="duplicate_name"):
                decode(raw.encode())
        else:
            decode(raw.encode())


def _has_doubles(text: str) -> bool:
    found = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({name for name, _ in pairs}) != len(pairs))

    json.loads(text, object_pairs_hook=note)
    return any(found)


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_else(raw: bytes) -> None:
    with suppress(JsonTextError):
        decode(raw)


def test_what_was_checked_is_read_again_with_the_same_numbers() -> None:
    assert repr(reread(b'{"a":12345678901234.56}')) == "{'a': Decimal('12345678901234.56')}"
    with pytest.raises(JsonTextError, match="not_json"):
        reread(b"{")


def test_equal_content_has_one_canonical_form() -> None:
    one = decode(b'{"b":1.50,"a":{"y":[1,2],"x":"\\u4e2d"}}')
    two = decode('{ "a":{"x":"中","y":[1, 2]}, "b":1.50 }'.encode())
    assert canonical(one) == canonical(two) == '{"a":{"x":"中","y":[1,2]},"b":"1.50"}'.encode()
    assert canonical(decode(b'{"a":[2,1]}')) != canonical(decode(b'{"a":[1,2]}'))
