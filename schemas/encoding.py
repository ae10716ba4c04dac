"""Strict encoding of an input: compact, amounts with their digits, nothing half empty.

A number that is present but empty goes out as ``"0"``, any other empty value as ``""``; an absent
one stays absent; what the catalogue does not know is passed on. Where a place spells a field its
own way or takes one row as an object, it gets that.
"""

from collections.abc import Callable
from typing import Any

from schemas.contract import Json
from schemas.nodes import Node

Dress = Callable[[Json], Json]


def compile_dress(root: Node) -> Dress:
    """A function from a checked input to the value to be encoded; the caller's is not changed."""
    numeric = frozenset(field.name for field in root.fields if field.is_numeric)
    below = [(child.name, compile_dress(child)) for child in root.nodes]
    renamed = [(field.name, field.sent) for field in root.fields if field.sent]
    repeat, single = root.repeat, root.single

    def row(value: dict[str, Any]) -> dict[str, Any]:
        held = value.values()
        if None in held or "" in held:
            value = {
                name: ("0" if name in numeric else "") if one is None or one == "" else one
                for name, one in value.items()
            }
        elif below or renamed:
            value = dict(value)
        for name, sent in renamed:
            if name in value:
                value[sent] = value.pop(name)
        for name, dress in below:
            inner = value.get(name)
            if inner == "":
                del value[name]
            elif inner is not None:
                value[name] = dress(inner)
        return value

    def dress_node(value: Json) -> Json:
        if not repeat:
            return row(value)
        rows = value if type(value) is list else [value]
        return row(rows[0]) if single and len(rows) == 1 else [row(one) for one in rows]

    return dress_node


def compile_ready(root: Node) -> Callable[[Json], bool]:
    """A function that tells whether the nodes of a checked input have the shape they go out in, so
    that only empty values could need dressing."""
    below = [(child.name, compile_ready(child)) for child in root.nodes]
    is_own = not root.single and not any(field.sent for field in root.fields)
    repeat = root.repeat

    def is_row_ready(row: Json) -> bool:
        return all(is_child_ready(row[name]) for name, is_child_ready in below if name in row)

    def is_ready(value: Json) -> bool:
        if type(value) is not (list if repeat else dict) or not is_own:
            return False
        if not below:
            return True
        return all(map(is_row_ready, value)) if repeat else is_row_ready(value)

    return is_ready


def compile_full(root: Node) -> Callable[[Json], bool]:
    """A function that tells whether nothing in a ready input is empty (or nought)."""
    below = [(child.name, compile_full(child)) for child in root.nodes]

    def is_full(value: Json) -> bool:
        rows = value if type(value) is list else [value]
        if not all(map(all, map(dict.values, rows))):
            return False
        for name, is_child_full in below:
            if not all(is_child_full(row[name]) for row in rows if name in row):
                return False
        return True

    return is_full


def needles(root: Node) -> tuple[bytes, ...]:
    """What the JSON of an input holds when one of its numbers is empty."""
    names = {field.name for _, node in root.walk() for field in node.fields if field.is_numeric}
    return tuple(b'"%b":""' % name.encode() for name in sorted(names))
