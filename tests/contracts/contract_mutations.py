"""Changes seeded into a contract that break a HIS: each kind of them, at any place it can stand.

A contract is taken as plain data. A mutation lists the places where it can be made, makes it there
on a copy, and says under which path and kind it must be found.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from producers.contracts.structure import Contract, read_columns
from schemas.fields import DATED, Field

Plain = dict[str, Any]
Place = tuple[str, ...]
"""Keys from the root of the plain contract."""


def path_of(place: Place) -> str:
    """The path under which the comparison tells of a place."""
    head, *rest = place
    inner = [key for key in rest if key not in {"fields", "nodes"}]
    return ".".join(inner if head == "transactions" else [head, *inner])


class Mutation(msgspec.Struct, frozen=True):
    """``spoil`` is given the parent of the place and the last key."""

    kind: str
    places: Callable[[Plain], Iterator[Place]]
    spoil: Callable[[Any, str], None]
    named: Callable[[Place], str] = path_of


def plain_of(contract: Contract) -> Plain:
    """The contract as it is read from its file."""
    plain: Plain = msgspec.json.decode(msgspec.json.encode(contract))
    return plain


def mutated(contract: Contract, mutation: Mutation, place: Place) -> Contract:
    """The contract with the mutation at that place."""
    plain = plain_of(contract)
    parent = plain
    for key in place[:-1]:
        parent = parent.setdefault(key, {})
    mutation.spoil(parent, place[-1])
    return msgspec.convert(plain, Contract)


def under(
    *keys: str, wanted: Callable[[str], bool] = lambda _: True
) -> Callable[[Plain], Iterator[Place]]:
    """Every member of one table whose text is wanted, or of one list."""

    def places(plain: Plain) -> Iterator[Place]:
        table: Any = plain
        for key in keys:
            table = table[key]
        texts = table if isinstance(table, dict) else dict.fromkeys(table, "")
        yield from ((*keys, name) for name, text in texts.items() if wanted(text))

    return places


def fields(part: str, wanted: Callable[[Field], bool]) -> Callable[[Plain], Iterator[Place]]:
    """Every such field of the inputs, or of the outputs."""

    def inside(tree: Plain, above: Place) -> Iterator[Place]:
        for name, line in tree.get("fields", {}).items():
            if wanted(read_columns(line)):
                yield (*above, "fields", name)
        for name, child in tree.get("nodes", {}).items():
            yield from inside(child, (*above, "nodes", name))

    def places(plain: Plain) -> Iterator[Place]:
        for infno, entry in plain["transactions"].items():
            yield from inside(entry.get(part, {}), ("transactions", infno, part))

    return places


def trees(part: str, wanted: Callable[[Plain], bool]) -> Callable[[Plain], Iterator[Place]]:
    """Every such node below the root of the inputs, or of the outputs."""

    def inside(tree: Plain, above: Place) -> Iterator[Place]:
        for name, child in tree.get("nodes", {}).items():
            here = (*above, "nodes", name)
            if wanted(child):
                yield here
            yield from inside(child, here)

    def places(plain: Plain) -> Iterator[Place]:
        for infno, entry in plain["transactions"].items():
            yield from inside(entry.get(part, {}), ("transactions", infno, part))

    return places


def new_member(part: str) -> Callable[[Plain], Iterator[Place]]:
    """A place for a new field in each input, or output."""

    def places(plain: Plain) -> Iterator[Place]:
        for infno, entry in plain["transactions"].items():
            for name in entry.get(part, {}).get("nodes", {}):
                yield "transactions", infno, part, "nodes", name, "fields", "brand_new"

    return places


def of_entries(key: str, wanted: Callable[[Plain], bool]) -> Callable[[Plain], Iterator[Place]]:
    """One member of each such transaction."""

    def places(plain: Plain) -> Iterator[Place]:
        for infno, entry in plain["transactions"].items():
            if wanted(entry):
                yield "transactions", infno, key

    return places


def tables(part: str, closed: bool) -> Callable[[Plain], Iterator[Place]]:
    """Code tables that inputs, or outputs, use."""

    def places(plain: Plain) -> Iterator[Place]:
        lists = fields(part, lambda field: bool(field.codes))
        met = {read_columns(_at(plain, place)).codes for place in lists(plain)}
        for name, table in plain["codes"].items():
            if name in met and table.get("closed", False) is closed:
                yield "codes", name

    return places


def _at(plain: Plain, place: Place) -> Any:
    value: Any = plain
    for key in place:
        value = value[key]
    return value


def set_to(value: Any) -> Callable[[Any, str], None]:
    """Put a value there."""

    def spoil(parent: Any, key: str) -> None:
        parent[key] = value

    return spoil


def drop(parent: Any, key: str) -> None:
    """Take it away."""
    if isinstance(parent, list):
        parent.remove(key)
    else:
        del parent[key]


def rewritten(change: Callable[[str], str]) -> Callable[[Any, str], None]:
    """Change the text that stands there."""

    def spoil(parent: Any, key: str) -> None:
        parent[key] = change(parent[key])

    return spoil


def sized(change: int) -> Callable[[Any, str], None]:
    """A field with as many characters or digits more."""

    def spoil(parent: Any, key: str) -> None:
        first, *rest = parent[key].split(" | ")
        kind, _, size = first.partition(" ")
        length, comma, scale = size.partition(",")
        parent[key] = " | ".join([f"{kind} {int(length) + change}{comma}{scale}", *rest])

    return spoil


def retyped(parent: Any, key: str) -> None:
    """A number becomes a date, anything else a number."""
    field = read_columns(parent[key])
    _, *rest = parent[key].split(" | ")
    parent[key] = " | ".join(["date" if field.is_numeric else "whole 4", *rest])


def one_more_need(parent: Any, key: str) -> None:
    """Another member of the frame must not be empty."""
    parent[key] = [*parent.get(key, ()), "desk"]


def flag(name: str, value: bool) -> Callable[[Any, str], None]:
    """Set a mark of the node or table that stands there."""

    def spoil(parent: Any, key: str) -> None:
        parent[key][name] = value

    return spoil


def lose_code(parent: Any, key: str) -> None:
    """Its last code is gone."""
    del parent[key]["values"][-1]


def gain_code(parent: Any, key: str) -> None:
    """A code nobody has."""
    parent[key]["values"].append("~")


def always(field: Field) -> bool:
    return field.required


def has_size(field: Field) -> bool:
    return field.length > field.scale + 1 and field.kind not in DATED


MUTATIONS = [
    Mutation("transaction_removed", under("transactions"), drop),
    Mutation("checked_now", of_entries("listed", lambda e: e.get("listed", False)), drop,
             lambda place: place[1]),
    Mutation("unchecked_now", of_entries("listed", lambda e: not e.get("listed")), set_to(True),
             lambda place: place[1]),
    Mutation("needs_desk", of_entries("where", lambda e: e["where"] != "desk"), set_to("desk")),
    Mutation("money_now", of_entries("money", lambda e: not e.get("money")), set_to(True),
             lambda place: f"{place[1]}.effect"),
    Mutation("check_required", of_entries("checked_by", lambda e: "checked_by" not in e),
             set_to(["04:1192"]), lambda place: f"{place[1]}.checked_by.04:1192"),
    Mutation("limit_lower", of_entries("rows_max", lambda e: "rows_max" not in e), set_to(7)),
    Mutation("limit_lower", of_entries("input_chars_max", lambda e: "input_chars_max" in e),
             set_to(7)),
    Mutation("limit_lower", under("bus", "limits"), set_to(1)),
    Mutation("request_required", new_member("input"), set_to("text 3 | required")),
    Mutation("request_required", new_member("input"), set_to("text 3 | required when a=1,2")),
    Mutation("request_required", fields("input", lambda f: not f.required and f.when is None),
             rewritten(lambda line: f"{line} | required")),
    Mutation("request_required", trees("input", lambda t: not t.get("required")),
             flag("required", True)),
    Mutation("request_required", of_entries("needs", lambda e: "desk" not in e.get("needs", ())),
             one_more_need,
             lambda place: f"{place[1]}.needs.desk"),
    Mutation("request_length", fields("input", has_size), sized(-1)),
    Mutation("request_type", fields("input", lambda _: True), retyped),
    Mutation("request_type", trees("input", lambda t: t.get("repeat", False)),
             flag("repeat", False)),
    Mutation("request_codes", tables("input", closed=True), lose_code),
    Mutation("request_codes", tables("input", closed=False), flag("closed", True)),
    Mutation("member_removed", under("bus", "request"), drop),
    Mutation("request_required", under("bus", "request", wanted=lambda t: "required" not in t),
             rewritten(lambda line: f"{line} | required")),
    Mutation("reply_removed", fields("output", lambda _: True), drop),
    Mutation("reply_removed", fields("file", lambda _: True), drop),
    Mutation("reply_removed", trees("output", lambda _: True), drop),
    Mutation("reply_removed", under("bus", "reply"), drop),
    Mutation("reply_may_lack", fields("output", always),
             rewritten(lambda line: line.replace(" | required", "", 1))),
    Mutation("reply_may_lack", trees("output", lambda t: t.get("required", False)),
             flag("required", False)),
    Mutation("reply_may_lack", under("bus", "reply", wanted=lambda t: "always" in t),
             rewritten(lambda text: text.removesuffix(", always"))),
    Mutation("reply_length", fields("output", has_size), sized(1)),
    Mutation("reply_type", fields("output", lambda _: True), retyped),
    Mutation("reply_type", trees("output", lambda _: True),
             lambda parent, key: set_to({**parent[key], "repeat": not parent[key].get("repeat")})(
                 parent, key)),
    Mutation("reply_type", under("bus", "reply"), rewritten(lambda text: f"null or {text}")),
    Mutation("reply_codes", tables("output", closed=True), gain_code,
             lambda place: f"{path_of(place)}.~"),
    Mutation("reply_codes", tables("output", closed=True), flag("closed", False)),
    Mutation("status_added", lambda _: iter([("bus", "statuses", "lost")]), set_to("final")),
    Mutation("status_changed", under("bus", "statuses"), rewritten(lambda text: f"not {text}")),
    Mutation("outcome_changed", under("bus", "codes"), drop),
    Mutation("outcome_changed", under("bus", "codes"), set_to("held, money moved")),
    Mutation("problem_removed", under("bus", "problems"), drop),
    Mutation("name_changed", under("bus", "names"), set_to("^other$")),
    Mutation("name_changed", under("bus", "names"), drop),
    Mutation("version_changed", lambda _: iter([("bus", "version")]), set_to(2)),
]  # fmt: skip
