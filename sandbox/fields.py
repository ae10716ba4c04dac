"""Small strict readers of an input object: the sandbox's own, independent of the catalogue."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.refusals import RefusedError

Json = dict[str, Any]

MOMENT = "%Y-%m-%d %H:%M:%S"
DAY = "%Y-%m-%d"
DIGITS_MAX = 16
"""Digits of an amount, a quantity or a price, decimals included (the specification's length)."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def node(source: Mapping[str, Any], name: str) -> Json:
    """One object; a list of exactly one is taken as that object."""
    value = source.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise RefusedError("field_empty" if not value else "field_format", field=name)
    return value


def nodes(source: Mapping[str, Any], name: str) -> list[Json]:
    """A list of objects, at least one; a single object is taken as a list of one."""
    value = source.get(name)
    if isinstance(value, dict):
        value = [value]
    if not value:
        raise RefusedError("field_empty", field=name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RefusedError("field_format", field=name)
    return value


def maybe(source: Mapping[str, Any], name: str) -> str:
    """The text of a field, empty when absent or null; numbers become their text."""
    value = source.get(name)
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        raise RefusedError("field_format", field=name)
    return str(value).strip()


def text(source: Mapping[str, Any], name: str) -> str:
    """A field that must not be empty."""
    value = maybe(source, name)
    if not value:
        raise RefusedError("field_empty", field=name)
    return value


def amount(source: Mapping[str, Any], name: str, places: int) -> Decimal:
    """A number of at most 16 digits, ``places`` of them decimals, from a number or its text."""
    raw = text(source, name)
    if not _NUMBER.fullmatch(raw):
        raise RefusedError("field_format", field=name)
    whole, _, decimals = raw.lstrip("-").partition(".")
    if len(whole.lstrip("0")) > DIGITS_MAX - places or len(decimals) > places:
        raise RefusedError("field_format", field=name)
    return Decimal(raw)


def small_number(source: Mapping[str, Any], name: str) -> int:
    """A whole number of one to four digits."""
    raw = text(source, name)
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 4):
        raise RefusedError("field_format", field=name)
    return int(raw)


def moment(source: Mapping[str, Any], name: str) -> str:
    """A point in time, ``yyyy-MM-dd HH:mm:ss``."""
    value = text(source, name)
    _parse(value, MOMENT, name)
    return value


def day(source: Mapping[str, Any], name: str) -> str:
    """The calendar day of a field that holds a day or a point in time."""
    value = text(source, name)
    _parse(value[:10], DAY, name)
    return value[:10]


def _parse(value: str, shape: str, name: str) -> None:
    try:
        parsed = datetime.strptime(value, shape)  # noqa: DTZ007 - the wire has no zone
    except ValueError:
        raise RefusedError("field_format", field=name) from None
    if parsed.strftime(shape) != value:
        raise RefusedError("field_format", field=name)
