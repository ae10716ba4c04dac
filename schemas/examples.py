"""One example message per transaction: always the same, always right.

Values come from ``data/examples.toml`` by field name, so that a person, a visit, a sum of money is
the same in every message; what is not listed there comes from the code table or the kind. An input
holds what the specification requires, an output everything it names. The words of the labels stand
in for free texts: nobody can mistake them for a patient's.
"""

import re
from functools import cache
from typing import Any

from schemas.codes import CodeTables
from schemas.contract import Json
from schemas.data_files import read
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.transaction import Transaction
from schemas.values import special_problem

_CODED_NAME = re.compile(r"(_no|_sn|_id|codg?|codes?|_bchno|no)\Z")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def example_input(transaction: Transaction) -> Json:
    """An ``input`` the validator accepts: an object, or a list where the input is one.

    Required fields, and those whose condition holds; where nothing is required, all of them.
    """
    return _placed(transaction.inputs, transaction.codes, whole=False)


def example_output(transaction: Transaction) -> Json:
    """An ``output`` in its normal form, every field of it: an object, or a list (5204)."""
    return transaction.decode_output(_placed(transaction.outputs, transaction.codes, whole=True))


def _placed(node: Node, codes: CodeTables, *, whole: bool) -> Json:
    row = _row(node, codes, whole=whole)
    return [row] if node.repeat else row


def _row(node: Node, codes: CodeTables, *, whole: bool) -> dict[str, Any]:
    everything = whole or not _demands(node)
    row: dict[str, Any] = {}
    for field in node.fields:
        if everything or field.required:
            row[field.name] = _value(field, codes)
    for field in node.fields:
        when = field.when
        if field.name not in row and when is not None and row.get(when.field) in when.values:
            row[field.name] = _value(field, codes)
    for child in node.nodes:
        if everything or child.required:
            row[child.name] = _placed(child, codes, whole=whole)
    return row


def _demands(node: Node) -> bool:
    """Whether the node requires anything at all."""
    fields = any(field.required for field in node.fields)
    return fields or any(child.required for child in node.nodes)


def _value(field: Field, codes: CodeTables) -> Json:
    listed = _listed().get(_HUMP.sub(r"_\1", field.name).lower())
    if listed is not None:
        value = _shaped(listed, field)
        if _fits(value, field, codes):
            return value
    if field.codes and codes[field.codes].values:
        first = next(iter(codes[field.codes].values))
        if _fits(first, field, codes):
            return first
    return _plain(field)


@cache
def _listed() -> dict[str, str]:
    """Field name to value, whatever its heading in the file."""
    tables = [rows for key, rows in read("examples.toml").items() if key != "plain"]
    return {name: value for rows in tables for name, value in rows.items()}


def _shaped(value: str, field: Field) -> str:
    """A day where a day is wanted, a moment where a moment is."""
    if field.kind is Kind.DATE:
        return value[:10]
    if field.kind is Kind.TIME and len(value) == len("yyyy-MM-dd"):
        return f"{value} 00:00:00"
    return value


def _fits(value: str, field: Field, codes: CodeTables) -> bool:
    special = special_problem(field)
    if special is not None:
        return not special(value)
    if field.length and len(value) > field.length:
        return False
    if field.codes and codes[field.codes].values and value not in codes[field.codes].values:
        return False
    return field.kind is not Kind.DIGITS or bool(value.strip("0") and value.isdigit())


def _plain(field: Field) -> str:
    if field.kind is not Kind.TEXT:
        value: str = read("examples.toml")["plain"][field.kind]
        return value if not field.is_numeric or _fits(value, field, CodeTables()) else "0"
    if _CODED_NAME.search(field.name.lower()):
        return "1001"[: field.length or None]
    return field.label[: field.length or None]
