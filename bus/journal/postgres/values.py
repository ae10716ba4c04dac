"""Values on their way to the server, in its binary form. Each column of a group is one array.

The library's own arrays take a Python call per element; these take one per array. They also fix the
types: a statement is prepared once, not once for every width its numbers happen to have.
"""

import struct
from typing import Any

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.postgres import types
from psycopg.pq import Format

NUL = b"\0"
NUL_SHOWN = "\N{SYMBOL FOR NULL}".encode()
"""PostgreSQL's text cannot hold U+0000. It comes in garbage only, and is kept as its symbol."""

_HEAD = struct.Struct("!iiIii")
_EMPTY = struct.Struct("!iiI")
_LENGTH = struct.Struct("!i").pack
_NULL = _LENGTH(-1)


class Texts(list[str | None]):
    """A column of texts."""


class Integers(list[int]):
    """A column of 64-bit integers."""


class Bodies(list[bytes]):
    """A column of bodies."""


class _Array(Dumper):
    format = Format.BINARY
    of: int

    def dump(self, obj: Any) -> bytes:
        if not obj:
            return _EMPTY.pack(0, 0, self.of)
        return _HEAD.pack(1, 1, self.of, len(obj), 1) + self.elements(obj)

    def elements(self, obj: Any) -> bytes:
        """Length and value of each; length -1 for a value that is not there."""
        parts = []
        for item in obj:
            if item is None:
                parts.append(_NULL)
            else:
                data = item if isinstance(item, bytes) else _text(item)
                parts += (_LENGTH(len(data)), data)
        return b"".join(parts)


class _Texts(_Array):
    oid, of = types["text"].array_oid, types["text"].oid


class _Bodies(_Array):
    oid, of = types["bytea"].array_oid, types["bytea"].oid


class _Integers(_Array):
    oid, of = types["int8"].array_oid, types["int8"].oid

    def elements(self, obj: Any) -> bytes:
        """As above."""
        flat = [8] * (2 * len(obj))
        flat[1::2] = obj
        return _packed("!" + "iq" * len(obj), *flat)


class _Text(Dumper):
    format = Format.BINARY
    oid = types["text"].oid

    def dump(self, obj: Any) -> bytes:
        return _text(obj)


class _Integer(Dumper):
    format = Format.BINARY
    oid = types["int8"].oid

    def dump(self, obj: Any) -> bytes:
        return _packed("!q", obj)


def register(adapters: AdaptersMap) -> None:
    """Make a connection send values so."""
    for kind, dumper in (
        (Texts, _Texts),
        (Integers, _Integers),
        (Bodies, _Bodies),
        (str, _Text),
        (int, _Integer),
    ):
        adapters.register_dumper(kind, dumper)


def _text(value: str) -> bytes:
    data = value.encode()
    return data.replace(NUL, NUL_SHOWN) if NUL in data else data


def _packed(form: str, *values: int) -> bytes:
    try:
        return struct.pack(form, *values)
    except struct.error:
        raise OverflowError("the journal cannot keep a number of more than 64 bits") from None
