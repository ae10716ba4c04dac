"""What a request is about: the few fields every rule asks for, whatever node they sit in."""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the first row of a request's nodes; '' where the transaction has none."""

    psn_no: str = ""
    mdtrt_id: str = ""
    setl_id: str = ""
    chrg_bchno: str = ""
    mdtrt_cert_type: str = ""
    mdtrt_cert_no: str = ""
    medfee_sumamt: Decimal = Decimal(0)

    @property
    def visit(self) -> str:
        """The visit a money call claims: mdtrt_id, or the person where there is none yet."""
        return self.mdtrt_id or self.psn_no


def first_rows(data: Any) -> list[dict[str, Any]]:
    """The input's nodes as rows: an object as it is, of a list its first row."""
    if not isinstance(data, dict):
        return []
    rows = [data]
    for node in data.values():
        row = node[0] if isinstance(node, list) and node else node
        if isinstance(row, dict):
            rows.append(row)
    return rows


def subject_of(data: Any) -> Subject:
    """The subject of a decoded ``input``."""
    found: dict[str, Any] = {}
    for row in first_rows(data):
        for name in Subject.__struct_fields__:
            value = row.get(name)
            if name not in found and isinstance(value, str | int | float | Decimal) and value != "":
                found[name] = decimal(value) if name == "medfee_sumamt" else str(value)
    return Subject(**found)


def decimal(value: Any) -> Decimal:
    """An amount from number or text; 0 when it is none (the catalogue has judged it before)."""
    try:
        return Decimal(str(value)) if value not in ("", None) else Decimal(0)
    except InvalidOperation:
        return Decimal(0)


def rows_of(data: Any, node: str) -> list[dict[str, Any]]:
    """All rows of one node; an object counts as a list of one."""
    rows = data.get(node) if isinstance(data, dict) else None
    if isinstance(rows, dict):
        return [rows]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
