"""Moves committed pages from the write-ahead file into the main file, beside the writer."""

import sqlite3
import threading

from bus.journal.counts import Counts
from bus.journal.sqlite.connect import connect

EVERY_S = 0.5
WAL_PAGES_MAX = 65_536
"""256 MiB of 4 KiB pages. Under unbroken load the file is never quite emptied from beside; from
this size on the writer empties it itself, between two groups."""


class Checkpointer:
    """A thread with a connection of its own, so that the writer never waits for a checkpoint."""

    def __init__(self, path: str, shrink_wanted: threading.Event, counts: Counts) -> None:
        self._path = path
        self._shrink_wanted = shrink_wanted
        self._counts = counts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; returns when it has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while not self._stop.wait(EVERY_S):
            try:
                db = db or connect(self._path)
                _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except (sqlite3.Error, OSError):
                # The writer meets the same trouble and reports it to those who wait.
                if db is not None:
                    db.close()
                db = None
                continue
            self._counts.wal_pages = pages
            if pages > WAL_PAGES_MAX:
                self._shrink_wanted.set()
        if db is not None:
            db.close()
