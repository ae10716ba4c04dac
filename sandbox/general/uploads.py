"""Uploads and withdrawals: a row is judged, kept, and told where the transaction tells rows."""

from collections.abc import Callable
from typing import Any

from sandbox.general import kept
from sandbox.general.asking import Asking, list_of
from sandbox.general.facts import general, spell
from sandbox.general.fill import Known, known
from sandbox.general.subject import check_row
from sandbox.refusals import RefusedError

ACCEPTED, REFUSED = "1", "0"
"""retRslt of a row."""

Judge = Callable[[Asking, Known], None]
"""Carries out one row, or refuses it with ``RefusedError``."""


def upload(asking: Asking) -> Any:
    """Rows into their book; a transaction without a verdict per row takes all of them or none."""
    parts = general().parts.get(asking.call.infno)
    if parts is not None:
        return _in_parts(asking, parts)
    return _judged(asking, _judge(asking))


def withdraw(asking: Asking) -> Any:
    """Rows out of their book, found by the numbers and keys named."""
    return _judged(asking, _take_out)


def _judge(asking: Asking) -> Judge:
    tables, infno = general(), asking.call.infno
    for table, judge in (
        (tables.add, _add),
        (tables.replace, _replace),
        (tables.give_back, _give_back),
    ):
        if infno in table:
            return judge
    return _keep


def _judged(asking: Asking, judge: Judge) -> Any:
    rows = _rows(asking)
    root = asking.transaction.outputs
    verdicts = None if root.repeat else list_of(root)
    if rows is None or verdicts is None:
        numbers = asking.numbered()
        for row in [asking.asked] if rows is None else rows:
            judge(asking, row | numbers if rows is None else row)
        return asking.output(numbers, whole=False)
    name, told = verdicts
    sample = asking.sample.get(name)
    answer = [_verdict(asking, judge, row) for row in rows]
    whole = spell(name) in {spell(child.name) for child in asking.transaction.inputs.nodes}
    first = sample[0] if sample else {}
    shown = [one for one in answer if whole or one["retrslt"] == REFUSED]
    return {name: [asking.row(told, first, one) for one in shown]}


def _verdict(asking: Asking, judge: Judge, row: Known) -> Known:
    numbers = asking.numbered()
    try:
        judge(asking, row | {name: numbers[name] for name in numbers if name not in row})
    except RefusedError as refusal:
        text = refusal.err_msg
        return row | {"retrslt": REFUSED, "msgrslt": text, "memo": text}
    return {"memo": ""} | row | numbers | {"retrslt": ACCEPTED, "msgrslt": "成功"}


def _rows(asking: Asking) -> list[Known] | None:
    """The rows of an input that is one list; none when it is a document of several nodes."""
    nodes = asking.transaction.inputs.nodes
    if len(nodes) != 1 or not nodes[0].repeat:
        return None
    given = asking.call.input.get(nodes[0].name)
    return [known(row) for row in (given if isinstance(given, list) else [given]) if row]


def _in_parts(asking: Asking, parts: dict[str, str]) -> Any:
    shared = {name: one for name, one in asking.asked.items() if isinstance(one, str)}
    for name, book in parts.items():
        given = asking.call.input.get(name) or []
        for row in given if isinstance(given, list) else [given]:
            whole = shared | known(row)
            _sound(asking, whole)
            kept.put(asking.call, book, whole)
    return asking.output(whole=False)


def _sound(asking: Asking, row: Known) -> None:
    check_row(asking.call, row)
    for before, after in general().pairs:
        first, second = row.get(spell(before), ""), row.get(spell(after), "")
        if first and second and second[:10] < first[:10]:
            raise RefusedError("record_dates", field=after, before=before)


def _add(asking: Asking, row: Known) -> None:
    book = general().add[asking.call.infno]
    _sound(asking, row)
    if kept.same_key(asking.call, book, row):
        raise RefusedError("record_repeated")
    kept.put(asking.call, book, row)


def _keep(asking: Asking, row: Known) -> None:
    book = general().keep.get(asking.call.infno, asking.call.infno)
    _sound(asking, row)
    kept.take_out(asking.call, kept.same_key(asking.call, book, row))
    kept.put(asking.call, book, row)


def _replace(asking: Asking, row: Known) -> None:
    book = general().replace[asking.call.infno]
    _sound(asking, row)
    old = kept.same_key(asking.call, book, row)
    if not old:
        raise RefusedError("record_unknown")
    kept.take_out(asking.call, old)
    kept.put(asking.call, book, row)


def _give_back(asking: Asking, row: Known) -> None:
    book = general().give_back[asking.call.infno]
    _sound(asking, row)
    batch = spell("fixmedins_bchno")
    if not kept.matched(asking.call, book, {batch: row.get(batch, "")}):
        raise RefusedError("record_unknown")
    kept.put(asking.call, f"{book}_return", row)


def _take_out(asking: Asking, row: Known) -> None:
    tables, infno = general(), asking.call.infno
    book = tables.withdraw.get(infno, "")
    if infno in tables.withdraw_by.infnos:
        field = spell(tables.withdraw_by.field)
        book = tables.withdraw_by.books.get(row.get(field, ""), "")
        row = {name: value for name, value in row.items() if name != field}
    if asking.transaction.listed:
        return
    old = kept.matched(asking.call, book, row)
    if not old:
        raise RefusedError("record_unknown")
    kept.take_out(asking.call, old)
