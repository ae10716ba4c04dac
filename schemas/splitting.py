"""Rows of an upload over several calls, under the limits of a transaction.

A transaction's ``row_node`` is the list that may be divided: at most ``rows_max`` rows and
``input_chars_max`` characters of input per call, and at most the bytes a place takes. Rows that
belong together (2204: one ``chrg_bchno``) travel in one call, whatever stands between them; within
that, rows keep their order. Everything beside the list goes with every call.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.contract import Json
from schemas.jsontext import encode
from schemas.transaction import Transaction


class UnsplittableError(ValueError):
    """What must stay in one call exceeds a limit. ``positions``: the rows, counted from 0."""

    def __init__(self, infno: str, what: str, positions: tuple[int, ...]) -> None:
        super().__init__(f"{infno}: {len(positions)} rows that belong together exceed {what}")
        self.infno = infno
        self.what = what
        self.positions = positions


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``positions``: where its rows stood in the whole list, counted from 0."""

    input: dict[str, Any]
    positions: tuple[int, ...]


class _Pile(msgspec.Struct, frozen=True):
    """Rows that stay together, and the size they have as JSON."""

    positions: tuple[int, ...]
    chars: int
    octets: int


class _Room(msgspec.Struct, frozen=True):
    """What one call has for rows; 0 means no limit."""

    rows: int
    chars: int
    octets: int

    def exceeded(self, rows: int, chars: int, octets: int) -> str:
        """The name of the first limit that is, or the empty text."""
        if self.rows and rows > self.rows:
            return "rows_max"
        if self.chars and chars > self.chars:
            return "input_chars_max"
        return "input_bytes_max" if self.octets and octets > self.octets else ""


def split(transaction: Transaction, value: Json, *, bytes_max: int = 0) -> tuple[Part, ...]:
    """The calls of one upload, in order; a single one where nothing need be divided.

    ``value`` has no faults but too many rows or characters. ``bytes_max``: bytes an ``input`` may
    have (0: no limit), the rest of the envelope left out. ``UnsplittableError``.
    """
    rows = value.get(transaction.row_node) if transaction.row_node else None
    if type(rows) is not list or not rows:
        return (Part(input=value, positions=()),)
    frame = transaction.encode_input({**value, transaction.row_node: []})
    room = _Room(
        transaction.rows_max,
        max(transaction.input_chars_max - _chars(frame), 1) if transaction.input_chars_max else 0,
        max(bytes_max - len(frame), 1) if bytes_max else 0,
    )
    piles = list(_piles(transaction, rows))
    return tuple(_part(transaction, value, group) for group in _filled(transaction, piles, room))


def _piles(transaction: Transaction, rows: list[dict[str, Any]]) -> Iterator[_Pile]:
    """Rows that belong together, in the order of the first of each."""
    together = transaction.together
    groups: dict[Any, list[int]] = {}
    for position, row in enumerate(rows):
        key = row.get(together) if together else position
        groups.setdefault(key or ("alone", position), []).append(position)
    for positions in groups.values():
        sizes = [_sent(transaction, rows[position]) for position in positions]
        # One comma before each row; the first row of a call has none, which is to the good.
        chars = sum(_chars(text) + 1 for text in sizes)
        yield _Pile(tuple(positions), chars, sum(len(text) + 1 for text in sizes))


def _sent(transaction: Transaction, row: dict[str, Any]) -> bytes:
    """A row as it goes out, alone in its list."""
    only = transaction.encode_input({transaction.row_node: [row]})
    return only[len(encode({transaction.row_node: []})) - len(b"]}") : -len(b"]}")]


def _filled(transaction: Transaction, piles: list[_Pile], room: _Room) -> Iterator[tuple[int, ...]]:
    """Positions per call: each takes piles until the next one does not fit."""
    held: list[int] = []
    chars = octets = 0
    for pile in piles:
        over = room.exceeded(len(pile.positions), pile.chars - 1, pile.octets - 1)
        if over:
            raise UnsplittableError(transaction.infno, over, pile.positions)
        size = (len(held) + len(pile.positions), chars + pile.chars - 1, octets + pile.octets - 1)
        if held and room.exceeded(*size):
            yield tuple(held)
            held, chars, octets = [], 0, 0
        held += pile.positions
        chars += pile.chars
        octets += pile.octets
    if held:
        yield tuple(held)


def _part(transaction: Transaction, value: dict[str, Any], positions: tuple[int, ...]) -> Part:
    rows = value[transaction.row_node]
    chosen = [rows[position] for position in positions]
    return Part(input={**value, transaction.row_node: chosen}, positions=positions)


def _chars(text: bytes) -> int:
    return len(text.decode("utf-8"))
