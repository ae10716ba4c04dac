"""Seeded bugs of the worker: what it does with a message, an answer, a look."""

import asyncio
from typing import Any
from unittest.mock import patch

import msgspec

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
from bus.lifecycle.machine import Heard, Seen
from bus.lifecycle.record import Record, State, Step
from bus.lifecycle.table import Action, Event
from bus.topology import EVENTS_EXCHANGE, settlement_event
from consumers.centre import Answer, Ask
from consumers.looks import Sight
from consumers.order import Order
from consumers.replies import Replier, Said, reply_bytes
from consumers.sweeper import Sweeper
from tests.simulation.bug_kit import Patches, mutant, replaces

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
                await journal.event_sent(record.tenant, record.key, record.state)
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
