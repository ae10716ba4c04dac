"""What the engine may ask of the writer's process, as messages. Each runs there as one unit of work
inside a commit."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bus.journal.port import FactChange, Lease, Run, Session
from bus.journal.sqlite import books, ledger
from bus.journal.sqlite.transaction import Transaction
from bus.lifecycle.record import Record, StoryLine


class Order(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One unit of work."""

    def run(self, transaction: Transaction) -> Any:
        """Do it; the answer, which becomes the caller's after the commit."""
        raise NotImplementedError


class Begin(Order, frozen=True):
    """Answer: ``ledger.Began``."""

    record: Record
    now_ms: int
    story: StoryLine

    def run(self, transaction: Transaction) -> ledger.Began:
        """See the port."""
        return ledger.begin(transaction, self.record, self.now_ms, self.story)


class Advance(Order, frozen=True):
    """Answer: bool."""

    record: Record
    story: StoryLine
    facts: tuple[FactChange, ...]

    def run(self, transaction: Transaction) -> bool:
        """See the port."""
        return ledger.advance(transaction, self.record, self.story, self.facts)


class TakeDue(Order, frozen=True):
    """Answer: ``ledger.Taken``."""

    lease: Lease
    limit: int
    key: str

    def run(self, transaction: Transaction) -> ledger.Taken:
        """See the port."""
        return ledger.take_due(transaction, self.lease, self.limit, self.key)


class EventSent(Order, frozen=True):
    """Answer: None."""

    tenant: str
    key: str
    state: str

    def run(self, transaction: Transaction) -> None:
        """See the port."""
        books.event_sent(transaction, self.tenant, self.key, self.state)


class Told(Order, frozen=True):
    """Answer: None. ``items``: tenant, key, status."""

    items: list[tuple[str, str, str]]

    def run(self, transaction: Transaction) -> None:
        """See the port."""
        books.told(transaction, self.items)


class Allot(Order, frozen=True):
    """Answer: ``Numbers``."""

    tenant: str
    now_ms: int
    count: int

    def run(self, transaction: Transaction) -> Any:
        """See the port."""
        return books.allot(transaction, self.tenant, self.now_ms, self.count)


class ClaimSignIn(Order, frozen=True):
    """Answer: ``Session``."""

    wanted: Session
    now_ms: int
    replace: bool

    def run(self, transaction: Transaction) -> Session:
        """See the port."""
        return books.claim_sign_in(transaction, self.wanted, self.now_ms, replace=self.replace)


class PutSession(Order, frozen=True):
    """Answer: None."""

    session: Session

    def run(self, transaction: Transaction) -> None:
        """See the port."""
        books.put_session(transaction, self.session)


class Remember(Order, frozen=True):
    """Answer: None."""

    changes: tuple[FactChange, ...]

    def run(self, transaction: Transaction) -> None:
        """See the port."""
        books.change_facts(transaction, self.changes)


class PlanRuns(Order, frozen=True):
    """Answer: int."""

    runs: tuple[Run, ...]

    def run(self, transaction: Transaction) -> int:
        """See the port."""
        return books.plan_runs(transaction, self.runs)


class TakeRuns(Order, frozen=True):
    """Answer: list of ``Run``."""

    lease: Lease
    limit: int

    def run(self, transaction: Transaction) -> list[Run]:
        """See the port."""
        return books.take_runs(transaction, self.lease, self.limit)


class PutRun(Order, frozen=True):
    """Answer: bool."""

    kept: Run

    def run(self, transaction: Transaction) -> bool:
        """See the port."""
        return books.put_run(transaction, self.kept)


class Beat(Order, frozen=True):
    """Answer: None."""

    at_ms: int

    def run(self, transaction: Transaction) -> None:
        """See ``books.beat``."""
        books.beat(transaction, self.at_ms)


class Purge(Order, frozen=True):
    """Answer: int."""

    before_ms: Mapping[str, int]
    limit: int

    def run(self, transaction: Transaction) -> int:
        """See ``books.purge``."""
        return books.purge(transaction, self.before_ms, self.limit)


class PurgeRemembered(Order, frozen=True):
    """Answer: int."""

    before_ms: int
    day: str

    def run(self, transaction: Transaction) -> int:
        """See ``books.purge_remembered``."""
        return books.purge_remembered(transaction, self.before_ms, self.day)


AnyOrder = (
    Begin
    | Advance
    | TakeDue
    | EventSent
    | Told
    | Allot
    | ClaimSignIn
    | PutSession
    | Remember
    | PlanRuns
    | TakeRuns
    | PutRun
    | Beat
    | Purge
    | PurgeRemembered
)
