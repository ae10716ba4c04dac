"""The embedded engine of the journal: one SQLite file, durable by group commit (decision 0006)."""

from bus.journal.sqlite.engine import SqliteJournal

__all__ = ["SqliteJournal"]
