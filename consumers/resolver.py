"""Drives a record through the life cycle: carries out actions until an outcome or a pause.

Every step is durable before the next one acts; the fence decides who may write. A crash at any
line leaves a record from which another worker goes on (``take_over``).
"""

from typing import Any

import msgspec

from bus.gateway.answer import Accepted, Denied, Refused
from bus.gateway.port import NeverSent
from bus.journal.port import FindBy
from bus.lifecycle.machine import finding, hearing, plan, resume
from bus.lifecycle.record import Record
from bus.lifecycle.table import Action, Event
from consumers.centre import Answer, Ask
from consumers.context import FLIGHT_MARGIN_MS, Context
from consumers.institution import Institution
from consumers.keeper import NOTHING, Keeper, News
from consumers.looks import Case, look
from consumers.order import Order
from consumers.sending import attempt
from consumers.sessions import SIGN_IN_GONE, NoSignInError
from consumers.work import Work
from schemas.transaction import Transaction

REVERSAL = "2601"
QUERY_S_MAX = 20.0
"""A query of a look that hangs is given up so soon, for the next one may be answered: a centre that
is well again answers in seconds."""
REVERSAL_EVENTS = {
    "already_done": Event.REVERSAL_TAKEN,
    "nothing_to_reverse": Event.REVERSAL_NOTHING,
    "not_found": Event.REVERSAL_NOTHING,
    "stale_sign_in": Event.REVERSAL_NOT_SENT,
    "signed_out_today": Event.REVERSAL_NOT_SENT,
}


def reversal_event(answer: Answer) -> Event:
    """What the answer to a 2601 says. *Already reversed* is as good as taken."""
    match answer:
        case Accepted():
            return Event.REVERSAL_TAKEN
        case Refused(kind=kind):
            return REVERSAL_EVENTS.get(kind, Event.REVERSAL_REFUSED)
        case NeverSent() | Denied():
            return Event.REVERSAL_NOT_SENT
        case _:
            return Event.REVERSAL_UNCLEAR


def left_s(record: Record, now_ms: int) -> float:
    """How long a call may take that is to be over when the record may be taken over."""
    return (record.in_flight_until_ms - FLIGHT_MARGIN_MS - now_ms) / 1000


class Resolver:
    """Takes a record as far as it can go now; the record returned is final, held, or waits."""

    def __init__(self, context: Context, keeper: Keeper) -> None:
        self._context = context
        self._keeper = keeper

    async def take_over(self, record: Record) -> Record:
        """Go on with a record whose owner is gone; its fence is ours already."""
        todo = resume(record)
        if isinstance(todo, Event):
            return await self.report(Work.of(record), todo)
        return await self.act(Work.of(record), todo)

    async def report(self, work: Work, event: Event, news: News = NOTHING) -> Record:
        """Store what happened, then do what follows, until the outcome or a pause."""
        moved, action = await self._keeper.store(work, event, news)
        return await self.act(moved, action)

    async def act(self, work: Work, action: Action) -> Record:
        """Carry out one action."""
        match action:
            case Action.SEND:
                return await self._send(work)
            case Action.RESOLVE:
                event = plan(work.record, bool(self._chain(work.record)))
                return await self.report(work, event)
            case Action.LOOK:
                return await self._look(work)
            case Action.START_REVERSAL:
                return await self._reverse(work)
            case _:
                return work.record

    async def _send(self, work: Work) -> Record:
        """One attempt under the msgid that is already durable."""
        context, record = self._context, work.record
        institution = self._institution(record)
        try:
            caller = work.caller or await context.sessions.caller(institution, work.order)
        except NoSignInError as error:
            event = Event.NOT_SENT_AGAIN if record.doubted else Event.NEVER_SENT
            return await self.report(work, event, News(code=error.code, head=error.centre))
        heard, news = await attempt(context, work, caller)
        event = hearing(record, heard, context.pace(institution))
        if event is Event.STALE_SIGN_IN:
            await self._renew(institution, work.order, caller.sign_no)
        if event is Event.ACCEPTED and await self._wants_proof(work):
            event = Event.UNCLEAR
        return await self.report(work, event, news)

    async def _wants_proof(self, work: Work) -> bool:
        """Whether an accepted request has to be looked for: a centre may take a 2601 and do
        nothing. One whose original this journal does not know has only the centre's word."""
        if work.record.effect != "reverse":
            return False
        return (await self._case(work)).original is not None

    async def _look(self, work: Work) -> Record:
        context, record = self._context, work.record
        chain = self._chain(record)
        if not chain:
            return await self.report(work, Event.ESCALATE, News(detail="no_look_here"))
        sight = await look(await self._case(work), chain)
        pace = context.pace(self._institution(record))
        event = finding(record, sight.seen, context.clock.now_ms(), pace)
        return await self.report(work, event, News(detail=sight.seen, output=sight.output))

    async def _reverse(self, work: Work) -> Record:
        """2601: its msgid and that it is under way are durable before a byte leaves."""
        context, record = self._context, work.record
        institution = self._institution(record)
        marked = msgspec.structs.replace(
            record,
            reversal_msgid=await context.msgids.draw(record.tenant),
            in_flight_until_ms=context.flight_until_ms(institution.gateway_settings.money_s),
        )
        news = News(detail=marked.reversal_msgid)
        sent, _ = await self._keeper.store(work.at(marked), Event.REVERSAL_SENT, news)
        psn_no = work.keys.psn_no
        asked = {"data": {"psn_no": psn_no, "omsgid": record.msgid, "oinfno": record.infno}}
        answer = await self._ask(sent, REVERSAL, asked)
        rule = answer.rule if isinstance(answer, Refused) else type(answer).__name__
        return await self.report(sent, reversal_event(answer), News(detail=rule))

    async def _case(self, work: Work) -> Case:
        record = work.record

        async def query(infno: str, asked: dict[str, Any]) -> Answer:
            return await self._ask(work, infno, asked)

        case = Case(record, work.data, work.keys, query)
        if record.effect != "reverse":
            return case
        omsgid = work.keys.omsgid
        found = await self._context.journal.find(FindBy(tenant=record.tenant, msgid=omsgid))
        if not omsgid or not found or found[0].effect == "reverse":
            return case
        original = await self._case(Work.of(found[0]))
        return case._replace(original=original, original_chain=self._chain(found[0]))

    async def _ask(self, work: Work, infno: str, data: dict[str, Any]) -> Answer:
        """One call on behalf of a record: a query under a msgid of its own, or its 2601."""
        context, record = self._context, work.record
        institution = self._institution(record)
        transaction = institution.catalogue[infno]
        msgid = (
            record.reversal_msgid if infno == REVERSAL else await context.msgids.draw(record.tenant)
        )
        try:
            caller = await context.sessions.any_caller(institution, work.order)
        except NoSignInError as error:
            return NeverSent(reason=error.code)
        budget_s = institution.budget_s(transaction)
        if infno == REVERSAL:
            budget_s = min(budget_s, left_s(record, context.clock.now_ms()))
        else:
            budget_s = min(budget_s, QUERY_S_MAX)
        if budget_s <= 0:
            return NeverSent(reason="deadline")
        answer = await context.centre.ask(
            Ask(
                institution=institution,
                transaction=transaction,
                msgid=msgid,
                input=transaction.encode_input(data),
                caller=caller,
                budget_s=budget_s,
            )
        )
        if isinstance(answer, Refused) and answer.kind in SIGN_IN_GONE:
            asked_by = msgspec.structs.replace(work.order, opter=caller.opter)
            await self._renew(institution, asked_by, caller.sign_no)
            return NeverSent(reason=answer.kind)
        return answer

    async def _renew(self, institution: Institution, order: Order, stale: str) -> None:
        """9001 again; when it fails the next call finds out and says so."""
        try:
            await self._context.sessions.refresh(institution, order, stale)
        except NoSignInError:
            return

    def _institution(self, record: Record) -> Institution:
        return self._context.institutions[record.tenant]

    def _transaction(self, record: Record) -> Transaction:
        return self._institution(record).catalogue[record.infno]

    def _chain(self, record: Record) -> tuple[str, ...]:
        return self._transaction(record).look
