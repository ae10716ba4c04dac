"""Any sequence of duties gives the same answers on the lasting engine as in memory."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from bus.journal.memory import MemoryJournal
from bus.journal.port import (
    ClaimTakenError,
    Fact,
    FactChange,
    FindBy,
    Journal,
    Lease,
    RunsBy,
    Session,
)
from bus.lifecycle.record import State, Step
from tests.journal.journal_engines import NOW, OTHER, TENANT, Engine, line, make_sqlite, record, run

TENANTS = st.sampled_from([TENANT, OTHER])
NAMES = st.sampled_from(["a", "b", "c"])
MAYBE = st.sampled_from(["", "a", "b"])
STATES = st.sampled_from(State)
TIMES = st.integers(0, 6).map(lambda step: NOW + 500 * step)
NEXT = st.one_of(st.just(0), TIMES)
BODIES = st.sampled_from([b"", b"{}", "医保".encode()])


class Both(RuleBasedStateMachine):
    """Each rule does the same on both journals and compares what they say."""

    make: Callable[[Path], Journal] = staticmethod(make_sqlite)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-model-"))
        self.runner = asyncio.Runner()
        self.real = self.make(self.folder)
        self.model = MemoryJournal()
        self.run(self.real.open())
        self.run(self.model.open())

    def run(self, work: Awaitable[object]) -> object:
        async def done() -> object:
            return await work

        return self.runner.run(done())

    def same(self, duty: Callable[[Journal], Awaitable[object]]) -> object:
        answers = []
        for journal in (self.real, self.model):
            try:
                answers.append(self.run(duty(journal)))
            except ClaimTakenError as error:
                answers.append(str(error))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(
        tenant=TENANTS, key=NAMES, visit=MAYBE, state=STATES, next_at=NEXT, body=BODIES, now=TIMES
    )
    def begin(self, now: int, body: bytes, **terms: object) -> None:
        one = record(
            str(terms["key"]),
            tenant=terms["tenant"],
            visit=terms["visit"],
            state=terms["state"],
            next_at_ms=terms["next_at"],
            request=body,
            reply=body,
        )
        self.same(lambda journal: journal.begin(one, now, line()))

    @rule(data=st.data(), tenant=TENANTS, key=NAMES, state=STATES, next_at=NEXT, old=st.booleans())
    def advance(
        self, data: st.DataObject, tenant: str, key: str, state: State, next_at: int, old: bool
    ) -> None:
        known = self.model._records.get((tenant, key), record(key, tenant=tenant))
        changed = replace(
            known,
            state=state,
            step=data.draw(st.sampled_from(Step)),
            fence=known.fence - old,
            next_at_ms=next_at,
            told=data.draw(MAYBE),
            event_due=data.draw(st.booleans()),
            mdtrt_id=data.draw(MAYBE),
            reversal_msgid=data.draw(MAYBE),
            visit=data.draw(MAYBE),
            updated_ms=data.draw(TIMES),
            reply=data.draw(BODIES),
        )
        facts = data.draw(CHANGES)
        self.same(lambda journal: journal.advance(changed, line("step"), facts))

    @rule(now=TIMES, lease_ms=st.sampled_from([1, 700]), tenant=MAYBE, key=MAYBE)
    def take_due(self, now: int, lease_ms: int, tenant: str, key: str) -> None:
        chosen = {"a": TENANT, "b": OTHER}.get(tenant, "")
        lease = Lease(owner="w2", now_ms=now, lease_ms=lease_ms, tenant=chosen)
        self.same(lambda journal: journal.take_due(lease, 2, key))

    @rule(tenant=TENANTS, key=NAMES, status=MAYBE)
    def told(self, tenant: str, key: str, status: str) -> None:
        async def both(journal: Journal) -> None:
            await journal.told(tenant, key, status)
            await journal.check()

        self.same(both)

    @rule(tenant=TENANTS, key=NAMES, state=st.sampled_from(["succeeded", "held", "sending"]))
    def event_sent(self, tenant: str, key: str, state: str) -> None:
        self.same(lambda journal: journal.event_sent(tenant, key, state))

    @rule(tenant=TENANTS, now=TIMES, count=st.sampled_from([1, 64, 9_990]))
    def allot(self, tenant: str, now: int, count: int) -> None:
        self.same(lambda journal: journal.allot(tenant, now, count))

    @rule(
        opter=NAMES,
        state=st.sampled_from(["signing", "open", "out"]),
        until=TIMES,
        now=TIMES,
        how=st.sampled_from(["put", "claim", "replace"]),
    )
    def sign_in(self, opter: str, state: str, until: int, now: int, how: str) -> None:
        one = Session(tenant=TENANT, opter=opter, day="d", state=state, until_ms=until, at_ms=now)
        if how == "put":
            self.same(lambda journal: journal.put_session(one))
        else:
            claim = replace(one, state="signing")
            self.same(lambda journal: journal.claim_sign_in(claim, now, replace=how == "replace"))

    @rule(data=st.data())
    def remember(self, data: st.DataObject) -> None:
        changes = data.draw(CHANGES)
        self.same(lambda journal: journal.remember(changes))

    @rule(due=TIMES, tenant=TENANTS)
    def plan(self, due: int, tenant: str) -> None:
        planned = (run(due_ms=due, tenant=tenant), run(schedule="night", due_ms=due))
        self.same(lambda journal: journal.plan_runs(planned))

    @rule(now=TIMES, tenant=st.sampled_from(["", TENANT]), limit=st.integers(1, 3))
    def take_runs(self, now: int, tenant: str, limit: int) -> None:
        lease = Lease(owner="w", now_ms=now, lease_ms=700, tenant=tenant)
        self.same(lambda journal: journal.take_runs(lease, limit))

    @rule(due=TIMES, fence=st.integers(0, 2), state=st.sampled_from(["waiting", "done"]))
    def put_run(self, due: int, fence: int, state: str) -> None:
        one = run(due_ms=due, fence=fence, state=state)
        self.same(lambda journal: journal.put_run(one))

    @rule(before=TIMES, limit=st.integers(1, 2))
    def purge(self, before: int, limit: int) -> None:
        self.same(lambda journal: journal.purge({"settle": before}, limit))  # type: ignore[attr-defined]  # beside the port

    @rule()
    def restart(self) -> None:
        self.run(self.real.close())
        self.run(self.real.open())

    @invariant()
    def same_books(self) -> None:
        for by in (
            FindBy(),
            FindBy(states=("sending", "held", "succeeded"), limit=2),
            FindBy(mdtrt_id="a"),
            FindBy(msgid="b"),
        ):
            self.same(lambda journal, by=by: journal.find(by))  # type: ignore[misc]  # bound now
        self.same(lambda journal: journal.events_due(2))
        self.same(lambda journal: journal.runs(RunsBy()))
        self.same(lambda journal: journal.open_sessions())
        self.same(lambda journal: journal.recall(TENANT, "fee", "a"))
        for name in list(self.model._records):
            self.same(lambda journal, name=name: journal.story(*name))  # type: ignore[misc]  # bound now

    def teardown(self) -> None:
        self.run(self.real.close())
        self.runner.close()
        shutil.rmtree(self.folder)


CHANGES = st.lists(
    st.builds(
        FactChange,
        op=st.sampled_from(["put", "drop", "mark"]),
        fact=st.builds(
            Fact,
            tenant=st.just(TENANT),
            kind=st.just("fee"),
            subject=st.sampled_from(["a", "b"]),
            item=MAYBE,
            batch=MAYBE,
            mark=MAYBE,
            at_ms=st.just(NOW),
        ),
        where_mark=st.one_of(st.none(), MAYBE),
    ),
    max_size=3,
).map(tuple)


@pytest.mark.timeout(180)
def test_any_sequence_of_duties_gives_the_same_answers(lasting: Engine) -> None:
    class Pair(Both):
        make = staticmethod(lasting.make)

    chosen = settings(max_examples=20, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Pair, settings=chosen)
