"""A connection and what can be asked through it: many statements in one round trip."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from bus.journal.postgres import connect as limits
from bus.journal.postgres.connect import Address, connect


class Ask(NamedTuple):
    """A statement and its values."""

    statement: bytes
    values: Mapping[str, Any] = {}


class Answer(NamedTuple):
    """The rows of a statement that gives some, and how many rows it gave or changed."""

    rows: list[tuple[Any, ...]]
    changed: int


class Link:
    """Used by one task at a time. After an error it is spoilt: replace it."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, address: Address) -> "Link":
        """Raises ``psycopg.Error``."""
        return cls(await connect(address))

    async def run(self, asks: Sequence[Ask]) -> list[Answer]:
        """The answers to all, in one round trip. Raises ``psycopg.Error`` of the first statement
        that failed (none after it is run), and Python's own errors for values that cannot be
        sent. A server that says nothing is given up."""
        # Cancelling waits for the server to agree; a connection that is shut down ends at once.
        deadline = asyncio.get_running_loop().call_later(limits.ANSWER_S, self.shut_down)
        try:
            cursors = []
            async with self._connection.pipeline():
                for ask in asks:
                    cursor = self._connection.cursor(binary=True)
                    cursors.append(await cursor.execute(ask.statement, ask.values))
            return [await _answer(cursor) for cursor in cursors]
        finally:
            deadline.cancel()

    def shut_down(self) -> None:
        """Make whoever waits for the server hear that the connection is gone."""
        with contextlib.suppress(OSError, psycopg.Error):
            side = socket.socket(fileno=socket.dup(self._connection.fileno()))
            with side:
                side.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """The server then rolls back whatever was not committed."""
        with contextlib.suppress(OSError, psycopg.Error):
            await self._connection.close()


async def _answer(cursor: psycopg.AsyncCursor[tuple[Any, ...]]) -> Answer:
    rows = await cursor.fetchall() if cursor.description else []
    return Answer(rows, cursor.rowcount)
