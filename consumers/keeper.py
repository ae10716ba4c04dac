"""Keeps the journal in step with the life cycle: one event in, one durable change out."""

from time import perf_counter
from typing import Any

import msgspec

from bus.journal.port import FactChange
from bus.lifecycle.machine import bounded, move
from bus.lifecycle.record import FINAL, Record, StoryLine
from bus.lifecycle.table import Action, Event
from consumers.context import Context
from consumers.facts import Memory
from consumers.outcomes import decided
from consumers.work import Work
from schemas.contract import CentreAnswer

NEW_ATTEMPT = frozenset({Event.REPEAT, Event.STALE_SIGN_IN})
"""Events that start another attempt: it has a msgid of its own, durable before it is sent."""
ANSWERED = frozenset({Event.ACCEPTED, Event.ALREADY_DONE, Event.REFUSED})


class Superseded(Exception):  # noqa: N818 - not an error: another worker has the record now
    """The record's fence was raised by someone else; this worker stops acting on it."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What an event brings along: for the story a detail, for the reply the centre's words.

    ``output`` is decoded JSON, ``None`` when there is none.
    """

    detail: str = ""
    code: str = ""
    output: Any = None
    head: CentreAnswer | None = None
    flags: tuple[str, ...] = ()


NOTHING = News()


class Keeper:
    """Applies events to records and makes the result durable."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def store(self, work: Work, event: Event, news: News = NOTHING) -> tuple[Work, Action]:
        """Advance by one event; ``Superseded`` when the fence is not ours any more."""
        context, record = self._context, work.record
        institution = context.institutions[record.tenant]
        pace, detail = context.pace(institution), news.detail
        event = bounded(record, event, pace)
        if event in NEW_ATTEMPT:
            # The number of the attempt that is over stays findable: the centre's books name it.
            detail = f"{detail} {record.msgid}".strip()
            record = await self._new_attempt(record)
        now_ms = context.clock.now_ms()
        if event in ANSWERED:
            record = msgspec.structs.replace(record, answered_ms=now_ms)
        moved, action = move(record, event, now_ms, pace, news.code)
        facts: tuple[FactChange, ...] = ()
        if moved.state in FINAL:
            moved, facts = self._decide(work.at(moved), news)
        line = StoryLine(
            at_ms=now_ms, fence=moved.fence, what=event, detail=detail, owner=context.owner
        )
        began = perf_counter()
        kept = await context.journal.advance(moved, line, facts)
        context.metrics.stage["journal"].observe(perf_counter() - began)
        if not kept:
            context.metrics.late_answers.inc()
            raise Superseded
        return work.at(moved), action

    def _decide(self, work: Work, news: News) -> tuple[Record, tuple[FactChange, ...]]:
        context, moved = self._context, work.record
        result = decided(context, work, output=news.output, head=news.head, flags=news.flags)
        facts = result.facts
        if moved.code == "reversed":
            memory = Memory(moved.tenant, context.digest, context.clock.now_ms())
            facts += memory.after_reversal(moved.infno, work.data)
        return msgspec.structs.replace(moved, reply=result.reply), facts

    async def _new_attempt(self, record: Record) -> Record:
        context = self._context
        institution = context.institutions[record.tenant]
        budget_s = institution.budget_s(institution.catalogue[record.infno])
        return msgspec.structs.replace(
            record,
            msgid=await context.msgids.draw(record.tenant),
            in_flight_until_ms=context.flight_until_ms(budget_s),
        )
