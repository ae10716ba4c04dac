"""One commit of the writer: statements by name, and what is written once for the whole group."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from bus.journal.numbers import Mark, allot, prefix
from bus.journal.port import Numbers
from bus.journal.rows import Rows
from bus.journal.sqlite.queries import SQL
from bus.lifecycle.record import StoryLine

GET_NUMBERS = SQL["numbers"]
PUT_NUMBERS = SQL["put_numbers"]
ADD_STORY = SQL["add_story"]
PUT_REQUEST = SQL["put_request"]
PUT_REPLY = SQL["put_reply"]
DROP_REPLY = SQL["drop_reply"]

_encode = msgspec.json.Encoder().encode


class Transaction:
    """What a unit of work may do. Story lines and number marks are collected and written once per
    commit: every statement has a price of its own."""

    def __init__(self, db: sqlite3.Connection, mapping: Rows) -> None:
        self.mapping = mapping
        self._cursor = db.cursor()
        self._marks: dict[str, Mark] = {}
        self._lines: list[tuple[int, int, int, int, str, str, str]] = []

    def change(self, statement: str, values: Mapping[str, Any]) -> int:
        """Run a statement without a result; the number of rows it changed."""
        return self._cursor.execute(statement, values).rowcount

    def insert(self, statement: str, values: Mapping[str, Any]) -> int:
        """Run an insert; the id of the new row, 0 when a uniqueness rule kept it out."""
        if not self._cursor.execute(statement, values).rowcount:
            return 0
        return self._cursor.lastrowid or 0

    def rows(self, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement to its end and return all its rows."""
        return self._cursor.execute(statement, values).fetchall()

    def tell(self, request: int, line: int, story: StoryLine) -> None:
        """Add line ``line`` to the story of the request with this id."""
        self._lines.append(
            (request, line, story.at_ms, story.fence, story.what, story.detail, story.owner)
        )

    def keep_request(self, request: int, body: bytes) -> None:
        """Keep the sealed request of a new row."""
        if body:
            self._cursor.execute(PUT_REQUEST, {"id": request, "body": body})

    def keep_reply(self, request: int, body: bytes) -> None:
        """Keep the sealed reply, or none."""
        self._cursor.execute(PUT_REPLY if body else DROP_REPLY, {"id": request, "body": body})

    def offer(self, tenant: str, now_ms: int, count: int) -> tuple[Numbers, Mark]:
        """Message numbers that are the caller's once it takes the mark; nobody else is offered
        them before."""
        name = prefix(tenant)
        mark = self._marks.get(name)
        if mark is None:
            rows = self.rows(GET_NUMBERS, {"prefix": name})
            mark = Mark(*rows[0]) if rows else None
        return allot(mark, now_ms, count)

    def take(self, tenant: str, mark: Mark) -> None:
        """Take what was offered."""
        self._marks[prefix(tenant)] = mark

    def forget_lines(self) -> None:
        """Drop the lines of a unit that was rolled back. Numbers it took stay unused."""
        self._lines.clear()

    def write_lines(self) -> None:
        """Write the lines collected so far."""
        if self._lines:
            self.change(ADD_STORY, {"lines": _encode(self._lines).decode()})
            self._lines.clear()

    def finish(self) -> None:
        """Write all that was collected."""
        self.write_lines()
        for name, mark in self._marks.items():
            self.change(PUT_NUMBERS, {"prefix": name, "second": mark.second, "next": mark.next})
