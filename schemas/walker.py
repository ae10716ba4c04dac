"""All faults of an input at once, in plain Python: where, what, and what is allowed instead.

Runs only when the fast path said no (and is its second opinion in the tests).
"""

import re
from collections.abc import Iterator
from itertools import islice

from schemas.codes import CodeTable, CodeTables
from schemas.contract import Fault, Json
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.problems import Limit, fault, limit_of
from schemas.values import is_empty, special_problem

FAULTS_MAX = 500
"""Faults listed for one message: more help nobody, and a reply must stay small."""

CODES_SHOWN_MAX = 20
"""Codes of a closed table named in a fault."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
_OBJECT = Limit("JSON对象", "an object")
_LIST = Limit("JSON数组", "a list")


def list_faults(root: Node, value: Json, codes: CodeTables) -> tuple[Fault, ...]:
    """Every fault, in the order of the specification; at most ``FAULTS_MAX`` and one saying so."""
    found = tuple(islice(_Walk(codes).place(root, value, f"$.{root.name}"), FAULTS_MAX + 1))
    if len(found) <= FAULTS_MAX:
        return found
    return (*found[:FAULTS_MAX], fault(f"$.{root.name}", "more", limit=str(FAULTS_MAX)))


def list_warnings(root: Node, value: Json, codes: CodeTables) -> tuple[Fault, ...]:
    """Values that open code tables do not list, of an input without faults."""
    return tuple(islice(_unlisted(root, value, f"$.{root.name}", codes), FAULTS_MAX))


def join(path: str, name: str) -> str:
    """A member's JSON path below an object's."""
    return f"{path}.{name}" if _PLAIN.match(name) else f"{path}['{name}']"


class _Walk:
    def __init__(self, codes: CodeTables) -> None:
        self._codes = codes

    def place(self, node: Node, value: Json, path: str) -> Iterator[Fault]:
        """A node's value: an object, or rows."""
        if type(value) is dict:
            yield from self._row(node, value, path)
        elif type(value) is list and node.repeat:
            yield from self._rows(node, value, path)
        else:
            yield fault(path, "wrong_type", node.name, _LIST if node.repeat else _OBJECT)

    def _rows(self, node: Node, rows: list[Json], path: str) -> Iterator[Fault]:
        if not rows and node.required:
            yield fault(path, "missing", node.name)
        if node.rows_max and len(rows) > node.rows_max:
            yield fault(path, "too_many_rows", node.name, str(node.rows_max))
        for position, row in enumerate(rows):
            where = f"{path}[{position}]"
            if type(row) is dict:
                yield from self._row(node, row, where)
            else:
                yield fault(where, "wrong_type", node.name, _OBJECT)

    def _row(self, node: Node, row: dict[str, Json], path: str) -> Iterator[Fault]:
        for field in node.fields:
            yield from self._field(field, row, join(path, field.name))
        for child in node.nodes:
            where = join(path, child.name)
            inner = row.get(child.name)
            if inner is not None:
                yield from self.place(child, inner, where)
            elif child.required:
                yield fault(where, "missing", child.name)

    def _field(self, field: Field, row: dict[str, Json], path: str) -> Iterator[Fault]:
        value = row.get(field.name)
        if is_empty(value):
            if field.required or _is_demanded(field, row):
                yield fault(path, "missing", field.label, limit_of(field))
            return
        table = self._codes[field.codes] if field.codes else None
        problem = _problem(field, value, table)
        if problem:
            yield fault(path, problem, field.label, _limit(field, problem, table))


def _is_demanded(field: Field, row: dict[str, Json]) -> bool:
    when = field.when
    return when is not None and row.get(when.field) in when.values


def _problem(field: Field, value: Json, table: CodeTable | None) -> str:
    special = special_problem(field)
    if special is not None:
        return special(value)
    if type(value) is not str:
        return "wrong_type"
    if table is not None and table.closed:
        return "" if value in table.values else "not_in_codes"
    if field.kind is Kind.DIGITS:
        fits = _DIGITS.match(value) and len(value) <= field.length and value.strip("0")
        return "" if fits else "not_digits"
    return "too_long" if field.length and len(value) > field.length else ""


def _limit(field: Field, problem: str, table: CodeTable | None) -> Limit | str:
    if problem in {"too_long", "not_digits"}:
        return str(field.length)
    if problem == "not_in_codes" and table is not None:
        shown = list(table.values.items())[:CODES_SHOWN_MAX]
        return "，".join(f"{code} {meaning}" for code, meaning in shown)
    return limit_of(field)


def _unlisted(node: Node, value: Json, path: str, codes: CodeTables) -> Iterator[Fault]:
    if type(value) is list:
        for position, row in enumerate(value):
            yield from _unlisted(node, row, f"{path}[{position}]", codes)
        return
    for field in node.fields:
        one = value.get(field.name)
        if field.codes and not is_empty(one):
            table = codes[field.codes]
            if table.values and not table.closed and one not in table.values:
                yield fault(join(path, field.name), "unlisted_code", field.label)
    for child in node.nodes:
        inner = value.get(child.name)
        if inner is not None:
            yield from _unlisted(child, inner, join(path, child.name), codes)
