"""An output row from what is known: each field takes the first value that fits it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox.fields import Json
from sandbox.general.facts import spell
from schemas.codes import CodeTables
from schemas.fields import Field
from schemas.nodes import Node
from schemas.walker import list_faults

Known = dict[str, Any]
"""Texts by spelled field name; lists of such under ``rows_name`` of their node."""


def rows_name(node: str) -> str:
    """The name of a list, which no field has, whatever a caller sends in its place."""
    return f"{spell(node)}[]"


def known(value: Json) -> Known:
    """An object with its names spelled, objects inside it flattened, lists of objects kept."""
    flat: Known = {}
    for name, one in value.items():
        if isinstance(one, dict):
            flat = known(one) | flat
        elif isinstance(one, list):
            flat[rows_name(name)] = [known(row) for row in one if isinstance(row, dict)]
        elif one is not None and str(one).strip():
            flat[spell(name)] = str(one).strip()
    return flat


class Filler(msgspec.Struct, frozen=True, kw_only=True):
    """Makes rows. What no source has is taken from a sample of the same node: all of it when
    ``whole``, else only where a field is required; lists nobody gave are then empty."""

    codes: CodeTables
    whole: bool

    def row(self, node: Node, sources: Sequence[Known], sample: Any) -> Json:
        """One row of ``node``; ``sources`` in the order they are believed."""
        sample = sample if isinstance(sample, dict) else {}
        row: Json = {field.name: self._value(field, sources, sample) for field in node.fields}
        for child in node.nodes:
            row[child.name] = self._placed(child, sources, sample.get(child.name))
        return row

    def _placed(self, node: Node, sources: Sequence[Known], sample: Any) -> Any:
        if not node.repeat:
            return self.row(node, sources, sample)
        first = sample[0] if isinstance(sample, list) and sample else sample
        for source in sources:
            rows = source.get(rows_name(node.name))
            if isinstance(rows, list):
                return [self.row(node, [row, *sources], first) for row in rows]
        return [self.row(node, sources, first)] if self.whole else []

    def _value(self, field: Field, sources: Sequence[Known], sample: Json) -> str:
        name = spell(field.name)
        for source in sources:
            value = source.get(name)
            if isinstance(value, str) and value:
                fitting = _fitted(field, value, self.codes)
                if fitting:
                    return fitting
        return str(sample.get(field.name) or "") if self.whole or field.required else ""


def _fitted(field: Field, value: str, codes: CodeTables) -> str:
    """The value, a day cut out of a moment or made one, or nothing when it does not fit."""
    for candidate in (value, value[:10], f"{value} 00:00:00"):
        lone = Node(name="x", fields=(msgspec.structs.replace(field, when=None),))
        if not list_faults(lone, {field.name: candidate}, codes):
            return candidate
        if not field.is_dated:
            break
    return ""
