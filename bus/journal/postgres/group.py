"""One commit: what the units of a group ask for, in two round trips.

The units of a group all wait at once, so any order among them is right. Each kind of unit is served
by a part, a generator: it yields what it asks in the first trip (which reads and locks), gets the
answers, yields what it asks in the second (which writes and commits), and gets those answers. What
all parts share (story lines, facts, message numbers) is collected here and written once.
"""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from bus.journal.numbers import Mark
from bus.journal.port import FactChange
from bus.journal.postgres.link import Answer, Ask
from bus.journal.postgres.queries import SQL
from bus.journal.postgres.values import Bodies, Integers, Texts
from bus.lifecycle.record import StoryLine

ADD_STORY = SQL["add_story"]
PUT_NUMBERS = SQL["put_numbers"]
FACTS_PUT = SQL["facts_put"]
FACT_CHANGES = {"drop": SQL["fact_drop"], "mark": SQL["fact_mark"]}

FACT_TEXTS = ("tenant", "kind", "subject", "item", "value", "batch", "mark")
STORY = ("request", "line", "at_ms", "fence", "what", "detail", "owner")

KINDS: dict[str, type[list[Any]]] = {
    **dict.fromkeys(("id", "request", "line", "second", "next", "fence", "open"), Integers),
    **dict.fromkeys(("event_due", "at_ms", "created_ms", "updated_ms", "next_at_ms"), Integers),
    "body": Bodies,
}
"""Columns that are no texts."""

Part = Generator[list[Ask], list[Answer], None]


class Unit:
    """Work and who waits for it (``None``: nobody)."""

    __slots__ = ("future", "work")

    def __init__(self, work: Any, future: "asyncio.Future[Any] | None") -> None:
        self.work = work
        self.future = future


class Serve(Protocol):
    """A part: serves all units of its kind in one group."""

    def __call__(self, group: "Group", units: list[Unit]) -> Part: ...


class Group:
    """What the parts of one commit share. The results count only once the commit is made."""

    def __init__(self) -> None:
        self.results: list[tuple[Unit, Any]] = []
        self.errors: list[tuple[Unit, Exception]] = []
        self.again: list[Unit] = []
        """Units that must wait for the next group: this one already works on their key, or another
        process was quicker."""
        self.facts: list[FactChange] = []
        self.marks: dict[str, Mark] = {}
        self._lines: list[tuple[int, int, int, int, str, str, str]] = []

    def done(self, unit: Unit, value: Any) -> None:
        """What the unit's caller gets after the commit."""
        self.results.append((unit, value))

    def fail(self, unit: Unit, error: Exception) -> None:
        """What it gets when the unit could not be served, and changed nothing."""
        self.errors.append((unit, error))

    def tell(self, request: int, line: int, story: StoryLine) -> None:
        """Add line ``line`` to the story of the request with this id."""
        self._lines.append(
            (request, line, story.at_ms, story.fence, story.what, story.detail, story.owner)
        )

    def rest(self) -> list[Ask]:
        """All that was collected."""
        asks = list(facts_asks(self.facts))
        if self._lines:
            asks.append(Ask(ADD_STORY, columns(STORY, self._lines)))
        if self.marks:
            rows = [(name, mark.second, mark.next) for name, mark in sorted(self.marks.items())]
            asks.append(Ask(PUT_NUMBERS, columns(("prefix", "second", "next"), rows)))
        return asks


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """One array per column; there is at least one row."""
    return {
        name: KINDS.get(name, Texts)(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def facts_asks(changes: Iterable[FactChange]) -> Iterable[Ask]:
    """The changes in their order; neighbours that put are put together, the last word on each."""
    waiting: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for change in changes:
        fact = change.fact
        values = msgspec.structs.astuple(fact)
        if change.op == "put":
            waiting[values[:4]] = values
            continue
        if waiting:
            yield _put(waiting)
            waiting = {}
        terms = msgspec.structs.asdict(fact) | {"where_mark": change.where_mark}
        yield Ask(FACT_CHANGES[change.op], terms)
    if waiting:
        yield _put(waiting)


def _put(facts: dict[tuple[str, ...], tuple[Any, ...]]) -> Ask:
    rows = [facts[name] for name in sorted(facts)]
    return Ask(FACTS_PUT, columns((*FACT_TEXTS, "at_ms"), rows))
