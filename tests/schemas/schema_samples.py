"""Inputs for the tests: a right one for any transaction, and strategies that spoil it."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.catalogue import Catalogue, build
from schemas.codes import CodeTables
from schemas.data_files import parse
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.profile import Profile, load_profile
from schemas.transaction import Transaction

VISIT = [
    "1101", "1191", "1192", "1201", "2001", "2101", "2102", "2103", "2102A", "2201", "2202",
    "2203", "2204", "2205", "2206", "2207", "2208", "2203A", "2206A", "2207A", "2301", "2302",
    "2303", "2304", "2305", "2303A", "2304A", "2401", "2402", "2403", "2404", "2405", "2406",
    "2601", "5201", "5202", "5203", "5204", "5303", "9001", "9002",
]  # fmt: skip

_PLAIN = {
    Kind.AMOUNT: "12.34",
    Kind.WHOLE: 3,
    Kind.DATE: "2024-02-29",
    Kind.TIME: "2024-02-29 23:59:59",
    Kind.DIGITS: "12",
    Kind.ANY: "x",
    Kind.NUMBER: "1",
}


def right_value(field: Field, codes: CodeTables) -> Any:
    if field.codes and codes[field.codes].values:
        return next(iter(codes[field.codes].values))
    return _PLAIN.get(field.kind, "中a"[: field.length or 2])


def right_row(node: Node, codes: CodeTables) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: right_value(field, codes) for field in node.fields}
    for child in node.nodes:
        rows = [right_row(child, codes) for _ in range(2)]
        row[child.name] = rows if child.repeat else rows[0]
    return row


def right_input(transaction: Transaction) -> Any:
    row = right_row(transaction.inputs, transaction.codes)
    return [row] if transaction.inputs.repeat else row


def right_output(transaction: Transaction) -> Any:
    row = right_row(transaction.outputs, transaction.codes)
    return [row] if transaction.outputs.repeat else row


def raw(value: Any) -> bytes:
    return msgspec.json.encode(value)


def transaction_of(text: str, profile: Profile | None = None) -> Transaction:
    """A transaction X001 whose input and output are given as TOML, in the real format."""
    head = """
    name = "试验"
    name_en = "trial"
    group = "trial"
    where = "centre"
    effect = "query"
    recovery = "repeat"
    confidence = "high"
    origin = []
    lines = {}
    """
    section = parse(head + text, "trial.toml")
    region = profile or load_profile("national", {"limits": {"input_chars_max": 0}})
    return build("X001", section, "trial.toml", region, CodeTables())


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.decimals(),
    st.text(max_size=40),
    st.sampled_from(["", "0", "00", "1.", ".5", "+1", "1e3", "-0", "-12.5", "0.125", "12\n", "١"]),
    st.sampled_from(["2024-02-30", "2024-2-3", "2024-02-29", "2024-02-29T10:00:00", "0000-01-01"]),
    st.sampled_from(["2024-02-29 24:00:00", "2024-02-29 10:00:00", "2024-02-29 10:00"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@st.composite
def spoiled(draw: st.DrawFn, node: Node, codes: CodeTables) -> Any:
    """A row near enough to right that one thing at a time is wrong."""
    row: dict[str, Any] = right_row(node, codes)
    names = sorted(row)
    for name in draw(st.lists(st.sampled_from(names), max_size=3)) if names else ():
        if draw(st.booleans()):
            row.pop(name, None)
        else:
            row[name] = draw(ANYTHING)
    for child in node.nodes:
        if isinstance(row.get(child.name), dict | list) and draw(st.booleans()):
            inner = spoiled(child, codes)
            wanted = st.lists(inner, max_size=3) if child.repeat else inner
            row[child.name] = draw(wanted | inner)
    if draw(st.booleans()):
        row["some_other_name"] = draw(ANYTHING)
    return row


def exact(value: Any) -> Any:
    """The value with floats as they arrive from the wire."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: exact(one) for name, one in value.items()}
    return [exact(one) for one in value] if isinstance(value, list) else value


def every(catalogue: Catalogue) -> list[Transaction]:
    return [catalogue[infno] for infno in catalogue.infnos()]
