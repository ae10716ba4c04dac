"""The book of requests as units of work: what each does inside the writer's commit, and reads."""

import sqlite3
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from bus.journal.numbers import format_msgid
from bus.journal.port import (
    ClaimTakenError,
    FactChange,
    FindBy,
    JournalUnavailableError,
    Lease,
)
from bus.journal.rows import COLUMNS, Row, Rows
from bus.journal.rules import TAKEN_OVER, late, needs_msgid
from bus.journal.sqlite.books import change_facts
from bus.journal.sqlite.queries import SQL
from bus.journal.sqlite.transaction import Transaction
from bus.lifecycle.record import Record, StoryLine

BEGIN = SQL["begin"]
BY_KEY = SQL["by_key"]
CLAIM_HOLDER = SQL["claim_holder"]
ADVANCE = SQL["advance"]
ADVANCE_RENUMBERED = SQL["advance_renumbered"]
ONE_MORE_LINE = SQL["one_more_line"]
DUE = SQL["due"]
DUE_KEY = SQL["due_key"]
TAKE = SQL["take"]
STORY = SQL["story"]
OUTBOX = SQL["outbox"]
FIND_STATE = SQL["find_state"]
FIND_NEWEST = SQL["find_newest"]
FIND_BY = {
    "key": SQL["find_key"],
    "msgid": SQL["find_msgid"],
    "mdtrt_id": SQL["find_mdtrt"],
    "subject": SQL["find_subject"],
}
"""Which statement a search uses: that of its first term given, from the most telling on."""

ID = COLUMNS.index("id")


class Began(msgspec.Struct, frozen=True, array_like=True):
    """``Begun`` without the record, which the caller has: its msgid, or the record known already,
    or the key that claims the visit."""

    msgid: str
    known: Record | None = None
    claimed_by: str = ""


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """``broken``: how many records were passed by because a body of theirs cannot be opened. They
    got the new fence and lease all the same, so that they do not stand in the way of others."""

    records: list[Record]
    broken: int


def begin(transaction: Transaction, record: Record, now_ms: int, story: StoryLine) -> Began:
    """See the port."""
    mark = None
    row = transaction.mapping.row(record, with_request=True)
    if needs_msgid(record):
        numbers, mark = transaction.offer(record.tenant, now_ms, 1)
        row["msgid"] = format_msgid(record.tenant, numbers.second, numbers.first)
    inserted = transaction.insert(BEGIN, row)
    if inserted:
        if mark:
            transaction.take(record.tenant, mark)
        transaction.keep_request(inserted, row["request"])
        if row["reply"]:
            transaction.keep_reply(inserted, row["reply"])
        transaction.tell(inserted, 1, story)
        return Began(row["msgid"])
    known = transaction.rows(BY_KEY, row)
    if known:
        return Began("", known=transaction.mapping.record(known[0]))
    return Began("", claimed_by=transaction.rows(CLAIM_HOLDER, row)[0][0])


def advance(
    transaction: Transaction, record: Record, story: StoryLine, facts: tuple[FactChange, ...]
) -> bool:
    """See the port."""
    row = transaction.mapping.row(record, with_request=False)
    try:
        replaced = transaction.rows(ADVANCE, row) or transaction.rows(ADVANCE_RENUMBERED, row)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname != "SQLITE_CONSTRAINT_UNIQUE":
            raise
        raise ClaimTakenError("the visit of this record is claimed by another one") from error
    if replaced:
        [(request, line)] = replaced
        transaction.keep_reply(request, row["reply"])
        transaction.tell(request, line, story)
        change_facts(transaction, facts)
        return True
    for request, line in transaction.rows(ONE_MORE_LINE, row):
        transaction.tell(request, line, late(story))
    return False


def take_due(transaction: Transaction, lease: Lease, limit: int, key: str) -> Taken:
    """See the port."""
    terms = {"now_ms": lease.now_ms, "tenant": lease.tenant, "key": key, "limit": limit}
    until_ms = lease.now_ms + lease.lease_ms
    taken: list[Record] = []
    broken = 0
    for values in transaction.rows(DUE_KEY if key else DUE, terms):
        change = {"id": values[ID], "owner": lease.owner, "until_ms": until_ms}
        request, line = transaction.rows(TAKE, change)[0]
        fence = values[COLUMNS.index("fence")] + 1
        detail = ""
        try:
            record = transaction.mapping.record(values)
        except JournalUnavailableError:
            broken += 1
            detail = "seal_broken"
        else:
            taken.append(
                msgspec.structs.replace(record, fence=fence, owner=lease.owner, next_at_ms=until_ms)
            )
        line_text = StoryLine(
            at_ms=lease.now_ms, fence=fence, what=TAKEN_OVER, detail=detail, owner=lease.owner
        )
        transaction.tell(request, line, line_text)
    return Taken(taken, broken)


def find(db: sqlite3.Connection, rows: Rows, by: FindBy) -> list[Record]:
    """See the port. Records of several states are found state by state and merged."""
    terms = msgspec.structs.asdict(by) | {"states": msgspec.json.encode(by.states).decode()}
    run = partial(_search, db, terms)
    driven = next((statement for term, statement in FIND_BY.items() if terms[term]), None)
    if driven:
        found = run(driven)
    elif by.states:
        lists = [run(FIND_STATE, state) for state in dict.fromkeys(by.states)]
        found = sorted(chain(*lists), key=itemgetter(ID), reverse=True)[: by.limit]
    else:
        found = run(FIND_NEWEST)
    return [rows.record(values) for values in found]


def _search(
    db: sqlite3.Connection, terms: Row, statement: str, state: str = ""
) -> list[tuple[Any, ...]]:
    return db.execute(statement, terms | {"state": str(state)}).fetchall()


def story(db: sqlite3.Connection, tenant: str, key: str) -> list[StoryLine]:
    """See the port."""
    return [
        StoryLine(at_ms=at_ms, fence=fence, what=what, detail=detail, owner=owner)
        for at_ms, fence, what, detail, owner in db.execute(STORY, {"tenant": tenant, "key": key})
    ]


def events_due(db: sqlite3.Connection, rows: Rows, limit: int) -> list[Record]:
    """See the port."""
    return [rows.record(values) for values in db.execute(OUTBOX, {"limit": limit})]
