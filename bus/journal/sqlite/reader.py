"""Reads on a thread and a connection of their own: they neither wait for the writer nor hold it."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bus.journal.port import JournalUnavailableError
from bus.journal.sqlite.connect import connect, unavailable

T = TypeVar("T")


class Reader:
    """Sees every commit that was finished before the read began."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")
        self._db: sqlite3.Connection | None = None
        self._closed = False

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of ``work``; ``JournalUnavailableError`` when the file cannot be read."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    async def close(self) -> None:
        """Finish what was begun, then close."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._pool, self._disconnect)
            self._pool.shutdown(wait=True)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with unavailable():
            try:
                if self._db is None:
                    self._db = connect(self._path, query_only=True)
                return work(self._db)
            except (sqlite3.Error, OSError):
                self._disconnect()
                raise

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
