"""The book of requests as parts of a commit, and its searches."""

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from bus.journal.numbers import Mark, allot, format_msgid, prefix
from bus.journal.port import (
    Claimed,
    FactChange,
    FindBy,
    Fresh,
    JournalUnavailableError,
    Known,
    Lease,
)
from bus.journal.postgres.group import Group, Part, Unit, columns
from bus.journal.postgres.link import Answer, Ask
from bus.journal.postgres.queries import SQL
from bus.journal.postgres.values import Integers, Texts
from bus.journal.rows import COLUMNS, Row, Rows
from bus.journal.rules import TAKEN_OVER, late, needs_msgid
from bus.lifecycle.record import Record, StoryLine

DRAW_IDS = SQL["draw_ids"]
SEED_NUMBERS = SQL["seed_numbers"]
NUMBERS = SQL["numbers"]
KNOWN = SQL["known"]
CLAIM_HOLDERS = SQL["claim_holders"]
BEGIN = SQL["begin"]
PUT_REQUESTS = SQL["put_requests"]
PUT_REPLIES = SQL["put_replies"]
DROP_REPLIES = SQL["drop_replies"]
ADVANCE = SQL["advance"]
LATE = SQL["late"]
TAKE_DUE = SQL["take_due"]
TAKE_KEY = SQL["take_key"]
FIND_STATE = SQL["find_state"]
FIND_NEWEST = SQL["find_newest"]
FIND_BY = {
    "key": SQL["find_key"],
    "msgid": SQL["find_msgid"],
    "mdtrt_id": SQL["find_mdtrt"],
    "subject": SQL["find_subject"],
}
"""Which statement a search uses: that of its first term given, from the most telling on."""

ADVANCED = (
    *("tenant", "key", "fence", "state", "open", "owner", "claim", "updated_ms", "next_at_ms"),
    *("told", "event_due", "rest", "msgid", "reversal_msgid", "subject", "mdtrt_id"),
)
BEGUN = ("id", *ADVANCED, "infno", "effect", "recovery", "digest", "created_ms")
ID = COLUMNS.index("id")


class Begin(msgspec.Struct, frozen=True):
    """``Ledger.begin``, with the row made of the record."""

    record: Record
    row: Row
    now_ms: int
    story: StoryLine


class Allot(msgspec.Struct, frozen=True):
    """``Msgids.allot``."""

    tenant: str
    now_ms: int
    count: int


class Advance(msgspec.Struct, frozen=True):
    """``Ledger.advance``, with the row made of the record."""

    row: Row
    story: StoryLine
    facts: tuple[FactChange, ...]


class Take(msgspec.Struct, frozen=True):
    """``Ledger.take_due``. Its result: the records, and how many were passed by."""

    lease: Lease
    limit: int
    key: str


class Beginnings:
    """Begins and allotments. All of an institution happen under the lock of its numbers."""

    def __init__(self, group: Group, rows: Rows) -> None:
        self._group = group
        self._rows = rows
        self._known: dict[tuple[str, str], Record | JournalUnavailableError] = {}
        self._holders: dict[tuple[str, str], str] = {}
        self._new: list[Row] = []

    def serve(self, units: list[Unit]) -> Part:
        """The part."""
        begins = [unit.work for unit in units if isinstance(unit.work, Begin)]
        tenants = [unit.work.record.tenant for unit in units if isinstance(unit.work, Begin)]
        tenants += [unit.work.tenant for unit in units if isinstance(unit.work, Allot)]
        prefixes = {"prefix": Texts(sorted({prefix(tenant) for tenant in tenants}))}
        asks = [Ask(SEED_NUMBERS, prefixes), Ask(NUMBERS, prefixes)]
        numbers, *looked = (yield asks + self._look(begins))[1:]
        self._group.marks |= {name: Mark(second, after) for name, second, after in numbers.rows}
        ids = self._learn(looked)
        for unit in units:
            work = unit.work
            if isinstance(work, Allot):
                given, mark = allot(self._mark(work.tenant), work.now_ms, work.count)
                self._group.marks[prefix(work.tenant)] = mark
                self._group.done(unit, given)
            else:
                self._begin(unit, work, ids)
        yield self._write()

    def _look(self, begins: list[Begin]) -> list[Ask]:
        if not begins:
            return []
        keys = sorted({(one.record.key, one.record.tenant) for one in begins})
        claims = sorted(
            {(one.row["claim"], one.record.tenant) for one in begins if one.row["claim"]}
        )
        asks = [Ask(DRAW_IDS, {"count": len(begins)}), Ask(KNOWN, columns(("key", "tenant"), keys))]
        if claims:
            asks.append(Ask(CLAIM_HOLDERS, columns(("claim", "tenant"), claims)))
        return asks

    def _learn(self, looked: list[Answer]) -> list[int]:
        """What is in the books; the ids for new rows."""
        if not looked:
            return []
        ids, known, *holders = looked
        for values in known.rows:
            tenant, key = values[ID + 1], values[ID + 2]
            try:
                self._known[tenant, key] = self._rows.record(values)
            except JournalUnavailableError as error:
                self._known[tenant, key] = error
        for answer in holders:
            self._holders |= {(tenant, claim): key for tenant, claim, key in answer.rows}
        return [number for (number,) in ids.rows]

    def _begin(self, unit: Unit, work: Begin, ids: list[int]) -> None:
        record, row = work.record, dict(work.row)
        name = (record.tenant, record.key)
        known = self._known.get(name)
        if isinstance(known, Record):
            return self._group.done(unit, Known(known))
        if known is not None:
            return self._group.fail(unit, known)
        claim = row["claim"]
        holder = self._holders.get((record.tenant, claim)) if claim else None
        if holder is not None:
            return self._group.done(unit, Claimed(holder))
        if needs_msgid(record):
            numbers, mark = allot(self._mark(record.tenant), work.now_ms, 1)
            self._group.marks[prefix(record.tenant)] = mark
            row["msgid"] = format_msgid(record.tenant, numbers.second, numbers.first)
            record = msgspec.structs.replace(record, msgid=row["msgid"])
        row["id"] = ids.pop(0)
        self._new.append(row)
        self._known[name] = record
        if claim:
            self._holders[record.tenant, claim] = record.key
        self._group.tell(row["id"], 1, work.story)
        self._group.done(unit, Fresh(record))
        return None

    def _mark(self, tenant: str) -> Mark:
        return self._group.marks[prefix(tenant)]

    def _write(self) -> list[Ask]:
        rows = sorted(self._new, key=itemgetter("key", "tenant"))
        if not rows:
            return []
        asks = [Ask(BEGIN, columns(BEGUN, map(itemgetter(*BEGUN), rows)))]
        for field, statement in (("request", PUT_REQUESTS), ("reply", PUT_REPLIES)):
            asks += _bodies(statement, [(row["id"], row[field]) for row in rows if row[field]])
        return asks


def advances(group: Group, units: list[Unit]) -> Part:
    """The part of ``Advance``: one per key and group."""
    first: dict[tuple[str, str], Unit] = {}
    for unit in units:
        name = (unit.work.row["tenant"], unit.work.row["key"])
        if first.setdefault(name, unit) is not unit:
            group.again.append(unit)
    rows = [first[name].work.row for name in sorted(first)]
    [replaced] = yield [Ask(ADVANCE, columns(ADVANCED, map(itemgetter(*ADVANCED), rows)))]
    places = {(tenant, key): (request, line) for tenant, key, request, line in replaced.rows}
    asks: list[Ask] = []
    replies: list[tuple[int, bytes]] = []
    for name, unit in first.items():
        work = unit.work
        place = places.get(name)
        if place is None:
            asks.append(Ask(LATE, msgspec.structs.asdict(late(work.story)) | _name_of(work.row)))
        else:
            group.tell(*place, work.story)
            group.facts.extend(work.facts)
            replies.append((place[0], work.row["reply"]))
        group.done(unit, place is not None)
    dropped = [request for request, reply in replies if not reply]
    if dropped:
        asks.append(Ask(DROP_REPLIES, {"id": Integers(sorted(dropped))}))
    asks += _bodies(PUT_REPLIES, sorted((request, reply) for request, reply in replies if reply))
    yield asks


def takes(rows: Rows, group: Group, units: list[Unit]) -> Part:
    """The part of ``Take``. Records that cannot be opened get the new fence and lease all the same,
    so that they do not stand in the way of others."""
    asks = []
    for unit in units:
        lease, limit, key = unit.work.lease, unit.work.limit, unit.work.key
        terms = msgspec.structs.asdict(lease) | {"limit": limit, "key": key}
        terms["until_ms"] = lease.now_ms + lease.lease_ms
        asks.append(Ask(TAKE_KEY if key else TAKE_DUE, terms))
    answers = yield asks
    for unit, answer in zip(units, answers, strict=True):
        group.done(unit, _taken(rows, group, unit.work.lease, answer.rows))
    yield []


def _taken(
    rows: Rows, group: Group, lease: Lease, found: list[tuple[Any, ...]]
) -> tuple[list[Record], int]:
    taken: list[Record] = []
    broken = 0
    for *values, line, _ in sorted(found, key=lambda row: (row[-1], row[ID])):
        detail = ""
        try:
            taken.append(rows.record(values))
        except JournalUnavailableError:
            broken += 1
            detail = "seal_broken"
        fence = values[COLUMNS.index("fence")]
        story = StoryLine(
            at_ms=lease.now_ms, fence=fence, what=TAKEN_OVER, detail=detail, owner=lease.owner
        )
        group.tell(values[ID], line, story)
    return taken, broken


def searches(by: FindBy) -> list[Ask]:
    """The statements of a search: records of several states are searched state by state."""
    terms = msgspec.structs.asdict(by) | {"states": Texts(map(str, by.states))}
    driven = next((statement for term, statement in FIND_BY.items() if terms[term]), None)
    if driven:
        return [Ask(driven, terms)]
    if by.states:
        states = dict.fromkeys(terms["states"])
        return [Ask(FIND_STATE, terms | {"state": state}) for state in states]
    return [Ask(FIND_NEWEST, terms)]


def merged(answers: list[Answer], limit: int) -> list[tuple[Any, ...]]:
    """The rows of all searches, newest first."""
    rows = chain(*(answer.rows for answer in answers))
    return sorted(rows, key=itemgetter(ID), reverse=True)[:limit]


def _bodies(statement: bytes, rows: Sequence[tuple[int, bytes]]) -> list[Ask]:
    return [Ask(statement, columns(("id", "body"), rows))] if rows else []


def _name_of(row: Row) -> Row:
    return {"tenant": row["tenant"], "key": row["key"]}
