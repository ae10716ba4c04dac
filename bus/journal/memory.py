"""The journal port in memory: for tests and simulations, where a restart is a new reader of the
same books. It passes the same contract suite as the engines that last."""

from collections.abc import Mapping

import msgspec

from bus.journal.numbers import Mark, allot, format_msgid, prefix
from bus.journal.port import (
    Begun,
    Claimed,
    ClaimTakenError,
    Fact,
    FactChange,
    FindBy,
    Fresh,
    JournalUnavailableError,
    Known,
    Lease,
    Numbers,
    Run,
    RunsBy,
    Session,
)
from bus.journal.rules import (
    TAKEN_OVER,
    check_changes,
    claim_of,
    is_due,
    late,
    may_sign_in,
    needs_msgid,
    replaced,
    taken_run,
)
from bus.lifecycle.record import FINAL, OPEN, Record, StoryLine

Name = tuple[str, str]
"""(tenant, key)"""


class MemoryJournal:
    """See ``bus.journal.port.Journal``. ``fail_writes`` makes that many following writes raise
    ``JournalUnavailableError`` and change nothing; ``fail_reads`` the same for reads."""

    def __init__(self) -> None:
        self.fail_writes = 0
        self.fail_reads = 0
        self._opened = False
        self._records: dict[Name, Record] = {}
        self._stories: dict[Name, list[StoryLine]] = {}
        self._claims: dict[Name, str] = {}
        self._marks: dict[str, Mark] = {}
        self._sessions: dict[tuple[str, str, str], Session] = {}
        self._facts: dict[tuple[str, str, str, str], Fact] = {}
        self._runs: dict[tuple[int, str, str], Run] = {}

    async def open(self) -> None:
        """See the port."""
        self._opened = True

    async def close(self) -> None:
        """See the port. The books stay, for the next ``open``."""
        self._opened = False

    async def check(self) -> None:
        """See the port."""
        self._writing()

    async def begin(self, record: Record, now_ms: int, story: StoryLine) -> Begun:
        """See the port."""
        self._writing()
        name = (record.tenant, record.key)
        if name in self._records:
            return Known(self._records[name])
        claim = claim_of(record)
        if claim and (record.tenant, claim) in self._claims:
            return Claimed(self._claims[record.tenant, claim])
        if needs_msgid(record):
            numbers = self._draw(record.tenant, now_ms, 1)
            msgid = format_msgid(record.tenant, numbers.second, numbers.first)
            record = msgspec.structs.replace(record, msgid=msgid)
        self._store(record)
        self._stories[name] = [story]
        return Fresh(record)

    async def advance(
        self, record: Record, story: StoryLine, facts: tuple[FactChange, ...] = ()
    ) -> bool:
        """See the port."""
        check_changes(facts)
        self._writing()
        name = (record.tenant, record.key)
        stored = self._records.get(name)
        if stored is None:
            return False
        if stored.fence != record.fence:
            self._stories[name].append(late(story))
            return False
        claim = claim_of(record)
        if claim and self._claims.get((record.tenant, claim), record.key) != record.key:
            raise ClaimTakenError("the visit of this record is claimed by another one")
        self._store(replaced(stored, record))
        self._stories[name].append(story)
        self._change_facts(facts)
        return True

    async def take_due(self, lease: Lease, limit: int, key: str = "") -> list[Record]:
        """See the port."""
        self._writing()
        due = [
            record
            for record in self._records.values()
            if record.state in OPEN
            and 0 < record.next_at_ms <= lease.now_ms
            and (not key or record.key == key)
            and record.tenant == (lease.tenant if key else lease.tenant or record.tenant)
        ]
        taken = []
        for record in sorted(due, key=lambda one: one.next_at_ms)[:limit]:
            mine = msgspec.structs.replace(
                record,
                fence=record.fence + 1,
                owner=lease.owner,
                next_at_ms=lease.now_ms + lease.lease_ms,
            )
            self._store(mine)
            self._stories[record.tenant, record.key].append(
                StoryLine(at_ms=lease.now_ms, fence=mine.fence, what=TAKEN_OVER, owner=lease.owner)
            )
            taken.append(mine)
        return taken

    async def find(self, by: FindBy) -> list[Record]:
        """See the port."""
        self._reading()
        newest = reversed(self._records.values())
        return [record for record in newest if _matches(record, by)][: by.limit]

    async def story(self, tenant: str, key: str) -> list[StoryLine]:
        """See the port."""
        self._reading()
        return list(self._stories.get((tenant, key), ()))

    async def events_due(self, limit: int) -> list[Record]:
        """See the port."""
        self._reading()
        return [record for record in self._records.values() if record.event_due][:limit]

    async def event_sent(self, tenant: str, key: str, state: str) -> None:
        """See the port."""
        self._writing()
        stored = self._records.get((tenant, key))
        if stored is not None and stored.state == state:
            self._touch(tenant, key, event_due=False)

    async def told(self, tenant: str, key: str, status: str) -> None:
        """See the port."""
        if self._opened:
            self._touch(tenant, key, told=status)

    async def allot(self, tenant: str, now_ms: int, count: int) -> Numbers:
        """See the port."""
        self._writing()
        return self._draw(tenant, now_ms, count)

    async def session(self, tenant: str, opter: str, day: str) -> Session | None:
        """See the port."""
        self._reading()
        return self._sessions.get((tenant, opter, day))

    async def open_sessions(self, tenant: str = "") -> list[Session]:
        """See the port."""
        self._reading()
        return [
            session
            for _, session in sorted(self._sessions.items())
            if session.state == "open" and session.tenant == (tenant or session.tenant)
        ]

    async def claim_sign_in(
        self, session: Session, now_ms: int, *, replace: bool = False
    ) -> Session:
        """See the port."""
        self._writing()
        name = (session.tenant, session.opter, session.day)
        if may_sign_in(self._sessions.get(name), now_ms, replace=replace):
            self._sessions[name] = session
        return self._sessions[name]

    async def put_session(self, session: Session) -> None:
        """See the port."""
        self._writing()
        self._sessions[session.tenant, session.opter, session.day] = session

    async def remember(self, changes: tuple[FactChange, ...]) -> None:
        """See the port."""
        check_changes(changes)
        self._writing()
        self._change_facts(changes)

    async def recall(self, tenant: str, kind: str, subject: str) -> list[Fact]:
        """See the port; ordered by item."""
        self._reading()
        return [
            fact
            for name, fact in sorted(self._facts.items())
            if name[:3] == (tenant, kind, subject)
        ]

    async def plan_runs(self, runs: tuple[Run, ...]) -> int:
        """See the port."""
        self._writing()
        before = len(self._runs)
        for run in runs:
            self._runs.setdefault(_run_name(run), run)
        return len(self._runs) - before

    async def take_runs(self, lease: Lease, limit: int) -> list[Run]:
        """See the port."""
        self._writing()
        due = [run for _, run in sorted(self._runs.items()) if is_due(run, lease)]
        taken = [taken_run(run, lease) for run in due[:limit]]
        self._runs |= {_run_name(run): run for run in taken}
        return taken

    async def put_run(self, run: Run) -> bool:
        """See the port."""
        self._writing()
        stored = self._runs.get(_run_name(run))
        if stored is None or stored.fence != run.fence:
            return False
        self._runs[_run_name(run)] = run
        return True

    async def runs(self, by: RunsBy) -> list[Run]:
        """See the port."""
        self._reading()
        found = [
            run
            for _, run in sorted(self._runs.items(), reverse=True)
            if run.due_ms < by.before_ms
            and by.tenant in {"", run.tenant}
            and by.schedule in {"", run.schedule}
            and (not by.states or run.state in by.states)
        ]
        return found[: by.limit]

    async def purge(self, before_ms: Mapping[str, int], limit: int = 500) -> int:
        """As the engines that last do."""
        self._writing()
        gone = 0
        for effect, cut_ms in before_ms.items():
            old = [
                record
                for record in self._records.values()
                if record.effect == effect
                and record.state in FINAL
                and not record.event_due
                and record.updated_ms < cut_ms
            ]
            for record in sorted(old, key=lambda one: one.updated_ms)[:limit]:
                del self._records[record.tenant, record.key]
                del self._stories[record.tenant, record.key]
                gone += 1
        return gone

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        """As the engines that last do."""
        self._writing()
        facts = {name: one for name, one in self._facts.items() if one.at_ms >= before_ms}
        sessions = {name: one for name, one in self._sessions.items() if one.day >= day}
        runs = {
            name: one
            for name, one in self._runs.items()
            if one.at_ms >= before_ms or one.state in {"waiting", "running"}
        }
        gone = len(self._facts) - len(facts) + len(self._sessions) - len(sessions)
        gone += len(self._runs) - len(runs)
        self._facts, self._sessions, self._runs = facts, sessions, runs
        return gone

    def _writing(self) -> None:
        self._check_open()
        if self.fail_writes > 0:
            self.fail_writes -= 1
            raise JournalUnavailableError("journal: a write was made to fail")

    def _reading(self) -> None:
        self._check_open()
        if self.fail_reads > 0:
            self.fail_reads -= 1
            raise JournalUnavailableError("journal: a read was made to fail")

    def _check_open(self) -> None:
        if not self._opened:
            raise JournalUnavailableError("journal: closed")

    def _store(self, record: Record) -> None:
        """Keep the record and hold the claim its state asks for, releasing the former one."""
        name = (record.tenant, record.key)
        former = self._records.get(name)
        before = claim_of(former) if former else None
        if before:
            del self._claims[record.tenant, before]
        after = claim_of(record)
        if after:
            self._claims[record.tenant, after] = record.key
        self._records[name] = record

    def _touch(self, tenant: str, key: str, **changes: object) -> None:
        stored = self._records.get((tenant, key))
        if stored is not None:
            self._records[tenant, key] = msgspec.structs.replace(stored, **changes)

    def _draw(self, tenant: str, now_ms: int, count: int) -> Numbers:
        name = prefix(tenant)
        numbers, self._marks[name] = allot(self._marks.get(name), now_ms, count)
        return numbers

    def _change_facts(self, changes: tuple[FactChange, ...]) -> None:
        for change in changes:
            fact = change.fact
            name = (fact.tenant, fact.kind, fact.subject, fact.item)
            if change.op == "put":
                self._facts[name] = fact
                continue
            for found in [name for name, one in self._facts.items() if _meant(change, one)]:
                if change.op == "drop":
                    del self._facts[found]
                else:
                    stored = self._facts[found]
                    self._facts[found] = msgspec.structs.replace(stored, mark=fact.mark)


def _run_name(run: Run) -> tuple[int, str, str]:
    return (run.due_ms, run.tenant, run.schedule)


def _matches(record: Record, by: FindBy) -> bool:
    return (
        by.tenant in {"", record.tenant}
        and by.key in {"", record.key}
        and by.msgid in {"", record.msgid, record.reversal_msgid}
        and by.mdtrt_id in {"", record.mdtrt_id}
        and by.subject in {"", record.subject}
        and (not by.states or record.state in by.states)
    )


def _meant(change: FactChange, fact: Fact) -> bool:
    """Whether a drop or mark means this fact."""
    wanted = change.fact
    return (
        (fact.tenant, fact.kind, fact.subject) == (wanted.tenant, wanted.kind, wanted.subject)
        and wanted.item in {"", fact.item}
        and wanted.batch in {"", fact.batch}
        and change.where_mark in {None, fact.mark}
    )
