"""Queries: rows of the books that agree with what was asked, a plausible row without a book."""

from typing import Any

import msgspec

from sandbox.facts import items
from sandbox.fields import Json
from sandbox.general import kept
from sandbox.general.asking import Asking, list_of
from sandbox.general.facts import general, spell
from sandbox.general.fill import Known, known, rows_name
from sandbox.general.subject import money_of
from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import from_fen
from sandbox.transactions.call import Call
from schemas.nodes import Node

PAGE_ROWS = 100
"""Rows of a page where the question does not say."""


def query(asking: Asking) -> Any:
    """The answer to a question."""
    book = general().ask.get(asking.call.infno)
    if book is None:
        return asking.output(money_of(asking.call, asking.asked), whole=True)
    rows = _rows(asking, book)
    root = asking.transaction.outputs
    if root.repeat:
        first = asking.sample[0] if asking.sample else {}
        return [asking.row(root, first, row) for row in rows]
    if _is_document(root):
        if not rows:
            raise RefusedError("record_unknown")
        return asking.output(rows[-1], whole=False)
    return _listed(asking, rows)


def _is_document(root: Node) -> bool:
    """Whether the output tells of one thing: it has an object, other than one with page numbers
    or a result, or its lists are parts of one."""
    single = [child for child in root.nodes if not child.repeat and not _holds_list(child)]
    return any(spell(child.name) != "pageinfo" for child in single)


def _holds_list(node: Node) -> bool:
    return any(child.repeat for child in node.nodes)


def _listed(asking: Asking, rows: list[Known]) -> Any:
    """An output with one list in it, at the root or one node below, and page numbers beside it."""
    shown, paging = _page(asking, rows)
    root = asking.transaction.outputs
    lists = list_of(root)
    holder = next((child for child in root.nodes if not child.repeat and _holds_list(child)), None)
    if lists is None and holder is not None:
        inner = list_of(holder)
        name = rows_name(inner[0]) if inner else ""
        return asking.output({name: shown} | paging, whole=False)
    name = rows_name(lists[0]) if lists else ""
    return asking.output({name: shown} | paging, whole=False)


def _page(asking: Asking, rows: list[Known]) -> tuple[list[Known], Known]:
    size = _number(asking.asked, ("pagesize",), PAGE_ROWS)
    number = _number(asking.asked, ("pagenum", "currentpage"), 1)
    shown = rows[(number - 1) * size : number * size]
    pages = -(-len(rows) // size)
    start = (number - 1) * size + 1 if shown else 0
    paging = {
        "page_num": number,
        "page_size": size,
        "record_counts": len(rows),
        "pages": pages,
        "size": len(shown),
        "start_row": start,
        "end_row": start + len(shown) - 1 if shown else 0,
        "first_page": min(1, pages),
        "last_page": pages,
    }
    return shown, known(paging)


def _number(asked: Known, names: tuple[str, ...], usual: int) -> int:
    told = next((asked[name] for name in names if name in asked), "")
    return max(1, int(told)) if told.isdigit() else usual


def _rows(asking: Asking, book: str) -> list[Known]:
    if book == "items":
        return _items(asking)
    if book == "accumulators":
        return _accumulators(asking.call, asking.asked)
    traced = general().traces.get(book)
    if traced is not None:
        return [row for one in traced for row in _traces(asking, one)]
    return [one.row for one in kept.found(asking.call, book, asking.asked)]


def _traces(asking: Asking, book: str) -> list[Known]:
    wanted = asking.asked.get("drugtraccodg", "")
    return [
        one.row | trace
        for one in kept.found(asking.call, book, asking.asked)
        for trace in one.row.get(rows_name("drugtracinfo"), [])
        if trace.get("drugtraccodg") and wanted in {"", trace["drugtraccodg"]}
    ]


def _items(asking: Asking) -> list[Known]:
    asked = asking.asked
    rows = []
    for item in items():
        row = item_row(msgspec.to_builtins(item))
        same = ("medlistcodg", "hilistcode", "listtype", "chrgitmlv")
        if all(asked.get(name) in {None, row.get(name)} for name in same):
            rows.append(row)
    return rows


def item_row(item: Json) -> Known:
    """An entry of ``items.toml`` under the names the catalogues use."""
    names = {name: str(one) for name, one in item.items() if one not in {None, ""}}
    code, called = names.pop("code"), names.pop("name")
    return known(
        names
        | dict.fromkeys(("med_list_codg", "hilist_code", "rid"), code)
        | dict.fromkeys(("hilist_name", "med_list_name", "drug_genname", "chemname"), called)
        | {"hilist_pric_uplmt_amt": names.get("pric_uplmt_amt"), "drug_spec": names.get("spec")}
        | {"begndate": "2020-01-01", "ver": "v0001"}
    )


def _accumulators(call: Call, asked: Known) -> list[Known]:
    """What a person has used of each insurance this year, in the two sums the books keep."""
    kinds = {"dedc_fen": "1", "pooled_fen": "2"}
    rows = call.books.rows("used_of", psn_no=asked.get("psnno", ""))
    return [
        known(
            {
                "insutype": row["insutype"],
                "year": row["year"],
                "cum_ym": f"{row['year']}{call.today[5:7]}",
                "cum_type_code": code,
                "cum": str(from_fen(row[name])),
            }
        )
        for row in rows
        for name, code in kinds.items()
    ]
