"""Takes one group of units through its two round trips."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, repeat
from typing import Any

import msgspec
import psycopg

from bus.journal.postgres.books import (
    Do,
    Fetch,
    Remember,
    SignIn,
    fetches,
    plain,
    remembers,
    sign_ins,
)
from bus.journal.postgres.group import Group, Part, Unit
from bus.journal.postgres.ledger import (
    Advance,
    Allot,
    Begin,
    Beginnings,
    Take,
    advances,
    takes,
)
from bus.journal.postgres.link import Answer, Ask, Link
from bus.journal.postgres.queries import SQL
from bus.journal.rows import Rows

BEGIN_GROUP = Ask(SQL["begin_group"])
COMMIT_GROUP = Ask(SQL["commit_group"])
MARK_GROUP = SQL["mark_group"]
NO_ANSWER = Answer([], 0)
BROKEN = ("08", "57P")
"""Classes of SQLSTATE that end a connection: connection exceptions and shutdowns."""

Answers = Iterator[Answer]


class GroupMark(msgspec.Struct, frozen=True):
    """Which commit of which writer."""

    name: str
    number: int


class LostRaceError(Exception):
    """Another process was quicker; nothing was kept, and the same can be tried again."""


class UnsureError(Exception):
    """The connection broke after the commit was asked for. ``mark`` is kept where it was made,
    ``made`` then gives its group."""

    def __init__(self, mark: "GroupMark", made: Callable[[], Group]) -> None:
        super().__init__(mark.number)
        self.mark = mark
        self.made = made


async def commit(link: Link, rows: Rows, units: list[Unit], mark: GroupMark) -> Group:
    """The group, durable, and the mark with it. Raises ``psycopg.Error`` or Python's own errors
    with nothing kept, ``LostRaceError``, ``UnsureError``."""
    group = Group()
    parts = _parts(group, rows, units)
    asked = [next(part) for part in parts]
    own = Ask(MARK_GROUP, msgspec.structs.asdict(mark))
    first = [BEGIN_GROUP, own, *(ask for asks in asked for ask in asks)]
    answers = iter((await _run(link, first))[2:])
    asked = [_send(part, answers, len(asks)) for part, asks in zip(parts, asked, strict=True)]
    second = [*(ask for asks in asked for ask in asks), *group.rest(), COMMIT_GROUP]
    try:
        answers = iter(await _run(link, second))
    except psycopg.errors.UniqueViolation as error:
        # What was looked up in the first trip is so no longer: a visit was claimed again.
        raise LostRaceError from error
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith(BROKEN):
            made = partial(_finish, group, parts, asked, repeat(NO_ANSWER))
            raise UnsureError(mark, made) from error
        raise
    return _finish(group, parts, asked, answers)


def _finish(group: Group, parts: list[Part], asked: list[list[Ask]], answers: Answers) -> Group:
    for part, asks in zip(parts, asked, strict=True):
        _end(part, answers, len(asks))
    return group


async def _run(link: Link, asks: list[Ask]) -> list[Answer]:
    try:
        return await link.run(asks)
    except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
        raise LostRaceError from error


def _parts(group: Group, rows: Rows, units: list[Unit]) -> list[Part]:
    """Advances come before begins: what those look up is then not older than what these change."""
    beginnings = Beginnings(group, rows)
    table: list[tuple[type[Any] | tuple[type[Any], ...], Any]] = [
        (Do, partial(plain, group)),
        (Fetch, partial(fetches, group)),
        (Remember, partial(remembers, group)),
        (Advance, partial(advances, group)),
        (Take, partial(takes, rows, group)),
        ((Begin, Allot), beginnings.serve),
        (SignIn, partial(sign_ins, group)),
    ]
    served = []
    for kind, serve in table:
        mine = [unit for unit in units if isinstance(unit.work, kind)]
        if mine:
            served.append(serve(mine))
    return served


def _send(part: Part, answers: Answers, count: int) -> list[Ask]:
    return part.send(list(islice(answers, count)))


def _end(part: Part, answers: Answers, count: int) -> None:
    try:
        part.send(list(islice(answers, count)))
    except StopIteration:
        return
    raise AssertionError("a part of a commit has two trips")
