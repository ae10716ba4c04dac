"""The durable books: SQLite (WAL), every business call one transaction, synced before the answer.

Two connections to one file, both used from the event loop's thread only. The first commits the
business of a call with ``synchronous = FULL``; the second keeps the call log with ``NORMAL``, which
survives the death of the process and costs a query next to nothing.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Value = str | int | bytes

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_BUSY_S = 5.0


@cache
def queries() -> dict[str, str]:
    """The named statements of ``sql/queries.sql``."""
    raw = resources.files("sandbox").joinpath("sql/queries.sql").read_text("utf-8")
    parts = _NAME.split(raw)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


class Books:
    """Named statements over the two connections; ``folder`` is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "books.sqlite3"
        self._main = _connect(path, "FULL")
        schema = resources.files("sandbox").joinpath("sql/schema.sql").read_text("utf-8")
        self._main.executescript(schema)
        self._log = _connect(path, "NORMAL")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside are one transaction: synced at the end, undone on any exception."""
        self._main.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._main.execute("rollback")
            raise
        self._main.execute("commit")

    def run(self, name: str, /, **values: Value) -> int:
        """Carry out one statement; the number of rows it changed."""
        return self._main.execute(queries()[name], values).rowcount

    def log(self, name: str, /, **values: Value) -> None:
        """Carry out one statement of the call log, on its own."""
        self._log.execute(queries()[name], values)

    def rows(self, name: str, /, **values: Value) -> list[dict[str, Any]]:
        """All rows of a query, as they are."""
        return [dict(row) for row in self._main.execute(queries()[name], values)]

    def all(self, kind: type[T], name: str, /, **values: Value) -> list[T]:
        """All rows of a query as values of ``kind``."""
        return msgspec.convert(self.rows(name, **values), list[kind], strict=False)  # type: ignore[valid-type]  # a type given at run time

    def one(self, kind: type[T], name: str, /, **values: Value) -> T | None:
        """The first row of a query, or None."""
        row = self._main.execute(queries()[name], values).fetchone()
        return None if row is None else msgspec.convert(dict(row), kind, strict=False)

    def number(self, name: str, /, **values: Value) -> int:
        """The first column of the first row as a whole number; 0 when there is none."""
        row = self._main.execute(queries()[name], values).fetchone()
        return 0 if row is None else int(row[0] or 0)

    def serial(self, name: str) -> int:
        """The next number of a series; part of the running transaction."""
        return self.number("serial_next", name=name)

    def close(self) -> None:
        """Close both connections."""
        self._log.close()
        self._main.close()


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    connection.execute(f"pragma synchronous = {synchronous}")
    return connection
