"""The statements of ``queries.sql`` by name; a name that does not exist fails at import."""

from bus.journal.statements import load

SQL = {name: text.encode() for name, text in load("bus.journal.postgres").items()}
