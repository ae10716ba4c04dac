"""Moves committed pages from the write-ahead file into the main file, beside the writer."""

import sqlite3
import threading

from bus.journal.sqlite.connect import connect
from bus.journal.sqlite.wire import Setting

EVERY_S = 0.5
WAL_PAGES_MAX = 65_536
"""256 MiB of 4 KiB pages. Under unbroken load the file is never quite emptied from beside; from
this size on the writer empties it itself, between two groups."""


class Checkpointer:
    """A thread with a connection of its own, so that the writer never waits for a checkpoint."""

    def __init__(self, setting: Setting, shrink_wanted: threading.Event) -> None:
        self._setting = setting
        self._shrink_wanted = shrink_wanted
        self.wal_pages = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; returns when it has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        db: sqlite3.Connection | None = None
        while not self._stop.wait(self._setting.checkpoint_every_s):
            try:
                db = db or connect(self._setting.path, wait_s=self._setting.lock_wait_s)
                _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except (sqlite3.Error, OSError):
                # The writer meets the same trouble and reports it to those who wait.
                if db is not None:
                    db.close()
                db = None
                continue
            self.wal_pages = pages
            if pages > self._setting.wal_pages_max:
                self._shrink_wanted.set()
        if db is not None:
            db.close()
