"""Code tables from downloaded dictionaries: what 1901 answers, as an overlay of the catalogue's.

A table that is there replaces the catalogue's, so that a value the place does not have is noticed;
whether a stray value is a fault stays as the catalogue has it. One document is one answer: the
reply of the bus, its ``output``, or the bare list.
"""

from collections.abc import Iterable
from typing import Any

from schemas.catalogue import everything
from schemas.codes import CodeTables
from schemas.contract import Json

VALID = frozenset({"1", ""})
"""``valiFlag`` of an entry in use; some places leave it empty."""


class DictionaryError(ValueError):
    """A document is no answer to 1901. The text counts documents from 1, and quotes no value."""


def code_tables(documents: Iterable[Json]) -> dict[str, dict[str, Any]]:
    """The ``codes`` table of a profile from answers to 1901. ``DictionaryError``."""
    known = CodeTables()
    found: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(documents, 1):
        for row in _rows(document, number):
            name = row["type"]
            table = found.setdefault(name, _head(name, known))
            if row.get("valiFlag", "") in VALID:
                table["values"][row["value"]] = row["label"]
    return {name: table for name, table in found.items() if table["values"]}


def _head(name: str, known: CodeTables) -> dict[str, Any]:
    if name not in known:
        return {"label": name, "values": {}}
    table = known[name]
    return {"label": table.label, "closed": table.closed, "values": {}}


def _rows(document: Json, number: int) -> list[dict[str, str]]:
    output = document.get("output", document) if isinstance(document, dict) else document
    normal = everything()["1901"].decode_output(output)
    rows = normal.get("list") if isinstance(normal, dict) else None
    if not isinstance(rows, list):
        raise DictionaryError(f"document {number} holds no list")
    for position, row in enumerate(rows, 1):
        if not _is_entry(row):
            what = "type, value or label missing"
            raise DictionaryError(f"document {number}, entry {position}: {what}")
    return rows


def _is_entry(row: Json) -> bool:
    texts = [row.get(name) for name in ("type", "value", "label")] if type(row) is dict else [""]
    return all(isinstance(text, str) and text for text in texts)
