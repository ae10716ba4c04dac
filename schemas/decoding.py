"""Lenient decoding of an answer into one normal form.

Amounts become text with the scale of the specification, old names the present ones, one object
where a list belongs a list of one, dates and times their plain form, numbers in text fields text.
What does not fit is left as it came; what the catalogue does not know is kept.
"""

import re
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from schemas.contract import Json
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.values import is_empty

Normal = Callable[[Json], Json]

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?)?\Z"
)
_DAY_IN_FORM = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")
_MOMENT_IN_FORM = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?)?\Z")
_SCALED = r"(?:-?(?:0|[1-9][0-9]{0,17})\.[0-9]{%d})?\Z"

_DIGITS_MAX = 38
"""Digits and powers of ten beyond which a value is no amount but left as it came."""

_WIDE = Context(prec=4 * _DIGITS_MAX)


def compile_decode(root: Node) -> Normal:
    """A function from a decoded ``output`` to its normal form; no answer at all gives ``{}``."""
    normal = _node(root)

    def decode(value: Json) -> Json:
        if is_empty(value):
            return [] if root.repeat else {}
        return normal(_placed(root, value))

    return decode


def _placed(root: Node, value: Json) -> Json:
    """A list where an object belongs, or the other way round, put where it belongs."""
    if type(value) is list and not root.repeat and len(root.nodes) == 1 and not root.fields:
        return {root.nodes[0].name: value}
    if type(value) is dict and root.repeat and len(value) == 1:
        (inner,) = value.values()
        return inner if type(inner) is list else value
    return value


def _node(node: Node) -> Normal:
    row = _row(node)

    def normal(value: Json) -> Json:
        if type(value) is dict:
            return [row(value)] if node.repeat else row(value)
        if type(value) is list:
            rows = [row(one) if type(one) is dict else one for one in value]
            return rows[0] if not node.repeat and len(rows) == 1 else rows
        return [] if node.repeat and is_empty(value) else value

    return normal


def _row(node: Node) -> Callable[[dict[str, Any]], dict[str, Any]]:
    forms = {field.name: form for field in node.fields if (form := _form(field)) is not None}
    forms |= {child.name: _node(child) for child in node.nodes}
    renamed = [(old, field.name) for field in node.fields for old in field.was]
    has_present_names = {old for old, _ in renamed}.isdisjoint
    in_form = {field.name: test for field in node.fields if (test := _in_form(field)) is not None}
    test_of = (in_form | {child.name: _never for child in node.nodes}).get

    def normal(value: dict[str, Any]) -> dict[str, Any]:
        # Most values of most answers are in their form already: only the others are worked on.
        odd = [
            name
            for name, one in value.items()
            if type(one) is not str or not ((test := test_of(name)) is None or test(one))
        ]
        present = has_present_names(value)
        if present and not odd:
            return value
        out = value.copy()
        for name in odd:
            if name in forms:
                out[name] = forms[name](out[name])
        for old, name in () if present else renamed:
            if old in out and is_empty(out.get(name)):
                out[name] = forms[name](out.pop(old)) if name in forms else out.pop(old)
        return out

    return normal


def _never(_value: str) -> None:
    """No text is the normal form of this."""


def _in_form(field: Field) -> Callable[[str], object] | None:
    """Whether a text already is the normal form of the field; ``None`` when every text is."""
    if field.is_dated:
        return (_DAY_IN_FORM if field.kind is Kind.DATE else _MOMENT_IN_FORM).match
    if field.kind in {Kind.AMOUNT, Kind.NUMBER} and field.scale:
        return re.compile(_SCALED % field.scale).match
    return _never if field.is_numeric else None


def _form(field: Field) -> Normal | None:
    if field.kind in {Kind.AMOUNT, Kind.NUMBER}:
        return _scaled(field.scale)
    if field.is_dated:
        return _day if field.kind is Kind.DATE else _moment
    return {Kind.WHOLE: _whole, Kind.ANY: None}.get(field.kind, _text)


def _scaled(scale: int) -> Normal:
    unit = Decimal(1).scaleb(-scale)

    def scaled(value: Json) -> Json:
        if is_empty(value):
            return ""
        if type(value) is Decimal and value.as_tuple().exponent == -scale:
            return format(value, "f")
        number = _number(value)
        if number is None:
            return value
        short = number.quantize(unit, context=_WIDE)
        return format(short if short == number else number, "f")

    return scaled


def _number(value: Json) -> Decimal | None:
    """The number a value holds, if it is a sane one. A float is read by its shortest digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    if isinstance(value, str) and len(value) > _DIGITS_MAX:
        return None
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _DIGITS_MAX else None


def _whole(value: Json) -> Json:
    number = _number(value) if not is_empty(value) else None
    if number is None:
        return "" if value is None else value
    return int(number) if number == number.to_integral_value() else value


def _text(value: Json) -> Json:
    if value is None:
        return ""
    if type(value) is int or type(value) is Decimal:
        return str(value)
    return value


def _day(value: Json) -> Json:
    match = _MOMENT.match(value) if type(value) is str else None
    return match[1] if match else "" if value is None else value


def _moment(value: Json) -> Json:
    match = _MOMENT.match(value) if type(value) is str else None
    if match is None:
        return "" if value is None else value
    return f"{match[1]} {match[2]}" if match[2] else match[1]
