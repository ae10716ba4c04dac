"""Transactions as tables for people: columns line up, Chinese characters being twice as wide."""

from collections.abc import Iterable, Sequence
from unicodedata import east_asian_width

from schemas.codes import CodeTables
from schemas.data_files import read
from schemas.fields import Field
from schemas.nodes import Node
from schemas.transaction import Transaction


def width(text: str) -> int:
    """Columns a text takes on a terminal."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def aligned(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Rows as lines with aligned columns, two spaces apart; no trailing space."""
    table = [list(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def listing(transactions: Iterable[Transaction]) -> str:
    """One line per transaction; ``listed`` are those known by their names only."""
    head = (
        "infno",
        "name",
        "group",
        "where",
        "effect",
        "recovery",
        "lane",
        "confidence",
        "region",
        "",
    )
    rows = [
        (
            f"{one.infno}@{one.edition}" if one.edition else one.infno,
            one.name,
            one.group,
            one.where,
            one.effect,
            one.recovery,
            one.lane,
            "listed" if one.listed else one.confidence,
            one.region or "national",
            one.name_en,
        )
        for one in transactions
    ]
    return "\n".join(aligned([head, *rows])) + "\n"


def page(transaction: Transaction) -> str:
    """One transaction in full: facts, input, output, code tables, notes."""
    lines = [f"{transaction.infno} {transaction.name}  {transaction.name_en}", ""]
    lines += aligned(_facts(transaction), "  ")
    for root in (transaction.inputs, transaction.outputs, transaction.files):
        for path, node in root.walk():
            lines += _node(path, node)
    lines += _codes(transaction)
    if transaction.notes:
        lines += ["", "notes 说明", *(f"  - {note}" for note in transaction.notes)]
    return "\n".join(lines) + "\n"


def _facts(one: Transaction) -> list[tuple[str, str]]:
    facts = [
        ("profile", one.profile_name),
        ("group", one.group),
        ("where", one.where),
        ("effect", one.effect),
        ("unknown outcome", one.recovery + (f", look {' '.join(one.look)}" if one.look else "")),
        ("lane", one.lane),
        ("confidence", "listed: fields not published" if one.listed else one.confidence),
        ("origin", ", ".join(read("editions.toml")[slug][1] for slug in one.origin)),
        ("business lines", ", ".join(f"{line} {grade}" for line, grade in one.lines.items())),
    ]
    if one.rows_max:
        facts.append(("rows", f"at most {one.rows_max} in {one.row_node}"))
    if one.input_chars_max:
        facts.append(("input", f"at most {one.input_chars_max} characters"))
    return facts


def _node(path: str, node: Node) -> list[str]:
    if not node.fields:
        return []
    marks = [
        "list 列表" if node.repeat else "object 对象",
        "required 必填" if node.required else "optional 可选",
    ]
    head = ("field", "label", "type", "required", "codes", "note")
    rows = [
        (field.name, field.label, field.type_text, _required(field), field.codes, _remark(field))
        for field in node.fields
    ]
    return ["", f"{path}  ({', '.join(marks)})", *aligned([head, *rows], "  ")]


def _required(field: Field) -> str:
    if field.when is not None:
        return f"{field.when.field}={','.join(field.when.values)}"
    return "yes" if field.required else ""


def _remark(field: Field) -> str:
    renamed = f"also {', '.join(field.was)}" if field.was else ""
    return "; ".join(part for part in (field.note, renamed) if part)


def _codes(transaction: Transaction) -> list[str]:
    used = {
        field.codes for _, node in transaction.inputs.walk() for field in node.fields if field.codes
    }
    rows = [row for name in sorted(used) for row in _table(name, transaction.codes)]
    return ["", "codes of the input 入参代码", *aligned(rows, "  ")] if rows else []


VALUES_SHOWN_MAX = 12
"""Values of a code table on a page; longer tables are in the data files."""


def _table(name: str, codes: CodeTables) -> list[tuple[str, str, str]]:
    table = codes[name]
    shown = list(table.values.items())[:VALUES_SHOWN_MAX]
    text = ", ".join(f"{code} {meaning}" for code, meaning in shown)
    left = len(table.values) - len(shown)
    more = f", and {left} more" if left else ""
    return [(name, "closed" if table.closed else "open", text + more)]
