"""Seeded bugs of the journal's rules and of the life cycle."""

from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

import bus.journal.memory as books_module
import bus.lifecycle.machine as machine_module
import consumers.keeper as keeper_module
import consumers.resolver as resolver_module
from bus.lifecycle.machine import Move, Seen
from bus.lifecycle.record import Record, Reversal, State, Step
from bus.lifecycle.table import HELD, TABLE, UNDONE, Action, Event, Rule
from consumers.keeper import News
from tests.simulation.bug_kit import Patches, mutant, replaces, rules

# -- the journal's rules ---------------------------------------------------------------------------


@mutant
def skip_the_fence() -> Patches:
    """A worker whose record was taken over writes its news all the same."""

    def make(original: Any) -> Any:
        async def advance(self: Any, record: Record, *rest: Any) -> bool:
            stored = self._records[record.tenant, record.key]
            fenced = msgspec.structs.replace(record, fence=stored.fence)
            return bool(await original(self, fenced, *rest))

        return advance

    with replaces(books_module.MemoryJournal, "advance", make):
        yield


@mutant
def no_claim() -> Patches:
    """A visit is not claimed while its money is on the way."""
    with patch.object(books_module, "claim_of", lambda record: None):
        yield


@mutant
def claim_released_in_doubt() -> Patches:
    """The claim ends with the call, not with the outcome."""

    def make(original: Any) -> Any:
        return lambda record: original(record) if record.state is State.SENDING else None

    with replaces(books_module, "claim_of", make):
        yield


@mutant
def two_sign_ins() -> Patches:
    """The lease of a sign-in under way is not looked at."""
    with patch.object(books_module, "may_sign_in", lambda *_, **__: True):
        yield


@mutant
def number_given_twice() -> Patches:
    """Numbers of a second begin at 0 for whoever asks."""

    def make(original: Any) -> Any:
        return lambda mark, now_ms, count: original(None, now_ms, count)

    with replaces(books_module, "allot", make):
        yield


@mutant
def key_not_looked_up() -> Patches:
    """A key that is there is begun anew."""

    def make(original: Any) -> Any:
        async def begin(self: Any, record: Record, *rest: Any) -> Any:
            stored = self._records.get((record.tenant, record.key))
            if stored is not None and stored.state is State.UNAVAILABLE:
                del self._records[record.tenant, record.key]
            return await original(self, record, *rest)

        return begin

    with replaces(books_module.MemoryJournal, "begin", make):
        yield


# -- the life cycle --------------------------------------------------------------------------------


@mutant
def believe_the_first_nothing() -> Patches:
    """The first *nothing to reverse* and an empty look end the matter."""

    def make(original: Any) -> Any:
        def finding(record: Record, seen: Seen, *rest: Any) -> Event:
            if seen is Seen.ABSENT and record.reversal is Reversal.NOTHING:
                return Event.NOT_DONE
            return Event(original(record, seen, *rest))

        return finding

    with replaces(resolver_module, "finding", make):
        yield


@mutant
def absence_is_proof_at_once() -> Patches:
    """What a look does not show did not happen."""

    def make(original: Any) -> Any:
        def finding(record: Record, seen: Seen, *rest: Any) -> Event:
            return Event.NOT_DONE if seen is Seen.ABSENT else Event(original(record, seen, *rest))

        return finding

    with replaces(resolver_module, "finding", make):
        yield


@mutant
def accepted_2601_is_proof() -> Patches:
    """A 2601 the centre took needs no look."""
    with rules(State.REVERSING, Event.REVERSAL_TAKEN, UNDONE):
        yield


@mutant
def unclear_2601_is_proof() -> Patches:
    """A 2601 without an answer counts as done."""
    with rules(State.REVERSING, Event.REVERSAL_UNCLEAR, UNDONE):
        yield


@mutant
def refused_2601_is_the_end() -> Patches:
    """A 2601 that is refused means that there was nothing to reverse."""
    with rules(State.REVERSING, Event.REVERSAL_REFUSED, TABLE[State.REVERSING][Event.NOT_DONE]):
        yield


@mutant
def reversal_without_a_number_of_its_own() -> Patches:
    """Every 2601 of a record carries the number of the first."""

    def make(original: Any) -> Any:
        async def reverse(self: Any, work: Any) -> Record:
            pool = self._context.msgids
            if not work.record.reversal_msgid:
                return Record(**msgspec.structs.asdict(await original(self, work)))

            async def same(tenant: str) -> str:
                return str(work.record.reversal_msgid)

            with patch.object(pool, "draw", same):
                return Record(**msgspec.structs.asdict(await original(self, work)))

        return reverse

    with replaces(resolver_module.Resolver, "_reverse", make):
        yield


@mutant
def lost_2601_repeated_blindly() -> Patches:
    """A 2601 that may still take effect is sent again."""

    def make(original: Any) -> Any:
        def finding(record: Record, seen: Seen, *rest: Any) -> Event:
            if seen is Seen.DONE and record.reversal is Reversal.UNCLEAR:
                return Event.DONE
            return Event(original(record, seen, *rest))

        return finding

    with replaces(resolver_module, "finding", make):
        yield


@mutant
def take_over_before_the_call_is_over() -> Patches:
    """A record is due a second after its call began."""

    def make(original: Any) -> Any:
        def next_at(record: Record, rule: Rule, now_ms: int, pace: Any) -> int:
            sends = rule.action in {Action.SEND, Action.SEND_REVERSAL}
            return now_ms + 1_000 if sends else int(original(record, rule, now_ms, pace))

        return next_at

    with replaces(machine_module, "next_at", make):
        yield


@contextmanager
def as_if_first(believed: Event) -> Patches:
    """A word on a repeat counts as if no attempt had been before it."""

    def make(original: Any) -> Any:
        def bounded(record: Record, event: Event, pace: Any) -> Event:
            return event if event is believed else Event(original(record, event, pace))

        return bounded

    with replaces(machine_module, "bounded", make), replaces(keeper_module, "bounded", make):
        yield


@mutant
def refusal_of_a_repeat_is_believed() -> Patches:
    """A repeat that is refused says that nothing was done."""
    with as_if_first(Event.REFUSED):
        yield


@mutant
def unsent_repeat_is_the_end() -> Patches:
    """A repeat that did not leave makes the request unavailable."""
    with as_if_first(Event.NEVER_SENT):
        yield


@mutant
def drop_what_is_held() -> Patches:
    """What needs a person is told as not done."""
    told = Rule(State.REVERSED, Step.NONE, Action.TELL, "not_done")
    held = [(state, event) for state, row in TABLE.items() for event in row if row[event] is HELD]
    former = {state: dict(TABLE[state]) for state, _ in held}
    for state, event in held:
        TABLE[state][event] = told
    try:
        yield
    finally:
        for state, row in former.items():
            TABLE[state].update(row)


@mutant
def forget_the_event() -> Patches:
    """An outcome that was in doubt is not announced."""

    def make(original: Any) -> Any:
        def move(*args: Any, **options: Any) -> Move:
            moved, action = original(*args, **options)
            return Move(msgspec.structs.replace(moved, event_due=False), action)

        return move

    with replaces(keeper_module, "move", make):
        yield


@mutant
def dead_owner_means_not_sent() -> Patches:
    """What a dead worker was sending counts as never sent."""

    def make(original: Any) -> Any:
        def resume(record: Record) -> Event | Action:
            sending = record.state is State.SENDING
            return Event.NEVER_SENT if sending else original(record)

        return resume

    def code(original: Any) -> Any:
        async def report(self: Any, work: Any, event: Event, news: Any = None) -> Any:
            named = news or News(code="centre_unreachable")
            return await original(self, work, event, named)

        return report

    with (
        replaces(resolver_module, "resume", make),
        replaces(resolver_module.Resolver, "report", code),
    ):
        yield


@mutant
def dead_owners_call_sent_again() -> Patches:
    """What a dead worker was sending is sent once more."""

    def make(original: Any) -> Any:
        def resume(record: Record) -> Event | Action:
            sending = record.state is State.SENDING
            return Action.SEND if sending else original(record)

        return resume

    def flight(original: Any) -> Any:
        async def attempt(context: Any, work: Any, caller: Any) -> Any:
            until_ms = context.flight_until_ms(5.0)
            record = msgspec.structs.replace(work.record, in_flight_until_ms=until_ms)
            return await original(context, work.at(record), caller)

        return attempt

    with replaces(resolver_module, "resume", make), replaces(resolver_module, "attempt", flight):
        yield
