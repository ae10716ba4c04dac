"""Two trees of fields compared: what a request may hold, and what a reply may hold.

A request is safe when the new contract takes all that the old one took; a reply is safe when it
holds nothing the old one did not allow.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from producers.contracts.structure import Contract, Table, Tree, read_columns
from schemas.fields import Field, Kind

Found = Iterator[tuple[str, str, str, str]]

_TEXTUAL = frozenset({Kind.TEXT, Kind.DIGITS, Kind.DATE, Kind.TIME})
_DECIMAL = frozenset({Kind.AMOUNT, Kind.NUMBER, Kind.WHOLE})
_TAKES: dict[Kind, frozenset[Kind]] = {
    Kind.TEXT: _TEXTUAL,
    Kind.ANY: _TEXTUAL | {Kind.ANY},
    Kind.AMOUNT: _DECIMAL,
    Kind.NUMBER: _DECIMAL,
}
"""What a field of a kind takes beside its own kind."""
_FIXED_LENGTH = {Kind.DATE: 10, Kind.TIME: 19}
_NO_LIMIT = 10**9


class Codes(msgspec.Struct, frozen=True):
    """The code tables before and after."""

    old: Mapping[str, Table]
    new: Mapping[str, Table]


def asked(contract: Contract) -> set[str]:
    """Code tables that requests use, their frame included."""
    inputs = [entry.input for entry in contract.transactions.values()]
    return _tables([*contract.bus.request.values(), *_all_lines(inputs)])


def told(contract: Contract) -> set[str]:
    """Code tables that replies use, and the files that come with them."""
    entries = contract.transactions.values()
    return _tables(_all_lines([tree for entry in entries for tree in (entry.output, entry.file)]))


def _tables(lines: Iterable[str]) -> set[str]:
    return {line.partition("| codes ")[2].split()[0] for line in lines if "| codes " in line}


def _all_lines(trees: Iterable[Tree]) -> list[str]:
    return [line for tree in trees for line in _lines(tree)]


def _lines(tree: Tree) -> Iterator[str]:
    yield from tree.fields.values()
    for child in tree.nodes.values():
        yield from _lines(child)


class _Side(msgspec.Struct, frozen=True):
    """The kinds of changes of one side of a call."""

    name: str
    demanded: str
    """A part that was not always there is required, or always told, now."""
    freed: str
    gone: str
    new: str
    new_demanded: str
    eased: str
    """Nothing that was safe is unsafe now."""
    object_to_list: str


_REQUEST = _Side(
    name="request",
    demanded="request_required",
    freed="request_optional",
    gone="request_dropped",
    new="request_added",
    new_demanded="request_required",
    eased="request_wider",
    object_to_list="request_wider",
)
_REPLY = _Side(
    name="reply",
    demanded="reply_always",
    freed="reply_may_lack",
    gone="reply_removed",
    new="reply_added",
    new_demanded="reply_added",
    eased="reply_narrower",
    object_to_list="reply_type",
)


def request(path: str, old: Tree, new: Tree, codes: Codes) -> Found:
    """Changes of an input."""
    return _tree(path, (old, new), codes, _REQUEST)


def reply(path: str, old: Tree, new: Tree, codes: Codes) -> Found:
    """Changes of an output."""
    return _tree(path, (old, new), codes, _REPLY)


def request_kind(before: str, after: str) -> str:
    """The kind of the weightiest change of one member of a request's frame."""
    if not before:
        return "request_required" if read_columns(after).required else "request_added"
    return next(iter(_field("", (before, after), Codes({}, {}), _REQUEST)))[1]


def _tree(path: str, pair: tuple[Tree, Tree], codes: Codes, side: _Side) -> Found:
    old, new = pair
    if old.repeat and not new.repeat:
        yield path, f"{side.name}_type", "list", "object"
    elif new.repeat and not old.repeat:
        yield path, side.object_to_list, "object", "list"
    for name in old.fields.keys() | old.nodes.keys() | new.fields.keys() | new.nodes.keys():
        at, before, after = f"{path}.{name}", _part(old, name), _part(new, name)
        if isinstance(before, Tree) and isinstance(after, Tree):
            if before.required != after.required:
                yield at, side.demanded if after.required else side.freed, "", ""
            yield from _tree(at, (before, after), codes, side)
        elif isinstance(before, str) and isinstance(after, str):
            yield from _field(at, (before, after), codes, side)
        elif before is None:
            yield at, side.new_demanded if _is_demanded(after) else side.new, "", _shown(after)
        else:
            kind = side.gone if after is None else f"{side.name}_type"
            yield at, kind, _shown(before), _shown(after)


def _field(path: str, pair: tuple[str, str], codes: Codes, side: _Side) -> Found:
    """Changes of one field's columns, those that break a request first."""
    if pair[0] == pair[1]:
        return
    old, new = map(read_columns, pair)
    cases = _cases(old), _cases(new)
    if not _covers(cases[0], cases[1]):
        yield path, side.demanded, *pair
    asked = side is _REQUEST
    broken = list(_outside(new, old) if asked else _outside(old, new))
    if old.codes != new.codes:
        values = _values(old, codes.old), _values(new, codes.new)
        if not (_covers(values[1], values[0]) if asked else _covers(values[0], values[1])):
            broken.append("codes")
    for aspect in broken:
        yield path, f"{side.name}_{aspect}", *pair
    if not _covers(cases[1], cases[0]):
        yield path, side.freed, *pair
    if cases[0] == cases[1] and not broken:
        yield path, side.eased, *pair


def _part(tree: Tree, name: str) -> Tree | str | None:
    return tree.nodes.get(name) or tree.fields.get(name)


def _shown(part: Tree | str | None) -> str:
    if isinstance(part, Tree):
        return "list" if part.repeat else "object"
    return part or ""


def _is_demanded(part: Tree | str | None) -> bool:
    if isinstance(part, Tree):
        return part.required
    return bool(part) and _cases(read_columns(part or "")) != frozenset()


def _outside(wide: Field, narrow: Field) -> Iterator[str]:
    """In what ``narrow`` allows more than ``wide``: its ``type`` or its ``length``."""
    if narrow.kind is not wide.kind and narrow.kind not in _TAKES.get(wide.kind, ()):
        yield "type"
    elif any(n > w for n, w in zip(_sizes(narrow), _sizes(wide), strict=True)):
        yield "length"


def _sizes(field: Field) -> tuple[int, int]:
    """Characters, or digits before the point; decimals."""
    if field.kind in _FIXED_LENGTH:
        return _FIXED_LENGTH[field.kind], 0
    return (field.length - field.scale if field.length else _NO_LIMIT), field.scale


_All = frozenset[str] | None
"""A set of texts; None is all there are."""


def _covers(outer: _All, inner: _All) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _values(field: Field, tables: Mapping[str, Table]) -> _All:
    """The codes a field takes."""
    table = tables.get(field.codes)
    return frozenset(table.values) if table is not None and table.closed else None


def _cases(field: Field) -> _All:
    """In which cases the field has to be there."""
    if field.when is not None:
        return frozenset(f"{field.when.field}={value}" for value in field.when.values)
    return None if field.required else frozenset()
