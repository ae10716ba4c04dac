"""The smaller books as parts of a commit: sign-ins, and what needs no decision."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bus.journal.port import FactChange, Lease, Run, Session
from bus.journal.postgres.group import Group, Part, Unit, columns
from bus.journal.postgres.link import Ask
from bus.journal.postgres.queries import SQL
from bus.journal.rules import may_sign_in

SESSION_TO_CLAIM = SQL["session_to_claim"]
FIRST_SESSION = SQL["first_session"]
PUT_SESSION = SQL["put_session"]
EVENT_SENT = SQL["event_sent"]
TOLD = SQL["told"]
BEAT = SQL["beat"]
PURGE_REQUESTS = SQL["purge_requests"]
PURGE_FACTS = SQL["purge_facts"]
PURGE_SESSIONS = SQL["purge_sessions"]
PURGE_RUNS = SQL["purge_runs"]
PURGE_WRITERS = SQL["purge_writers"]
PLAN_RUN = SQL["plan_run"]
TAKE_RUNS = SQL["take_runs"]
PUT_RUN = SQL["put_run"]

SESSION = Session.__struct_fields__
RUN = Run.__struct_fields__


class Do(msgspec.Struct, frozen=True):
    """Statements as they are; its result is how many rows they changed or gave."""

    asks: tuple[Ask, ...]


class Fetch(msgspec.Struct, frozen=True):
    """A statement that changes rows; its result is these rows."""

    ask: Ask


class Remember(msgspec.Struct, frozen=True):
    """``FactBook.remember``."""

    changes: tuple[FactChange, ...]


class SignIn(msgspec.Struct, frozen=True):
    """``SessionBook.claim_sign_in``."""

    wanted: Session
    now_ms: int
    replace: bool


def plain(group: Group, units: list[Unit]) -> Part:
    """The part of ``Do``."""
    answers = yield [ask for unit in units for ask in unit.work.asks]
    given = iter(answers)
    for unit in units:
        group.done(unit, sum(next(given).changed for _ in unit.work.asks))
    yield []


def fetches(group: Group, units: list[Unit]) -> Part:
    """The part of ``Fetch``."""
    answers = yield [unit.work.ask for unit in units]
    for unit, answer in zip(units, answers, strict=True):
        group.done(unit, answer.rows)
    yield []


def remembers(group: Group, units: list[Unit]) -> Part:
    """The part of ``Remember``."""
    yield []
    for unit in units:
        group.facts.extend(unit.work.changes)
        group.done(unit, None)
    yield []


def sign_ins(group: Group, units: list[Unit]) -> Part:
    """The part of ``SignIn``: of all that want one sign-in, the first that may has it."""
    names = sorted({_name(unit) for unit in units})
    terms = [dict(zip(SESSION, name, strict=False)) for name in names]
    answers = yield [Ask(SESSION_TO_CLAIM, each) for each in terms]
    stored = {name: _first(answer.rows) for name, answer in zip(names, answers, strict=True)}
    before = dict(stored)
    results = []
    for unit in units:
        work, there = unit.work, stored[_name(unit)]
        if may_sign_in(there, work.now_ms, replace=work.replace):
            there = stored[_name(unit)] = work.wanted
        results.append((unit, there))
    changed = [name for name in names if stored[name] != before[name]]
    answers = yield [
        Ask(FIRST_SESSION if before[name] is None else PUT_SESSION, _row(stored[name]))
        for name in changed
    ]
    beaten = {name for name, answer in zip(changed, answers, strict=True) if not answer.changed}
    for unit, session in results:
        if _name(unit) in beaten:
            group.again.append(unit)
        else:
            group.done(unit, session)


def put_session(session: Session) -> Do:
    """See the port."""
    return Do((Ask(PUT_SESSION, _row(session)),))


def event_sent(tenant: str, key: str, state: str) -> Do:
    """See the port."""
    return Do((Ask(EVENT_SENT, {"tenant": tenant, "key": key, "state": state}),))


def told(items: list[tuple[str, str, str]]) -> Do:
    """See the port: tenant, key and status of all that were told since the last commit, the last
    word on each."""
    last = sorted({(tenant, key): (tenant, key, status) for tenant, key, status in items}.values())
    return Do((Ask(TOLD, columns(("tenant", "key", "status"), last)),))


def beat(at_ms: int) -> Do:
    """Leave the time of the last proof of a durable write."""
    return Do((Ask(BEAT, {"at_ms": at_ms}),))


def purge(before_ms: Mapping[str, int], limit: int) -> Do:
    """Delete at most ``limit`` final requests of each class in ``before_ms`` last changed before
    its cut, with their stories."""
    return Do(
        tuple(
            Ask(PURGE_REQUESTS, {"effect": effect, "before_ms": cut_ms, "limit": limit})
            for effect, cut_ms in before_ms.items()
        )
    )


def purge_remembered(before_ms: int, day: str) -> Do:
    """Delete facts and ended runs older than the cut, and sign-ins of earlier days."""
    cut = {"before_ms": before_ms}
    gone = (Ask(PURGE_FACTS, cut), Ask(PURGE_RUNS, cut), Ask(PURGE_SESSIONS, {"day": day}))
    return Do((*gone, Ask(PURGE_WRITERS, cut)))


def plan_runs(runs: tuple[Run, ...]) -> Do:
    """See the port. In one order, so that two processes that plan the same do not block."""
    rows = sorted(runs, key=lambda run: (run.tenant, run.schedule, run.due_ms))
    return Do(tuple(Ask(PLAN_RUN, msgspec.structs.asdict(row)) for row in rows))


def take_runs(lease: Lease, limit: int) -> Fetch:
    """See the port."""
    terms: dict[str, object] = {
        "tenant": lease.tenant,
        "owner": lease.owner,
        "now_ms": lease.now_ms,
        "until_ms": lease.now_ms + lease.lease_ms,
        "limit": limit,
    }
    return Fetch(Ask(TAKE_RUNS, terms))


def put_run(run: Run) -> Do:
    """See the port."""
    return Do((Ask(PUT_RUN, msgspec.structs.asdict(run)),))


def run_of(values: tuple[Any, ...]) -> Run:
    """The run of a row."""
    return Run(**dict(zip(RUN, values, strict=True)))


def session_of(values: tuple[Any, ...]) -> Session:
    """The session of a row."""
    return Session(**dict(zip(SESSION, values, strict=True)))


def _name(unit: Unit) -> tuple[str, str, str]:
    wanted: Session = unit.work.wanted
    return (wanted.tenant, wanted.opter, wanted.day)


def _first(rows: list[tuple[Any, ...]]) -> Session | None:
    return session_of(rows[0]) if rows else None


def _row(session: Session | None) -> dict[str, object]:
    return msgspec.structs.asdict(session) if session is not None else {}
