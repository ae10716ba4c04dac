"""Requests without an outcome to prove: queries and the HIS's own sign-ins and sign-outs.

A query moves nothing, so it may be asked again until its deadline; it is not journalled.
"""

from typing import Any

import msgspec

from bus.clock import rfc3339
from bus.gateway.answer import Accepted, Denied, Refused
from bus.gateway.port import NeverSent
from bus.journal.port import JournalUnavailableError
from consumers.centre import Answer, Ask
from consumers.context import Context
from consumers.facts import TOKEN, Memory
from consumers.kept import Asked, Told, told_unkept
from consumers.replies import Said, reply_bytes
from consumers.sessions import SIGN_IN_GONE, NoSignInError
from schemas.contract import Status, Times
from schemas.jsontext import JsonTextError, decode_answer, encode
from schemas.outcomes import outcome

TRIES_MAX = 3
PAUSE_S = 0.3
READS_TOKEN = frozenset({"1101", "1191"})
SIGN_IN, SIGN_OUT = "9001", "9002"


class PlainRequests:
    """From a query to its answer."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def answer(self, asked: Asked) -> Told:
        """The centre's answer, or why there is none. Nothing moved either way."""
        order, context = asked.order, self._context
        if asked.faults:
            return told("fields", Said(infno=order.infno, faults=asked.faults))
        if order.deadline_ms <= context.clock.now_ms():
            return told_unkept("deadline_passed", order)
        try:
            if order.infno == SIGN_IN:
                return await self._sign_in(asked)
            if order.infno == SIGN_OUT:
                answer = await context.sessions.sign_out(asked.institution, order)
                return self._worded(asked, answer, Said(infno=order.infno))
            return await self._ask(asked)
        except NoSignInError as error:
            return told(error.code, Said(infno=order.infno, centre=error.centre))
        except JournalUnavailableError:
            context.metrics.journal_unavailable.inc()
            return told_unkept("journal_unavailable", order)

    async def _sign_in(self, asked: Asked) -> Told:
        """Sign-in is the bus's job: the HIS gets the session the bus holds."""
        session = await self._context.sessions.current(asked.institution, asked.order)
        output = {"signinoutb": {"sign_no": session.sign_no, "sign_time": ""}}
        return told("ok", Said(infno=SIGN_IN, output=msgspec.json.encode(output)))

    async def _ask(self, asked: Asked) -> Told:
        context, order, institution = self._context, asked.order, asked.institution
        strict = asked.transaction.encode_input(asked.data)
        answer: Answer = NeverSent(reason="deadline", retryable=False)
        said = Said(infno=order.infno, flags=asked.warnings)
        for tries in range(1, TRIES_MAX + 1):
            left_s = (order.deadline_ms - context.clock.now_ms()) / 1000
            if left_s <= 0:
                break
            caller = await context.sessions.caller(institution, order)
            sent_ms = context.clock.now_ms()
            msgid = await context.msgids.draw(order.tenant)
            answer = await context.centre.ask(
                Ask(
                    institution=institution,
                    transaction=asked.transaction,
                    msgid=msgid,
                    input=strict,
                    caller=caller,
                    budget_s=min(institution.budget_s(asked.transaction), left_s),
                )
            )
            times = Times(
                received=rfc3339(order.received_ms),
                sent=rfc3339(sent_ms),
                answered=rfc3339(context.clock.now_ms()),
            )
            said = msgspec.structs.replace(said, msgid=msgid, attempts=tries, times=times)
            if isinstance(answer, Accepted | Denied):
                break
            if isinstance(answer, Refused):
                if answer.kind not in SIGN_IN_GONE:
                    break
                await context.sessions.refresh(institution, order, caller.sign_no)
                continue
            await context.clock.sleep(PAUSE_S)
        worded = self._worded(asked, answer, said)
        if isinstance(answer, Accepted) and worded.status == Status.SUCCEEDED:
            await self._remember(asked, answer)
        return worded

    def _worded(self, asked: Asked, answer: Answer, said: Said) -> Told:
        match answer:
            case Accepted(output=output, head=head, flags=flags):
                try:
                    normal = asked.transaction.decode_output(decode_answer(output))
                except JsonTextError:
                    return told("no_answer", said)
                code = "ok"
                said = msgspec.structs.replace(
                    said,
                    output=encode(normal),
                    centre=head,
                    flags=said.flags + flags,
                )
            case Refused(head=head):
                code = "refused"
                said = msgspec.structs.replace(said, centre=head)
            case Denied():
                code = "gateway_denied"
            case NeverSent(reason=reason):
                code = "breaker_open" if reason == "breaker_open" else "centre_unreachable"
            case _:
                code = "no_answer"
        return told(code, said)

    async def _remember(self, asked: Asked, answer: Accepted) -> None:
        """A passed 1192, and when an e-voucher token was first seen."""
        context, order = self._context, asked.order
        memory = Memory(order.tenant, context.digest, context.clock.now_ms())
        output: Any = decode_answer(answer.output)
        token = asked.keys
        changes = memory.of(order.infno, asked.data, token, output)
        if order.infno in READS_TOKEN and token.mdtrt_cert_type == "01" and token.mdtrt_cert_no:
            subject = context.digest("token", token.mdtrt_cert_no)
            if not await context.journal.recall(order.tenant, TOKEN, subject):
                changes += (memory.first_sight(token.mdtrt_cert_no),)
        if changes:
            await context.journal.remember(changes)


def told(code: str, said: Said) -> Told:
    """An answer with its status."""
    return Told(outcome(code).status, reply_bytes(code, said))
