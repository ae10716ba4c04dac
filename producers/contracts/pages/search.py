"""The index of the search, as a script: pages from a disk may load scripts, but no data files.

``transactions``: number, Chinese name, English name, business lines. ``fields``: name, label, and
where it stands as pairs (number of the transaction, number of the path). ``tables``: name, label,
values as one text.
"""

from typing import Any

import msgspec

from producers.contracts.pages import codes
from schemas.transaction import Transaction


def script(every: list[Transaction]) -> str:
    """``assets/search-index.js``."""
    text = msgspec.json.encode(index(every)).decode("utf-8").replace("</", "<\\/")
    return f'"use strict";\nglobalThis.YIBAO_INDEX = {text};\n'


def index(every: list[Transaction]) -> dict[str, Any]:
    """What the script holds."""
    paths: dict[str, int] = {}
    fields: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(every):
        roots = (one.inputs, one.outputs, one.files)
        for path, node in (found for root in roots for found in root.walk()):
            place = paths.setdefault(path, len(paths))
            for field in node.fields:
                fields.setdefault((field.name, field.label), []).extend((number, place))
    tables = {name: one.codes[name] for one in every for name in codes.used(one)}
    return {
        "transactions": [(one.infno, one.name, one.name_en, " ".join(one.lines)) for one in every],
        "paths": list(paths),
        "fields": [(name, label, places) for (name, label), places in sorted(fields.items())],
        "tables": [
            (name, table.label, " ".join(f"{code} {text}" for code, text in table.values.items()))
            for name, table in sorted(tables.items())
        ],
    }
