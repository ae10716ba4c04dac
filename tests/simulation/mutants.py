"""Seeded bugs: what somebody might get wrong in the machine, the journal's rules, or the worker.

Each is a patch of one place. The simulation has to find every one of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

import bus.journal.memory as books_module
import bus.lifecycle.machine as machine_module
import consumers.centre as centre_module
import consumers.dispatch as dispatch_module
import consumers.keeper as keeper_module
import consumers.kept as kept_module
import consumers.looks as looks_module
import consumers.resolver as resolver_module
import consumers.sending as sending_module
from bus.broker.port import Message, PublishFailedError
from bus.gateway.answer import Accepted, Refused, Unclear
from bus.gateway.port import MaybeSent, NeverSent
from bus.journal.port import Fresh
from bus.lifecycle.machine import Heard, Move, Seen
from bus.lifecycle.record import Record, Reversal, State, Step
from bus.lifecycle.table import HELD, TABLE, UNDONE, Action, Event, Rule
from bus.topology import EVENTS_EXCHANGE, settlement_event
from consumers.centre import Answer, Ask
from consumers.keeper import News
from consumers.looks import Sight
from consumers.order import Order
from consumers.replies import Replier, Said, reply_bytes
from consumers.sweeper import Sweeper

Patches = Iterator[None]


class Mutant(NamedTuple):
    """``what`` somebody got wrong; ``patched`` puts it in for a while."""

    name: str
    what: str
    patched: Callable[[], AbstractContextManager[None]]


MUTANTS: list[Mutant] = []


def mutant_named(name: str) -> Mutant:
    """One of them."""
    return next(mutant for mutant in MUTANTS if mutant.name == name)


def mutant(function: Callable[[], Iterator[None]]) -> Callable[[], AbstractContextManager[None]]:
    """Register a bug under its function's name."""
    made = contextmanager(function)
    MUTANTS.append(Mutant(function.__name__, function.__doc__ or "", made))
    return made


def replaces(owner: Any, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[Any]:
    """Put ``make(original)`` in the place of ``owner.name``."""
    return patch.object(owner, name, make(getattr(owner, name)))


def rules(state: State, event: Event, rule: Rule) -> AbstractContextManager[Any]:
    """The table with one entry changed."""
    return patch.dict(TABLE[state], {event: rule})


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


# -- the worker ------------------------------------------------------------------------------------


@mutant
def ack_before_store() -> Patches:
    """The message is acknowledged when it is read."""

    def make(original: Any) -> Any:
        async def one(self: Any, delivery: Any, **options: Any) -> None:
            delivery.ack()
            await original(self, delivery, **options)

        return one

    with replaces(dispatch_module.Dispatcher, "_one", make):
        yield


@mutant
def reply_before_store() -> Patches:
    """The reply does not wait for the journal."""

    def make(original: Any) -> Any:
        async def store(self: Any, work: Any, event: Event, news: Any = None) -> Any:
            writing = asyncio.ensure_future(original(self, work, event, *([news] if news else [])))
            if event not in (Event.ACCEPTED, Event.REFUSED):
                return await writing
            state = State.SUCCEEDED if event is Event.ACCEPTED else State.REJECTED
            code = "ok" if event is Event.ACCEPTED else "refused"
            reply = reply_bytes(code, Said(infno=work.record.infno, msgid=work.record.msgid))
            told = msgspec.structs.replace(work.record, state=state, code=code, reply=reply)
            return work.at(told), Action.TELL

        return store

    with replaces(keeper_module.Keeper, "store", make):
        yield


@mutant
def lost_confirm_ignored() -> Patches:
    """A reply the broker did not confirm counts as sent."""

    def make(original: Any) -> Any:
        async def send(self: Any, to: Any, body: bytes) -> bool:
            try:
                return bool(await original(self, to, body))
            except PublishFailedError:
                return True

        return send

    with replaces(Replier, "send", make):
        yield


@mutant
def event_cleared_before_its_confirm() -> Patches:
    """An event counts as sent before it is published."""

    def make(_: Any) -> Any:
        async def announce(self: Any) -> None:
            journal = self._context.journal
            for record in await journal.events_due(200):
                await journal.event_sent(record.tenant, record.key)
                message = Message(
                    body=record.reply,
                    exchange=EVENTS_EXCHANGE,
                    routing_key=settlement_event(record.tenant, record.state),
                    correlation_id=Order.from_bytes(record.request).correlation_id,
                    headers={"idempotency-key": record.key},
                    mandatory=False,
                )
                await self._publisher.publish(message)

        return announce

    with replaces(Sweeper, "_announce", make):
        yield


@mutant
def nobody_takes_over() -> Patches:
    """Records of dead workers are left to those who ask again."""

    async def nothing(self: Any) -> None:
        """No record is taken over by the sweeper."""

    with patch.object(Sweeper, "_take_over", nothing):
        yield


@mutant
def resend_on_502() -> Patches:
    """A gateway's 502 is answered by sending again."""

    def make(original: Any) -> Any:
        async def ask(self: Any, ask: Ask) -> Answer:
            answer: Answer = await original(self, ask)
            if isinstance(answer, Unclear) and answer.reason == "http_status":
                again: Answer = await original(self, ask)
                return again
            return answer

        return ask

    with replaces(centre_module.Centre, "ask", make):
        yield


@mutant
def maybe_sent_is_refused() -> Patches:
    """A lost answer counts as a no."""

    def make(original: Any) -> Any:
        def heard_of(answer: Answer) -> Heard:
            return Heard.REFUSED if isinstance(answer, MaybeSent) else Heard(original(answer))

        return heard_of

    with replaces(sending_module, "heard_of", make):
        yield


@mutant
def maybe_sent_is_never_sent() -> Patches:
    """A lost answer counts as a call that did not leave."""

    def make(original: Any) -> Any:
        def heard_of(answer: Answer) -> Heard:
            return Heard.NEVER_SENT if isinstance(answer, MaybeSent) else Heard(original(answer))

        return heard_of

    def words(original: Any) -> Any:
        def news_of(answer: Answer) -> Any:
            lost = isinstance(answer, MaybeSent)
            return original(NeverSent(reason=answer.reason) if lost else answer)  # type: ignore[union-attr]  # lost has one

        return news_of

    with replaces(sending_module, "heard_of", make), replaces(sending_module, "news_of", words):
        yield


@mutant
def system_error_is_refused() -> Patches:
    """The centre's system error counts as a no."""

    def make(original: Any) -> Any:
        def heard_of(answer: Answer) -> Heard:
            unclear = isinstance(answer, Unclear) and answer.reason == "system_error"
            return Heard.REFUSED if unclear else Heard(original(answer))

        return heard_of

    with replaces(sending_module, "heard_of", make):
        yield


@mutant
def zero_is_success_whatever_it_says() -> Patches:
    """infcode 0 with an err_msg counts as done."""

    def make(original: Any) -> Any:
        def read_answer(answered: Any, expect: Any) -> Any:
            meaning = original(answered, expect)
            if isinstance(meaning, Unclear) and meaning.reason == "err_msg_with_zero":
                return Accepted(output=b"{}", head=meaning.head)  # type: ignore[arg-type]  # has one
            return meaning

        return read_answer

    with replaces(centre_module, "read_answer", make):
        yield


@mutant
def drawn_twice() -> Patches:
    """One number is stored and another one is sent."""

    def make(original: Any) -> Any:
        async def attempt(context: Any, work: Any, caller: Any) -> Any:
            msgid = await context.msgids.draw(work.record.tenant)
            record = msgspec.structs.replace(work.record, msgid=msgid)
            return await original(context, work.at(record), caller)

        return attempt

    with replaces(resolver_module, "attempt", make):
        yield


@mutant
def retry_without_a_mark() -> Patches:
    """What never left is tried again under a number nobody stored."""

    def make(original: Any) -> Any:
        async def attempt(context: Any, work: Any, caller: Any) -> Any:
            first = await original(context, work, caller)
            if first.heard is not Heard.NEVER_SENT:
                return first
            msgid = await context.msgids.draw(work.record.tenant)
            record = msgspec.structs.replace(work.record, msgid=msgid)
            return await original(context, work.at(record), caller)

        return attempt

    with replaces(resolver_module, "attempt", make):
        yield


@mutant
def number_reused_for_a_new_attempt() -> Patches:
    """A repeat goes out under the number of the first attempt."""

    def make(original: Any) -> Any:
        async def new_attempt(self: Any, record: Record) -> Record:
            fresh: Record = await original(self, record)
            return msgspec.structs.replace(fresh, msgid=record.msgid)

        return new_attempt

    with replaces(keeper_module.Keeper, "_new_attempt", make):
        yield


@mutant
def sent_before_it_is_begun() -> Patches:
    """The call leaves while the journal still writes the record."""

    def make(original: Any) -> Any:
        async def begin(self: Any, record: Record, refusal: str, said: Said) -> Any:
            if refusal:
                return await original(self, record, refusal, said)
            msgid = await self._context.msgids.draw(record.tenant)
            record = msgspec.structs.replace(record, msgid=msgid)
            self.writing = asyncio.ensure_future(original(self, record, refusal, said))
            sending = msgspec.structs.replace(record, state=State.SENDING, step=Step.CALL)
            return Fresh(sending)

        return begin

    with replaces(kept_module.KeptRequests, "_begin", make):
        yield


@mutant
def ignore_the_digest() -> Patches:
    """The same key is the same request, whatever it says."""

    def make(_: Any) -> Any:
        async def known(self: Any, stored: Record, asked: Record, order: Order) -> Any:
            return await self._wait(stored, order)

        return known

    with replaces(kept_module.KeptRequests, "_known", make):
        yield


@mutant
def in_doubt_told_as_final() -> Patches:
    """A caller who has waited long enough is told that nothing happened."""

    def wrong(record: Record, received_ms: int) -> bytes:
        return reply_bytes("not_done", Said(infno=record.infno, msgid=record.msgid))

    with patch.object(kept_module, "open_reply", wrong):
        yield


@mutant
def reply_built_anew() -> Patches:
    """Who asks again gets a reply made now, not the stored one."""

    def make(original: Any) -> Any:
        async def wait(self: Any, record: Record, order: Order) -> Any:
            told = await original(self, record, order)
            return told._replace(body=told.body + b" ") if told.final else told

        return wait

    with replaces(kept_module.KeptRequests, "_wait", make):
        yield


@mutant
def in_doubt_without_a_doubt() -> Patches:
    """A second copy is told in_doubt while the first call is merely slow: no event follows."""
    with patch.object(kept_module, "in_first_call", lambda record: False):
        yield


@mutant
def adopt_any_settlement() -> Patches:
    """Whatever settlement the visit has is the one that was lost."""

    def make(original: Any) -> Any:
        async def settlement(case: Any, *which: str) -> dict[str, Any]:
            output: dict[str, Any] = await original(case, *which)
            info = output.get("setlinfo", {})
            return {**output, "setlinfo": {**info, "medins_setl_id": case.record.msgid}}

        return settlement

    with replaces(looks_module, "settlement", make):
        yield


@mutant
def failed_look_is_absence() -> Patches:
    """A look without an answer counts as a look that found nothing."""

    def make(original: Any) -> Any:
        async def look(case: Any, chain: tuple[str, ...]) -> Sight:
            sight: Sight = await original(case, chain)
            return Sight(Seen.ABSENT) if sight.seen is Seen.FAILED else sight

        return look

    with replaces(resolver_module, "look", make):
        yield


@mutant
def undone_is_done() -> Patches:
    """A settlement that was taken back is adopted."""

    def make(original: Any) -> Any:
        def settled_sight(output: dict[str, Any], info: dict[str, Any]) -> Sight:
            return Sight(*original(output, {**info, "refd_setl_flag": "0"}))

        return settled_sight

    with replaces(looks_module, "settled_sight", make):
        yield


@mutant
def hospital_reversal_without_proof() -> Patches:
    """A hospital's own 2601 is believed because the centre took it."""

    async def never(self: Any, work: Any) -> bool:
        return False

    with patch.object(resolver_module.Resolver, "_wants_proof", never):
        yield


@mutant
def refusal_is_nothing_to_reverse() -> Patches:
    """Any refusal of a 2601 says that there is nothing to reverse, and that is believed."""

    def make(original: Any) -> Any:
        def reversal_event(answer: Answer) -> Event:
            refused = isinstance(answer, Refused)
            return Event.UNDONE if refused else Event(original(answer))

        return reversal_event

    with replaces(resolver_module, "reversal_event", make):
        yield
