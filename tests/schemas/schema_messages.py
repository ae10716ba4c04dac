"""Random right messages for any node of the catalogue."""

from typing import Any

from hypothesis import strategies as st

from schemas.codes import CodeTables
from schemas.fields import Field, Kind
from schemas.nodes import Node

LETTERS = st.text(st.sampled_from("ab09中文汉字 -_./%\"\\'<>é"), min_size=1, max_size=12)
ROWS_MAX = 2


@st.composite
def message_of(draw: st.DrawFn, node: Node, codes: CodeTables) -> Any:
    """An object, or rows; optional fields and nodes are there or not, or empty."""
    if not node.repeat:
        return draw(row_of(node, codes))
    least = 1 if node.required else 0
    return [draw(row_of(node, codes)) for _ in range(draw(st.integers(least, ROWS_MAX)))]


@st.composite
def row_of(draw: st.DrawFn, node: Node, codes: CodeTables) -> dict[str, Any]:
    # One draw decides for all optional fields: a draw for each would be most of the time.
    mask = draw(st.integers(0, 2 ** len(node.fields)))
    row: dict[str, Any] = {}
    for position, field in enumerate(node.fields):
        if field.required:
            row[field.name] = draw(value_of(field, codes))
        elif mask >> position & 1:
            row[field.name] = draw(value_of(field, codes)) if position % 3 else ""
    for field in node.fields:
        when = field.when
        if when is not None and row.get(when.field) in when.values and not row.get(field.name):
            row[field.name] = draw(value_of(field, codes))
    for position, child in enumerate(node.nodes):
        if child.required or mask >> position & 1:
            row[child.name] = draw(message_of(child, codes))
    return row


def value_of(field: Field, codes: CodeTables) -> st.SearchStrategy[Any]:
    """A right value that is not empty."""
    table = codes[field.codes] if field.codes else None
    if table is not None and table.closed:
        return st.sampled_from(list(table.values))
    match field.kind:
        case Kind.DATE:
            return st.sampled_from(["2024-02-29", "1999-12-31"])
        case Kind.TIME:
            return st.sampled_from(["2024-02-29 23:59:59", "1999-12-31 00:00:00"])
        case Kind.DIGITS:
            return st.integers(1, 10**field.length - 1).map(str)
        case Kind.ANY:
            return st.sampled_from(["{}", {"k": "v"}, ["v"]])
        case Kind.TEXT:
            return LETTERS.map(lambda text: text[: field.length or None])
        case _:
            return _number(field)


def _number(field: Field) -> st.SearchStrategy[Any]:
    top = 10 ** min(field.length - field.scale, 12) - 1 if field.length else 999
    whole = st.integers(-top, top)
    if not field.scale:
        return whole | whole.map(str)
    fraction = "0" * (field.scale - 1) + "5"
    return whole | whole.map(lambda number: f"{number}.{fraction}")
