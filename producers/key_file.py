"""The durable key store: one SQLite file beside the HIS program (decision 0009)."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bus.clock import Clock, SystemClock
from producers.errors import KeyStoreError
from producers.keys import Entry, Request

BUSY_S = 5.0
"""How long a write waits for another program that shares the file."""

_TABLE = """
create table if not exists request (
    seq integer primary key,
    key text not null unique,
    infno text not null,
    body blob not null,
    deadline text not null,
    traceparent text not null,
    kept_ms integer not null,
    reply blob not null default x'',
    final integer not null default 0
)
"""
_OPEN_FIRST = "create index if not exists request_open on request (seq) where final = 0"
_KEEP = """
insert into request (key, infno, body, deadline, traceparent, kept_ms)
values (?, ?, ?, ?, ?, ?) on conflict (key) do nothing
"""
_FIND = "select key, infno, body, deadline, traceparent, reply, final from request where key = ?"
_RECORD = "update request set reply = ?, final = ? where key = ? and final = 0"


class FileKeyStore:
    """Keys and requests in one file, readable by its owner only: it holds personal data.

    Every write is on the disk before the method returns (WAL, synchronous=FULL). Several programs
    may share a file. ``KeyStoreError`` when it cannot be opened, read or written.
    """

    def __init__(self, path: str | Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        with self._faults():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            for statement in (
                "pragma journal_mode = wal",
                "pragma synchronous = full",
                _TABLE,
                _OPEN_FIRST,
            ):
                self._db.execute(statement)

    def keep(self, request: Request) -> Entry | None:
        row = (
            request.key,
            request.infno,
            request.body,
            request.deadline,
            request.traceparent,
            self._clock.now_ms(),
        )
        if self._run(_KEEP, row).rowcount == 1:
            return None
        return self.find(request.key)

    def record(self, key: str, reply: bytes, *, final: bool) -> bool:
        if self._run(_RECORD, (reply, int(final), key)).rowcount == 1:
            return True
        return self.find(key) is not None

    def drop(self, key: str) -> None:
        self._run("delete from request where key = ?", (key,))

    def find(self, key: str) -> Entry | None:
        rows = self._run(_FIND, (key,)).rows
        if not rows:
            return None
        name, infno, body, deadline, traceparent, reply, final = rows[0]
        request = Request(
            key=name, infno=infno, body=body, deadline=deadline, traceparent=traceparent
        )
        return Entry(request=request, reply=reply, final=bool(final))

    def unfinished(self) -> tuple[str, ...]:
        rows = self._run("select key from request where final = 0 order by seq", ()).rows
        return tuple(key for (key,) in rows)

    def forget(self, kept_before_ms: int) -> int:
        return self._run(
            "delete from request where final = 1 and kept_ms < ?", (kept_before_ms,)
        ).rowcount

    def close(self) -> None:
        """Close the file; the store is not used afterwards."""
        with self._lock, self._faults():
            self._db.close()

    def _run(self, sql: str, values: tuple[object, ...]) -> "_Done":
        with self._lock, self._faults():
            cursor = self._db.execute(sql, values)
            return _Done(cursor.fetchall(), cursor.rowcount)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise KeyStoreError(
                f"the key store cannot be used ({type(error).__name__}): check its disk"
            ) from None


class _Done:
    """Rows and the number of rows touched."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self.rows = rows
        self.rowcount = rowcount
