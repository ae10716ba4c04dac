"""The statements of ``queries.sql`` by name; a name that does not exist fails at import."""

from bus.journal.statements import load

SQL = load("bus.journal.sqlite")
