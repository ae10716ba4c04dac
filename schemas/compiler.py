"""A node compiled for the hot path.

Presence, types, lengths and closed codes are checked by msgspec in C; numbers, dates and conditions
by a short list of tests per node.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from schemas.codes import CodeTables
from schemas.contract import Json
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.values import Problem, special_problem

DIGITS_PATTERN = r"^0*[1-9][0-9]*\Z"

Row = dict[str, Any]


class _Test(msgspec.Struct, frozen=True):
    name: str
    required: bool
    problem: Problem


class _Compiled(msgspec.Struct, frozen=True):
    """One node: its Struct, what msgspec cannot check, and the nodes below."""

    name: str
    row: type
    tests: tuple[_Test, ...]
    conditions: tuple[Callable[[Row], bool], ...]
    below: tuple["_Compiled", ...]

    @property
    def has_more(self) -> bool:
        """Whether there is more to check than single values."""
        return bool(self.conditions or self.below)

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


def _compile(node: Node, codes: CodeTables) -> _Compiled:
    below = tuple(_compile(child, codes) for child in node.nodes)
    members: list[tuple[str, Any, Any]] = []
    for position, field in enumerate(node.fields):
        members.append(_member(position, field.name, _type_of(field, codes), field.required))
    for position, (child, made) in enumerate(zip(node.nodes, below, strict=True)):
        shape = _rows_type(child, made.row) if child.repeat else made.row
        members.append(_member(1000 + position, child.name, shape, child.required))
    return _Compiled(
        name=node.name,
        row=msgspec.defstruct("Row", members, kw_only=True, gc=False),
        tests=tuple(_tests(node)),
        conditions=tuple(_condition(field) for field in node.fields if field.when),
        below=tuple(one for one in below if one.has_work),
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


def _tests(node: Node) -> list[_Test]:
    found = []
    for field in node.fields:
        problem = special_problem(field)
        if problem is not None:
            found.append(_Test(field.name, field.required, problem))
    return found


def _condition(field: Field) -> Callable[[Row], bool]:
    assert field.when is not None  # noqa: S101 - the caller chose fields with a condition
    name, other, values = field.name, field.when.field, field.when.values

    def holds(row: Row) -> bool:
        return row.get(other) not in values or row.get(name) not in (None, "")

    return holds


def _is_sound(node: _Compiled, value: Json) -> bool:
    rows = value if type(value) is list else (value,)
    tests = [(test.name, test.required, test.problem) for test in node.tests]
    has_more = node.has_more
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
    if not all(holds(row) for holds in node.conditions):
        return False
    inner = ((child, row.get(child.name)) for child in node.below)
    return all(value is None or _is_sound(child, value) for child, value in inner)
