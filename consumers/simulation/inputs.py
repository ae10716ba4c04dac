"""Right inputs for any transaction, from the catalogue's own description of it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from schemas.codes import CodeTables
from schemas.fields import Field, Kind
from schemas.nodes import Node
from schemas.transaction import Transaction

Json = dict[str, Any]
Values = Mapping[str, str]

_PLAIN = {
    Kind.AMOUNT: "10.00",
    Kind.NUMBER: "1",
    Kind.WHOLE: "1",
    Kind.DATE: "2026-03-10",
    Kind.TIME: "2026-03-10 08:00:00",
    Kind.DIGITS: "12",
}
OF_EVERYONE = {
    "mdtrt_cert_type": "03",
    "mdtrt_cert_no": "CARD1",
    "card_sn": "SN1",
    "med_type": "11",
    "insutype": "310",
    "det_item_fee_sumamt": "10.00",
    "pric": "10",
    "cnt": "1",
    "mid_setl_flag": "0",
}
"""What every patient of a simulation has: a card and one row of ten yuan."""
EXTRA = ("invono", "card_sn", "chrg_bchno")
"""Optional fields that are filled all the same."""


def input_for(transaction: Transaction, values: Values, rows: Sequence[Values] = ()) -> Json:
    """An input with ``values`` wherever a field has their name; ``rows`` go into its list."""
    filled: Json = {}
    for node in transaction.inputs.nodes:
        if node.required:
            each = [row_of(node, transaction.codes, {**values, **row}) for row in rows or ({},)]
            filled[node.name] = each if node.repeat else each[0]
    return filled


def row_of(node: Node, codes: CodeTables, values: Values) -> Json:
    """One row: every field that is required, and those whose value is given."""
    names, defaults = _shape(node, codes)
    return {**defaults, **{name: values[name] for name in names & values.keys()}}


@cache
def _shape(node: Node, codes: CodeTables) -> tuple[frozenset[str], Json]:
    wanted = [field for field in node.fields if field.required or field.name in EXTRA]
    defaults = {field.name: _value(field, codes) for field in wanted}
    return frozenset(field.name for field in node.fields), defaults


def _value(field: Field, codes: CodeTables) -> str:
    if field.name in OF_EVERYONE:
        return OF_EVERYONE[field.name]
    if field.codes and codes[field.codes].values:
        return next(iter(codes[field.codes].values))
    return _PLAIN.get(field.kind, "示例"[: field.length or 2])
