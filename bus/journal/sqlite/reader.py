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
        self._near: sqlite3.Connection | None = None
        self._closed = False

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of ``work``; ``JournalUnavailableError`` when the file cannot be read."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    async def peek(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like ``read``, for a look-up by key: made on the spot, since a hand-over to the thread
        costs ten times the look-up. What is not to be had at once goes to the thread after all."""
        if self._closed:
            raise JournalUnavailableError("journal: closed")
        try:
            if self._near is None:
                self._near = connect(self._path, query_only=True, wait_s=0.0)
            return work(self._near)
        except (sqlite3.Error, OSError):
            self._leave()
            return await self.read(work)

    async def close(self) -> None:
        """Finish what was begun, then close."""
        if not self._closed:
            self._closed = True
            self._leave()
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

    def _leave(self) -> None:
        if self._near is not None:
            self._near.close()
            self._near = None

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
