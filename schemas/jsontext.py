"""JSON as this trade needs it: exact numbers, no name twice, bounded nesting, a canonical form."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from schemas.contract import Json

NESTING_MAX = 32
"""Levels of objects and lists. The deepest transaction has 5; more is a mistake or an attack."""

_EXPONENT_MAX = 30
"""Powers of ten a number with an exponent may be written out to; no amount comes near."""

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_SORTING = msgspec.json.Encoder(decimal_format="string", order="sorted")
_SPACE = b" \t\r\n"
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}\Z")
_BOM = b"\xef\xbb\xbf"


class JsonTextError(ValueError):
    """The bytes are no JSON we take. ``reason`` is one of the slugs of ``REASONS``, ``detail`` a
    position or a name, never a value."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".rstrip())
        self.reason = reason
        self.detail = detail


REASONS = frozenset(
    {
        "not_json",
        "bad_utf8",
        "byte_order_mark",
        "too_deep",
        "duplicate_name",
        "number_out_of_range",
    }
)
"""Their texts are in ``data/problems.toml``."""


def exact_number(literal: str) -> Decimal:
    """A JSON number with fraction or exponent, every digit kept and no exponent left."""
    number = Decimal(literal)
    if "e" in literal or "E" in literal:
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and abs(exponent) <= _EXPONENT_MAX:
            return Decimal(format(number, "f"))
    return number


_DECODER = msgspec.json.Decoder(float_hook=exact_number)


def decode(raw: bytes, nesting_max: int = NESTING_MAX) -> Json:
    """Bytes as a JSON value; numbers with a fraction as ``Decimal``. Raises ``JsonTextError``."""
    value = _parse(raw)
    members, depth = survey(value, nesting_max)
    if depth > nesting_max:
        raise JsonTextError("too_deep", f"more than {nesting_max} levels")
    if _members_written(raw) != members:
        _search_duplicate(raw)
    return value


def reread(raw: bytes) -> Json:
    """Bytes that were checked before or that we wrote, read again with exact numbers and no search
    for names given twice. Raises ``JsonTextError``."""
    return _parse(raw)


def decode_answer(raw: bytes) -> Json:
    """The output of somebody else's answer: names may be given twice, but it is no deeper than ours
    may be, so that whatever walks through it comes to an end. Raises ``JsonTextError``."""
    value = _parse(raw)
    if survey(value, NESTING_MAX)[1] > NESTING_MAX:
        raise JsonTextError("too_deep", f"more than {NESTING_MAX} levels")
    return value


def _parse(raw: bytes) -> Json:
    try:
        return _DECODER.decode(raw)
    except UnicodeDecodeError as error:
        raise JsonTextError("bad_utf8") from error
    except RecursionError as error:
        raise JsonTextError("too_deep") from error
    except msgspec.ValidationError as error:
        raise JsonTextError("number_out_of_range") from error
    except (msgspec.DecodeError, ArithmeticError) as error:
        raise _malformed(raw, error) from error


def _malformed(raw: bytes, error: Exception) -> JsonTextError:
    if raw.startswith(_BOM):
        return JsonTextError("byte_order_mark")
    if isinstance(error, ArithmeticError):
        return JsonTextError("number_out_of_range")
    position = re.search(r"\(byte \d+\)", str(error))
    return JsonTextError("not_json", position[0] if position else "")


def survey(value: Json, nesting_max: int) -> tuple[int, int]:
    """How many members all objects have together, and the depth; stops below ``nesting_max``."""
    members, depth = 0, 0
    level = [value] if type(value) in _CONTAINERS else []
    while level and depth <= nesting_max:
        depth += 1
        below: list[Json] = []
        for one in level:
            items = one
            if type(one) is dict:
                members += len(one)
                items = one.values()
            if not _CONTAINERS.isdisjoint(map(type, items)):
                below += [item for item in items if type(item) in _CONTAINERS]
        level = below
    return members, depth


_CONTAINERS = frozenset({dict, list})


def _members_written(raw: bytes) -> int:
    """At least the number of members in the text: without white space every member ends its name
    with a quote and a colon. More only when some text holds an escaped quote before a colon."""
    return raw.translate(None, _SPACE).count(b'":')


def _search_duplicate(raw: bytes) -> None:
    """The costly proof; only for texts the count could not clear."""
    json.loads(raw, object_pairs_hook=_unique, parse_float=str, parse_int=str)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        _raise_duplicate([name for name, _ in pairs])
    return names


def _raise_duplicate(names: list[str]) -> NoReturn:
    twice = next(name for position, name in enumerate(names) if name in names[:position])
    raise JsonTextError("duplicate_name", twice if _SAFE_NAME.match(twice) else "")


def encode(value: Json) -> bytes:
    """Compact JSON, ``Decimal`` as text with its digits."""
    return _ENCODER.encode(value)


def canonical(value: Json) -> bytes:
    """Compact JSON with sorted names: equal content gives equal bytes, for digests."""
    return _SORTING.encode(value)
