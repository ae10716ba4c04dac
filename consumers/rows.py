"""Rows and amounts of a decoded message, whatever shape they came in."""

from decimal import Decimal, InvalidOperation
from typing import Any


def rows_of(data: Any, node: str) -> list[dict[str, Any]]:
    """All rows of one node; an object counts as a list of one."""
    rows = data.get(node) if isinstance(data, dict) else None
    if isinstance(rows, dict):
        return [rows]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def first_row(data: Any, node: str) -> dict[str, Any]:
    """The first row of one node, {} when there is none."""
    return next(iter(rows_of(data, node)), {})


def decimal(value: Any) -> Decimal:
    """An amount from number or text; 0 when it is none (the catalogue has judged it before)."""
    try:
        return Decimal(str(value)) if value not in ("", None) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)


def total_asked(data: Any) -> Decimal:
    """medfee_sumamt of a settling request, in whichever of its nodes it stands."""
    for node in data if isinstance(data, dict) else ():
        row = first_row(data, node)
        if "medfee_sumamt" in row:
            return decimal(row["medfee_sumamt"])
    return Decimal(0)
