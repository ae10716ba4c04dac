"""The smaller books as units of work: sessions, facts, outbox, heartbeat, purge."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from bus.journal.port import Fact, FactChange, Lease, Numbers, Run, RunsBy, Session
from bus.journal.rules import may_sign_in, taken_run
from bus.journal.sqlite.queries import SQL
from bus.journal.sqlite.transaction import Transaction

GET_SESSION = SQL["session"]
OPEN_SESSIONS = SQL["open_sessions"]
PUT_SESSION = SQL["put_session"]
FACT_CHANGES = {"put": SQL["fact_put"], "drop": SQL["fact_drop"], "mark": SQL["fact_mark"]}
FACTS = SQL["facts"]
EVENT_SENT = SQL["event_sent"]
TOLD = SQL["told"]
BEAT = SQL["beat"]
PURGE_REQUESTS = SQL["purge_requests"]
PURGE_FACTS = SQL["purge_facts"]
PURGE_SESSIONS = SQL["purge_sessions"]
PURGE_RUNS = SQL["purge_runs"]
PLAN_RUN = SQL["plan_run"]
RUNS_DUE = SQL["runs_due"]
TAKE_RUN = SQL["take_run"]
PUT_RUN = SQL["put_run"]
RUNS = SQL["runs"]

_SESSION = Session.__struct_fields__
_FACT = Fact.__struct_fields__
_RUN = Run.__struct_fields__


def session(
    reader: sqlite3.Connection | Transaction, tenant: str, opter: str, day: str
) -> Session | None:
    """See the port; inside the writer's commit or on a reading connection."""
    terms = {"tenant": tenant, "opter": opter, "day": day}
    if isinstance(reader, Transaction):
        rows = reader.rows(GET_SESSION, terms)
    else:
        rows = reader.execute(GET_SESSION, terms).fetchall()
    return Session(**dict(zip(_SESSION, rows[0], strict=True))) if rows else None


def open_sessions(db: sqlite3.Connection, tenant: str) -> list[Session]:
    """See the port."""
    rows = db.execute(OPEN_SESSIONS, {"tenant": tenant})
    return [Session(**dict(zip(_SESSION, row, strict=True))) for row in rows]


def put_session(transaction: Transaction, value: Session) -> None:
    """See the port."""
    transaction.change(PUT_SESSION, msgspec.structs.asdict(value))


def claim_sign_in(
    transaction: Transaction, wanted: Session, now_ms: int, *, replace: bool
) -> Session:
    """See the port."""
    stored = session(transaction, wanted.tenant, wanted.opter, wanted.day)
    if stored is not None and not may_sign_in(stored, now_ms, replace=replace):
        return stored
    put_session(transaction, wanted)
    return wanted


def change_facts(transaction: Transaction, changes: tuple[FactChange, ...]) -> None:
    """See the port."""
    for change in changes:
        values = msgspec.structs.asdict(change.fact) | {"where_mark": change.where_mark}
        transaction.change(FACT_CHANGES[change.op], values)


def facts(db: sqlite3.Connection, tenant: str, kind: str, subject: str) -> list[Fact]:
    """See the port; ordered by item."""
    rows = db.execute(FACTS, {"tenant": tenant, "kind": kind, "subject": subject})
    return [Fact(**dict(zip(_FACT, row, strict=True))) for row in rows]


def allot(transaction: Transaction, tenant: str, now_ms: int, count: int) -> Numbers:
    """See the port."""
    numbers, mark = transaction.offer(tenant, now_ms, count)
    transaction.take(tenant, mark)
    return numbers


def event_sent(transaction: Transaction, tenant: str, key: str, state: str) -> None:
    """See the port."""
    transaction.change(EVENT_SENT, {"tenant": tenant, "key": key, "state": state})


def told(transaction: Transaction, items: list[tuple[str, str, str]]) -> None:
    """See the port: tenant, key and status of all that were told since the last commit, the last
    word on each."""
    last = {(tenant, key): (tenant, key, status) for tenant, key, status in items}
    transaction.change(TOLD, {"told": msgspec.json.encode(list(last.values())).decode()})


def beat(transaction: Transaction, at_ms: int) -> None:
    """Leave the time of the last proof of a durable write."""
    transaction.change(BEAT, {"at_ms": at_ms})


def purge(transaction: Transaction, before_ms: Mapping[str, int], limit: int) -> int:
    """Delete at most ``limit`` final requests of each class in ``before_ms`` last changed before
    its cut, with their stories; the number deleted."""
    deleted = 0
    for effect, cut_ms in before_ms.items():
        terms = {"effect": effect, "before_ms": cut_ms, "limit": limit}
        deleted += transaction.change(PURGE_REQUESTS, terms)
    return deleted


def purge_remembered(transaction: Transaction, before_ms: int, day: str) -> int:
    """Delete facts and ended runs older than the cut, and sign-ins of earlier days; the number
    deleted."""
    gone = transaction.change(PURGE_FACTS, {"before_ms": before_ms})
    gone += transaction.change(PURGE_RUNS, {"before_ms": before_ms})
    return gone + transaction.change(PURGE_SESSIONS, {"day": day})


def plan_runs(transaction: Transaction, planned: tuple[Run, ...]) -> int:
    """See the port."""
    return sum(transaction.change(PLAN_RUN, msgspec.structs.asdict(one)) for one in planned)


def take_runs(transaction: Transaction, lease: Lease, limit: int) -> list[Run]:
    """See the port."""
    terms = {"now_ms": lease.now_ms, "tenant": lease.tenant, "limit": limit}
    taken = [taken_run(_run(row), lease) for row in transaction.rows(RUNS_DUE, terms)]
    for one in taken:
        transaction.change(TAKE_RUN, msgspec.structs.asdict(one))
        put_run(transaction, one)
    return taken


def put_run(transaction: Transaction, run: Run) -> bool:
    """See the port."""
    return bool(transaction.change(PUT_RUN, msgspec.structs.asdict(run)))


def runs(db: sqlite3.Connection, by: RunsBy) -> list[Run]:
    """See the port."""
    terms = msgspec.structs.asdict(by) | {"states": msgspec.json.encode(by.states).decode()}
    return [_run(row) for row in db.execute(RUNS, terms)]


def _run(row: tuple[Any, ...]) -> Run:
    return Run(**dict(zip(_RUN, row, strict=True)))
