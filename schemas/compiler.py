"""A node compiled for the hot path.

Presence, types, lengths and closed codes are checked by msgspec in C; numbers, dates and conditions
by a short list of tests per node.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from schemas.codes import CodeTables
from schemas.contract import Json
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.values import Problem, number_pattern, special_problem

DIGITS_PATTERN = r"^0*[1-9][0-9]*\Z"

Row = dict[str, Any]


_Test = tuple[str, bool, Problem]
"""Name, whether required, and what is wrong with a value that is there."""

COLUMN_MIN = 4
"""Rows from which a column is judged as a whole: fewer are judged faster one by one."""


class _Column:
    """One field of many rows: whether every value is right. Numbers are matched in one go, the
    distinct values of anything else one by one."""

    def __init__(self, field: Field, problem: Problem) -> None:
        self._name = field.name
        self._required = field.required
        self._problem = problem
        self._match: Callable[[str], Any] | None = None
        if field.is_numeric:
            one = number_pattern(field.length, field.scale)
            one = one if field.required else f"(?:{one})?"
            self._match = re.compile(rf"{one}(?:\n{one})*\Z").match

    def is_sound(self, rows: Sequence[Row]) -> bool:
        """Whether the field is right in every row."""
        name = self._name
        try:
            values = [row.get(name, "") for row in rows]
            if self._match is not None:
                joined = "\n".join(values)
                # A value with a line break in it would pass for two.
                return joined.count("\n") == len(rows) - 1 and self._match(joined) is not None
            distinct = set(values)
        except TypeError:  # not all of them texts: each is judged as it is
            return all(self._is_right(row.get(name)) for row in rows)
        return all(map(self._is_right, distinct))

    def _is_right(self, value: Json) -> bool:
        if value is None or value == "":
            return not self._required
        return not self._problem(value)


class _Compiled(msgspec.Struct, frozen=True):
    """One node: its Struct, what msgspec cannot check, and the nodes below."""

    name: str
    row: type
    tests: tuple[_Test, ...]
    columns: tuple[_Column, ...]
    """The tests again, each for a column of many rows."""
    conditions: tuple[Callable[[Row], bool], ...]
    below: tuple["_Compiled", ...]
    has_more: bool
    """Whether there is more to check than single values."""

    @property
    def has_work(self) -> bool:
        """Whether there is anything to check beyond the Struct."""
        return bool(self.tests) or self.has_more


def compile_check(root: Node, codes: CodeTables) -> Callable[[Json], bool]:
    """A function that tells whether a decoded input has no fault."""
    compiled = _compile(root, codes)
    shape: Any = _rows_type(root, compiled.row) if root.repeat else compiled.row

    def check(value: Json) -> bool:
        try:
            msgspec.convert(value, shape)
        except (msgspec.ValidationError, RecursionError):
            return False
        return _is_sound(compiled, value)

    return check


def compile_listed(root: Node, codes: CodeTables) -> Callable[[Json], bool]:
    """A function that tells whether the open code tables list every value of an input without
    faults."""
    tables = ((field.name, codes[field.codes]) for field in root.fields if field.codes)
    coded = [
        (name, frozenset({"", None, *table.values}))
        for name, table in tables
        if table.values and not table.closed
    ]
    below = [(child.name, compile_listed(child, codes)) for child in root.nodes]

    def listed(value: Json) -> bool:
        if type(value) is list:
            return all(map(listed, value))
        get = value.get
        for name, values in coded:
            if get(name) not in values:
                return False
        for name, are_listed in below:
            inner = get(name)
            if inner is not None and not are_listed(inner):
                return False
        return True

    return listed


def _compile(node: Node, codes: CodeTables) -> _Compiled:
    below = tuple(_compile(child, codes) for child in node.nodes)
    members: list[tuple[str, Any, Any]] = []
    for position, field in enumerate(node.fields):
        members.append(_member(position, field.name, _type_of(field, codes), field.required))
    for position, (child, made) in enumerate(zip(node.nodes, below, strict=True)):
        shape = _rows_type(child, made.row) if child.repeat else made.row
        members.append(_member(1000 + position, child.name, shape, child.required))
    conditions = tuple(_condition(field) for field in node.fields if field.when)
    to_visit = tuple(one for one in below if one.has_work)
    return _Compiled(
        name=node.name,
        row=msgspec.defstruct("Row", members, kw_only=True, gc=False),
        tests=tuple((field.name, field.required, problem) for field, problem in _special(node)),
        columns=tuple(_Column(field, problem) for field, problem in _special(node)),
        conditions=conditions,
        below=to_visit,
        has_more=bool(conditions or to_visit),
    )


def _member(position: int, name: str, shape: Any, required: bool) -> tuple[str, Any, Any]:
    # Official names may hold a dash, so the attribute is a number.
    if required:
        return f"m{position}", shape, msgspec.field(name=name)
    return f"m{position}", shape | None, msgspec.field(name=name, default=None)


def _rows_type(node: Node, row: type) -> Any:
    least = 1 if node.required else 0
    most = node.rows_max or None
    return Annotated[list[row], msgspec.Meta(min_length=least, max_length=most)] | row  # type: ignore[valid-type]


def _type_of(field: Field, codes: CodeTables) -> Any:
    if special_problem(field) is not None:
        return Any
    least = 1 if field.required else 0
    if field.codes and codes[field.codes].closed:
        allowed = tuple(codes[field.codes].values)
        return Literal[allowed if field.required else ("", *allowed)]
    most = field.length or None
    if field.kind is Kind.DIGITS:
        digits = Annotated[str, msgspec.Meta(pattern=DIGITS_PATTERN, max_length=most)]
        return digits if field.required else digits | Literal[""]
    return Annotated[str, msgspec.Meta(min_length=least, max_length=most)]


def _special(node: Node) -> list[tuple[Field, Problem]]:
    """The fields that msgspec cannot judge."""
    judged = ((field, special_problem(field)) for field in node.fields)
    return [(field, problem) for field, problem in judged if problem is not None]


def _condition(field: Field) -> Callable[[Row], bool]:
    assert field.when is not None  # noqa: S101 - the caller chose fields with a condition
    name, other, values = field.name, field.when.field, field.when.values

    def holds(row: Row) -> bool:
        return row.get(other) not in values or row.get(name) not in (None, "")

    return holds


def _is_sound(node: _Compiled, value: Json) -> bool:
    rows = value if type(value) is list else (value,)
    if len(rows) >= COLUMN_MIN:
        below = not node.has_more or all(_is_row_sound(node, row) for row in rows)
        return below and all(column.is_sound(rows) for column in node.columns)
    tests, has_more = node.tests, node.has_more
    for row in rows:
        get = row.get
        for name, required, problem in tests:
            one = get(name)
            if required if one is None or one == "" else problem(one):
                return False
        if has_more and not _is_row_sound(node, row):
            return False
    return True


def _is_row_sound(node: _Compiled, row: Row) -> bool:
    for holds in node.conditions:
        if not holds(row):
            return False
    for child in node.below:
        value = row.get(child.name)
        if value is not None and not _is_sound(child, value):
            return False
    return True
