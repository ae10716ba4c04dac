"""Sending a request whose record is durable: one attempt, and what was heard of it."""

from typing import NamedTuple

from bus.gateway.answer import Accepted, Denied, Refused, Unclear
from bus.gateway.port import NeverSent
from bus.lifecycle.machine import Heard
from consumers.centre import Answer, Ask, Caller
from consumers.context import FLIGHT_MARGIN_MS, Context
from consumers.keeper import News
from consumers.sessions import SIGN_IN_GONE
from consumers.work import Work
from schemas.jsontext import JsonTextError, decode_answer

NEVER_SENT_TRIES_MAX = 3
"""A request that certainly did not leave is tried again blindly, but not for ever."""
NEVER_SENT_PAUSE_S = 0.3

REFUSED_AS = {
    "already_done": Heard.ALREADY_DONE,
    **dict.fromkeys(SIGN_IN_GONE, Heard.STALE_SIGN_IN),
}
NOT_SENT_CODES = {"breaker_open": "breaker_open"}


class Attempt(NamedTuple):
    """What was heard, and what the journal and the reply get of it."""

    heard: Heard
    news: News


async def attempt(context: Context, work: Work, caller: Caller) -> Attempt:
    """Send the record's request under its stored msgid and say what was heard.

    Only *never sent* is tried again here, within the time after which the record may be taken over.
    """
    record = work.record
    institution = context.institutions[record.tenant]
    transaction = institution.catalogue[record.infno]
    strict = transaction.encode_input(work.data)
    answer: Answer = NeverSent(reason="deadline", retryable=False)
    for tries in range(NEVER_SENT_TRIES_MAX):
        left_ms = record.in_flight_until_ms - FLIGHT_MARGIN_MS - context.clock.now_ms()
        if left_ms <= 0:
            break
        ask = Ask(
            institution=institution,
            transaction=transaction,
            msgid=record.msgid,
            input=strict,
            caller=caller,
            budget_s=min(left_ms / 1000, institution.budget_s(transaction)),
        )
        answer = await context.centre.ask(ask)
        last = tries + 1 == NEVER_SENT_TRIES_MAX
        if not isinstance(answer, NeverSent) or not answer.retryable or last:
            break
        await context.clock.sleep(NEVER_SENT_PAUSE_S)
    try:
        return Attempt(heard_of(answer), news_of(answer))
    except JsonTextError as error:
        # Accepted, but with an output nobody can read: what was done has to be looked at.
        return Attempt(Heard.UNCLEAR, News(detail=f"output_{error.reason}"))


def heard_of(answer: Answer) -> Heard:
    """The answer in the life cycle's words."""
    match answer:
        case Accepted():
            return Heard.ACCEPTED
        case Refused(kind=kind):
            return REFUSED_AS.get(kind, Heard.REFUSED)
        case NeverSent() | Denied():
            return Heard.NEVER_SENT
        case _:
            return Heard.UNCLEAR


def news_of(answer: Answer) -> News:
    """What the journal's story and the reply get of an answer. The story gets slugs only."""
    match answer:
        case Accepted(output=output, head=head, flags=flags):
            return News(output=decode_answer(output), head=head, flags=flags)
        case Refused(head=head, rule=rule):
            return News(detail=rule, head=head)
        case Denied():
            return News(detail="denied", code="gateway_denied")
        case NeverSent(reason=reason):
            code = NOT_SENT_CODES.get(reason, "centre_unreachable")
            return News(detail=reason, code=code)
        case Unclear(reason=reason):
            return News(detail=reason)
        case _:
            return News(detail=answer.reason)
