"""One field of a transaction, and the line of the data files that describes it.

A line reads like a row of the specification's tables::

    card_sn = "卡识别码 | text 32 | required when mdtrt_cert_type=03 | # only for a card"

First the label, then kind and length, then in any order: ``required``, ``required when F=V,W``,
``codes TABLE``, ``was OLD_NAME`` (renamed on decoding), ``sent as NAME`` (a place's own spelling,
renamed on encoding), and a remark after ``#``.
"""

import re
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a value is. Lengths count characters for text, digits for numbers."""

    TEXT = "text"
    DIGITS = "digits"
    """Text of digits only, and not zero."""
    AMOUNT = "amount"
    """Money: digits in all, decimals. Travels as number or text, is never a float."""
    NUMBER = "number"
    """Any other decimal number: quantity, price, ratio."""
    WHOLE = "whole"
    DATE = "date"
    """``yyyy-MM-dd``"""
    TIME = "time"
    """``yyyy-MM-dd HH:mm:ss``"""
    ANY = "any"
    """Text, object or list: an extension area."""


NUMERIC = frozenset({Kind.AMOUNT, Kind.NUMBER, Kind.WHOLE})
DATED = frozenset({Kind.DATE, Kind.TIME})


class Condition(msgspec.Struct, frozen=True):
    """The field is required when its neighbour ``field`` has one of ``values``."""

    field: str
    values: tuple[str, ...]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """``length`` 0: the specification sets none. ``scale``: decimals, 0 for whole numbers."""

    name: str
    label: str
    kind: Kind
    length: int = 0
    scale: int = 0
    required: bool = False
    when: Condition | None = None
    codes: str = ""
    was: tuple[str, ...] = ()
    sent: str = ""
    note: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether an empty value is sent as ``"0"``."""
        return self.kind in NUMERIC

    @property
    def is_dated(self) -> bool:
        """Whether the value is a date or a time."""
        return self.kind in DATED

    @property
    def type_text(self) -> str:
        """Kind and length as they stand in the data file: ``amount 16,2``."""
        if self.kind in {Kind.AMOUNT, Kind.NUMBER} and self.length:
            return f"{self.kind} {self.length},{self.scale}"
        return f"{self.kind} {self.length}" if self.length else str(self.kind)


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_LENGTH = re.compile(r"[1-9][0-9]{0,6}\Z")
_DECIMALS = re.compile(r"([1-9][0-9]?),([0-9]{1,2})\Z")
_WHEN = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=([^,=\s]+(?:,[^,=\s]+)*)\Z")


def parse_line(name: str, line: str) -> Field:
    """The field a line describes; ``ValueError`` says which column is wrong."""
    if not _NAME.match(name):
        raise ValueError("a field's name is letters, digits, - and _")
    columns = [column.strip() for column in line.split("|")]
    if len(columns) < 2:
        raise ValueError("a line needs a label and a type")
    if not columns[0]:
        raise ValueError("the label is empty")
    traits = _traits(columns[1:])
    if "kind" not in traits:
        raise ValueError("the type is missing")
    return msgspec.convert({"name": name, "label": columns[0], **traits}, Field)


def amend(field: Field, line: str) -> Field:
    """The field with some columns changed, as a profile does it: ``"required | text 15"``."""
    traits = _traits([column.strip() for column in line.split("|")])
    if "required" in traits:
        traits.setdefault("when", None)
    return msgspec.structs.replace(field, **traits)


def is_whole_line(line: str) -> bool:
    """Whether a line describes a whole field: its first column is a label, not a trait."""
    try:
        _trait(line.partition("|")[0].strip())
    except ValueError:
        return True
    return False


def _traits(columns: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for column in columns:
        for key, value in _trait(column).items():
            if key in found:
                raise ValueError(f"column {column!r} says again what another column says")
            found[key] = value
    return found


def _trait(column: str) -> dict[str, object]:
    word, _, rest = column.partition(" ")
    rest = rest.strip()
    if word in Kind.__members__.values():
        return _kind(Kind(word), rest, column)
    if column in {"required", "optional"}:
        return {"required": column == "required"}
    if column.startswith("required when "):
        return {"required": False, "when": _condition(column)}
    if word == "codes" and _NAME.match(rest):
        return {"codes": rest}
    if word == "was" and rest:
        return {"was": tuple(rest.split())}
    if column.startswith("sent as ") and _NAME.match(column.removeprefix("sent as ")):
        return {"sent": column.removeprefix("sent as ")}
    if word == "#" and rest:
        return {"note": rest}
    raise ValueError(f"column {column!r} is not understood")


def _condition(column: str) -> Condition:
    match = _WHEN.match(column.removeprefix("required when ").strip())
    if match is None:
        raise ValueError(f"column {column!r} is not 'required when FIELD=VALUE,VALUE'")
    return Condition(match[1], tuple(match[2].split(",")))


def _kind(kind: Kind, size: str, column: str) -> dict[str, object]:
    decimals = _DECIMALS.match(size)
    if kind in {Kind.AMOUNT, Kind.NUMBER} and decimals:
        length, scale = int(decimals[1]), int(decimals[2])
        if scale >= length:
            raise ValueError(f"column {column!r} leaves no digit before the point")
        return {"kind": kind, "length": length, "scale": scale}
    if kind in {Kind.TEXT, Kind.DIGITS, Kind.WHOLE, Kind.ANY} and _LENGTH.match(size):
        return {"kind": kind, "length": int(size), "scale": 0}
    if not size and kind not in {Kind.AMOUNT, Kind.NUMBER, Kind.DIGITS}:
        return {"kind": kind, "length": 0, "scale": 0}
    raise ValueError(f"column {column!r} has no valid length")
