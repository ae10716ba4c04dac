"""Whether one value fits its field. Both the fast path and the walker ask here for numbers, dates
and extension areas, so that they cannot disagree; a problem is a slug of ``schemas.problems``."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from schemas.contract import Json
from schemas.fields import Field, Kind
from schemas.jsontext import encode

Problem = Callable[[Json], str]
"""Value to slug; the empty text when nothing is wrong. The value is not empty."""

_DIGITS_MAX = 38
"""Digits of a number whose length the specification leaves open (a database's widest decimal)."""

_BEYOND = 10**_DIGITS_MAX

_ANY_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\Z")


def is_empty(value: Json) -> bool:
    """An absent value: null or the empty text."""
    return value is None or value == ""


@cache
def number_pattern(length: int, scale: int) -> str:
    """Numbers with at most ``length`` digits, ``scale`` of them after the point."""
    before = (length or _DIGITS_MAX) - scale
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    return rf"-?(0|[1-9][0-9]{{0,{before - 1}}}){fraction}"


@cache
def special_problem(field: Field) -> Problem | None:
    """The test of a field the fast path cannot leave to msgspec; None where it can."""
    if field.is_numeric:
        return _number_problem(field)
    if field.is_dated:
        return _date_problem if field.kind is Kind.DATE else _time_problem
    return _area_problem(field) if field.kind is Kind.ANY else None


def _number_problem(field: Field) -> Problem:
    fits = re.compile(number_pattern(field.length, field.scale) + r"\Z").match
    scale = field.scale

    def problem(value: Json) -> str:
        kind = type(value)
        if kind is str:
            text = value
        elif kind is Decimal or (kind is int and -_BEYOND < value < _BEYOND):
            text = str(value)
        elif kind is int:
            return "too_many_digits"
        else:
            return "wrong_type"
        return "" if fits(text) else _why_no_number(text, scale)

    return problem


def _why_no_number(text: str, scale: int) -> str:
    if not _ANY_NUMBER.match(text):
        return "bad_number"
    decimals = len(text.partition(".")[2])
    if decimals > scale:
        return "too_many_decimals" if scale else "not_whole"
    return "too_many_digits"


def _date_problem(value: Json) -> str:
    if type(value) is not str:
        return "wrong_type"
    if not _DATE.match(value):
        return "bad_date"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "bad_date"
    return ""


def _time_problem(value: Json) -> str:
    if type(value) is not str:
        return "wrong_type"
    if not _TIME.match(value):
        return "bad_time"
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return "bad_time"
    return ""


def _area_problem(field: Field) -> Problem:
    length = field.length

    def problem(value: Json) -> str:
        if type(value) is str:
            size = len(value)
        elif type(value) in {dict, list}:
            size = len(encode(value).decode("utf-8"))
        else:
            return "wrong_type"
        return "too_long" if length and size > length else ""

    return problem


def amount(value: Json) -> Decimal:
    """A number of a checked input or of an answer; empty is 0. ``ValueError`` when it is none."""
    if is_empty(value):
        return Decimal(0)
    text = str(value).strip() if type(value) in {str, int, Decimal} else ""
    if not _ANY_NUMBER.match(text):
        raise ValueError("not an amount")
    return Decimal(text)
