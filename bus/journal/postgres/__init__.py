"""The shared engine of the journal: one PostgreSQL database for the workers of many hosts (decision
0010)."""

from bus.journal.postgres.connect import Address
from bus.journal.postgres.engine import PostgresJournal

__all__ = ["Address", "PostgresJournal"]
