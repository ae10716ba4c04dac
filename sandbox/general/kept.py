"""Books of uploaded rows: put in, found again by what they hold, taken out."""

import hashlib
import re
from typing import Any

import msgspec

from sandbox.general.facts import general, spell
from sandbox.general.fill import Known
from sandbox.transactions.call import Call

_UNASKED = frozenset(
    map(
        spell,
        ("begndate", "enddate", "memo", "page_num", "page_size", "fixmedins_code", "ec_token"),
    )
)
"""Fields of a question that are no property of the row asked for."""


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: 00:00:00)?")
"""A day is the same day as a moment of it, whichever of them was uploaded."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One live row of a book."""

    id: int
    row: Known


def key_of(book: str, row: Known) -> str:
    """What makes the row its own: the fields named for the book, or all of it."""
    names = [spell(name) for name in general().keys.get(book, ())]
    chosen: Any = [row.get(name, "") for name in names] if names else sorted(row.items(), key=str)
    return hashlib.sha256(msgspec.json.encode(chosen)).hexdigest()


def put(call: Call, book: str, row: Known) -> None:
    """Add a row."""
    call.books.run(
        "upload_add",
        book=book,
        tenant=call.tenant,
        key=key_of(book, row),
        infno=call.infno,
        msgid=call.msgid,
        at_ms=call.now_ms,
        body=msgspec.json.encode(row).decode(),
    )


def same_key(call: Call, book: str, row: Known) -> list[Kept]:
    """The live rows that are the same row."""
    key = key_of(book, row)
    return _read(call.books.rows("uploads_with_key", book=book, tenant=call.tenant, key=key))


def found(call: Call, book: str, asked: Known) -> list[Kept]:
    """The live rows that agree with every property asked for, and lie in the window asked for."""
    rows = _read(call.books.rows("uploads_of", book=book, tenant=call.tenant))
    return [kept for kept in rows if _agrees(kept.row, asked) and _within(book, kept.row, asked)]


def matched(call: Call, book: str, named: Known) -> list[Kept]:
    """Like ``found``, but at least one property must have been named."""
    return [kept for kept in found(call, book, named) if set(kept.row) & (set(named) - _UNASKED)]


def take_out(call: Call, kept: list[Kept]) -> None:
    """Withdraw rows; they stay in the books, no longer live."""
    for one in kept:
        call.books.run("upload_withdraw", id=one.id)


def _read(rows: list[dict[str, Any]]) -> list[Kept]:
    return [Kept(id=row["id"], row=msgspec.json.decode(row["body"])) for row in rows]


def _agrees(row: Known, asked: Known) -> bool:
    for name, value in asked.items():
        has = row.get(name)
        if name in _UNASKED or not isinstance(value, str) or not isinstance(has, str):
            continue
        if has != value and not (_DAY.match(has) and _DAY.match(value) and has[:10] == value[:10]):
            return False
    return True


def _within(book: str, row: Known, asked: Known) -> bool:
    day = row.get(spell(general().days.get(book, "")), "")[:10]
    begin, end = asked.get("begndate", ""), asked.get("enddate", "")
    return not day or (begin[:10] <= day and (not end or day <= end[:10]))
