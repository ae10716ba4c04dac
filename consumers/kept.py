"""Requests whose outcome is kept: everything that writes or moves money.

The order of things is the promise: the record with its msgid is durable before a byte leaves, the
outcome is durable before the reply is published, the reply is confirmed before the message is
acknowledged.
"""

from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from bus.gm import sm3_hex
from bus.journal.port import Claimed, FindBy, Fresh, JournalUnavailableError, Lease
from bus.lifecycle.machine import move
from bus.lifecycle.record import FINAL, OPEN, Record, State, StoryLine
from bus.lifecycle.table import Action, Event
from consumers.centre import Caller
from consumers.checks import SUM_UNCHECKED, first_refusal, gather, settled_sum
from consumers.context import Context, Returned
from consumers.institution import MONEY_EFFECTS, Institution
from consumers.keeper import Keeper, Superseded
from consumers.order import Order
from consumers.replies import Said, open_reply, reply_bytes
from consumers.resolver import Resolver
from consumers.sessions import NoSignInError
from consumers.work import Work
from schemas.contract import Fault, Status
from schemas.jsontext import canonical
from schemas.outcomes import outcome
from schemas.transaction import Transaction
from schemas.views import Keys

JOURNAL_PAUSE_S = 1.0
"""Between two tries of a request while the journal cannot be written."""
AWAIT_POLL_S = 0.25
"""How often a waiting request looks at its record; rare, and a read only."""

REFUSE = {
    "invalid": Event.REFUSE_INVALID,
    "busy": Event.REFUSE_BUSY,
    "expired": Event.REFUSE_EXPIRED,
    "unavailable": Event.REFUSE_UNAVAILABLE,
}


class Asked(NamedTuple):
    """An order with what the door already knows of it."""

    order: Order
    institution: Institution
    transaction: Transaction
    data: Any
    keys: Keys
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...] = ()


class Told(NamedTuple):
    """The answer to give now. ``status`` is the contract's status."""

    status: str
    body: bytes
    kept: bool = False
    """Whether the journal holds this outcome under the request's key."""

    @property
    def final(self) -> bool:
        """Whether nothing more follows."""
        return self.status != Status.IN_DOUBT


class KeptRequests:
    """From an order to the answer its caller gets."""

    def __init__(self, context: Context, keeper: Keeper, resolver: Resolver) -> None:
        self._context = context
        self._keeper = keeper
        self._resolver = resolver

    async def answer(self, asked: Asked) -> Told:
        """The one outcome of this request: decided now, decided before, or still in doubt.

        Without the journal nobody can know whether this key was sent before, so nothing true can
        be answered: the message goes back (``Returned``) and is delivered again.
        """
        try:
            return await self._answer(asked)
        except JournalUnavailableError:
            self._context.metrics.journal_unavailable.inc()
            await self._context.clock.sleep(JOURNAL_PAUSE_S)
            raise Returned from None

    async def _answer(self, asked: Asked) -> Told:
        order = asked.order
        subject = asked.keys
        record = self._new_record(asked, subject)
        refusal, said, caller = await self._refusal(asked, subject)
        if said.flags:
            order = msgspec.structs.replace(order, flags=said.flags)
            record = msgspec.structs.replace(record, request=order.to_bytes())
        self._context.stopping.check()
        begun = await self._begin(record, refusal, said)
        if isinstance(begun, Claimed):
            begun = await self._begin(record, "visit_busy", Said(infno=order.infno))
            if isinstance(begun, Claimed):
                return told_unkept("visit_busy", order)
        if not isinstance(begun, Fresh):
            return await self._known(begun.record, record, order)
        if begun.record.state in FINAL:
            return Told(begun.record.state, begun.record.reply, kept=True)
        return await self._drive(Work(begun.record, order, asked.data, subject, caller))

    async def _drive(self, work: Work) -> Told:
        """Send, and resolve what is unclear as far as the caller's patience goes."""
        record, order = work.record, work.order
        try:
            record = await self._resolver.act(work, Action.SEND)
        except Superseded:
            pass
        except JournalUnavailableError:
            self._context.metrics.journal_unavailable.inc()
            return Told(Status.IN_DOUBT, open_reply(record, order.received_ms), kept=True)
        return await self._wait(record, order)

    async def _known(self, stored: Record, asked: Record, order: Order) -> Told:
        """The key exists: its stored reply, the outcome it is waiting for, or a conflict."""
        if stored.digest != asked.digest:
            return told_unkept("key_reused", order)
        return await self._wait(stored, order)

    async def _wait(self, record: Record, order: Order) -> Told:
        """Until the outcome or the end of patience; takes the record over when that is due."""
        context = self._context
        patience_until_ms = context.clock.now_ms() + int(context.settings.patience_s * 1000)
        while record.state in OPEN and record.state is not State.HELD:
            now_ms = context.clock.now_ms()
            if now_ms >= patience_until_ms and not in_first_call(record):
                break
            context.stopping.check()
            record = await self._take_over_if_due(record, now_ms)
            if record.state in FINAL:
                break
            await context.clock.sleep(AWAIT_POLL_S)
            found = await context.journal.find(FindBy(tenant=record.tenant, key=record.key))
            record = found[0] if found else record
        if record.state in FINAL:
            return Told(record.state, record.reply, kept=True)
        return Told(Status.IN_DOUBT, open_reply(record, order.received_ms), kept=True)

    async def _take_over_if_due(self, record: Record, now_ms: int) -> Record:
        if not 0 < record.next_at_ms <= now_ms:
            return record
        context = self._context
        pace = context.pace(context.institutions[record.tenant])
        lease = Lease(
            owner=context.owner, now_ms=now_ms, lease_ms=pace.lease_ms, tenant=record.tenant
        )
        taken = await context.journal.take_due(lease, 1, record.key)
        if not taken:
            return record
        try:
            return await self._resolver.take_over(taken[0])
        except Superseded:
            return taken[0]

    async def _refusal(self, asked: Asked, subject: Keys) -> tuple[str, Said, Caller | None]:
        """Why nothing may be sent; '' when all is in order, then with the signed-in caller."""
        context, order = self._context, asked.order
        said = Said(infno=order.infno, flags=asked.warnings)
        if asked.faults:
            return "fields", msgspec.structs.replace(said, faults=asked.faults), None
        now_ms = context.clock.now_ms()
        found = (asked.data, subject)
        known = await gather(
            context.journal, context.digest, asked.institution, order, found, now_ms
        )
        refusal = first_refusal(known)
        if asked.transaction.effect == "settle" and settled_sum(known) is None:
            said = msgspec.structs.replace(said, flags=(*said.flags, SUM_UNCHECKED))
        if refusal:
            return refusal, said, None
        try:
            return "", said, await context.sessions.caller(asked.institution, order)
        except NoSignInError as error:
            return error.code, msgspec.structs.replace(said, centre=error.centre), None

    async def _begin(self, record: Record, refusal: str, said: Said):  # type: ignore[no-untyped-def]
        """Make the record durable: ready to be sent, or refused."""
        context = self._context
        pace = context.pace(context.institutions[record.tenant])
        now_ms = context.clock.now_ms()
        if refusal:
            event = REFUSE[outcome(refusal).status]
            record = move(record, event, now_ms, pace, refusal).record
            record = msgspec.structs.replace(record, reply=reply_bytes(record.code, said))
        else:
            event = Event.CLEAR
            institution = context.institutions[record.tenant]
            budget_s = institution.budget_s(institution.catalogue[record.infno])
            until_ms = context.flight_until_ms(budget_s)
            record = msgspec.structs.replace(record, in_flight_until_ms=until_ms)
            record = move(record, event, now_ms, pace).record
        line = StoryLine(
            at_ms=now_ms, fence=record.fence, what=event, detail=record.code, owner=context.owner
        )
        began = perf_counter()
        begun = await context.journal.begin(record, now_ms, line)
        context.metrics.stage["journal"].observe(perf_counter() - began)
        return begun

    def _new_record(self, asked: Asked, subject: Keys) -> Record:
        context, order, transaction = self._context, asked.order, asked.transaction
        visit = ""
        if transaction.claims_visit and (subject.mdtrt_id or subject.psn_no):
            visit = subject.mdtrt_id or context.digest("psn_no", subject.psn_no)
        return Record(
            tenant=order.tenant,
            key=order.key,
            infno=order.infno,
            effect=transaction.effect,
            recovery=asked.institution.recovery(transaction),
            digest=content_digest(order, asked.data),
            owner=context.owner,
            visit=visit,
            subject=context.digest("psn_no", subject.psn_no) if subject.psn_no else "",
            mdtrt_id=subject.mdtrt_id,
            deadline_ms=order.deadline_ms,
            created_ms=order.received_ms,
            updated_ms=order.received_ms,
            request=order.to_bytes(),
        )


def in_first_call(record: Record) -> bool:
    """Whether its first call may still be answered: then nothing is in doubt, and no event would
    follow an ``in_doubt``. The call is over, or taken over, by ``in_flight_until_ms``."""
    return record.state is State.SENDING and not record.doubted


def content_digest(order: Order, data: Any) -> str:
    """SM3 of the canonical JSON of what was asked for: not of how or when it was asked."""
    content = {
        "infno": order.infno,
        "opter": order.opter,
        "insuplc_admdvs": order.insuplc_admdvs,
        "desk": order.desk,
        "after_batch": order.after_batch,
        "input": data,
    }
    return sm3_hex(canonical(content))


def told_unkept(code: str, order: Order) -> Told:
    """An answer that is not stored: it changes nothing that is."""
    return Told(outcome(code).status, reply_bytes(code, Said(infno=order.infno)))


def is_kept(transaction: Transaction) -> bool:
    """Whether the journal keeps requests of this transaction."""
    return transaction.effect in MONEY_EFFECTS or transaction.effect == "write"
