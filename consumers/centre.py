"""One call at the centre: envelope built, sent once, the answer read. No retry, no journal."""

from time import perf_counter

import msgspec

from bus.clock import Clock
from bus.gateway.answer import Accepted, Denied, Expect, Refused, Unclear, read_answer
from bus.gateway.envelope import EnvelopeHead, build_envelope, inf_time
from bus.gateway.port import Answered, GatewayCall, MaybeSent, NeverSent
from bus.metrics import Metrics
from consumers.institution import Institution
from schemas.transaction import Transaction

SETTLEMENT_QUERY = "5203"
"""What settles or cancels is recognised by it; other money (an online order) is for a person."""

Answer = Accepted | Refused | Unclear | Denied | NeverSent | MaybeSent


LOOKED_FOR = frozenset({"verify", "reverse"})
"""Ways of recovery that begin with a look."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf: the operator, the patient's insured area, the day's sign-in number."""

    opter: str
    opter_name: str = ""
    opter_type: str = "1"
    insuplc_admdvs: str = ""
    sign_no: str = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``input`` is strict JSON (``encode_input``); ``budget_s`` bounds all of it."""

    institution: Institution
    transaction: Transaction
    msgid: str
    input: bytes
    caller: Caller
    budget_s: float


class Centre:
    """Asks and reads. Every outcome is a value; nothing is raised for what the far side does."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self.metrics = metrics

    async def ask(self, ask: Ask) -> Answer:
        """Send once and say what came of it."""
        transaction = ask.transaction
        call = GatewayCall(
            tenant=ask.institution.code,
            infno=transaction.infno,
            msgid=ask.msgid,
            body=build_envelope(self._head(ask), ask.input),
            deadline_s=ask.budget_s,
            probe_ok=transaction.effect == "query",
        )
        began = perf_counter()
        outcome = await ask.institution.gateway.call(call)
        self.metrics.stage["gateway"].observe(perf_counter() - began)
        if not isinstance(outcome, Answered):
            return outcome
        return read_answer(outcome, expectation(ask))

    def _head(self, ask: Ask) -> EnvelopeHead:
        institution, caller = ask.institution, ask.caller
        profile = institution.catalogue.profile
        return EnvelopeHead(
            infno=ask.transaction.infno,
            msgid=ask.msgid,
            mdtrtarea_admvs=institution.area,
            insuplc_admdvs=caller.insuplc_admdvs,
            recer_sys_code=profile.recer_sys_code,
            infver=profile.infver,
            opter_type=caller.opter_type,
            opter=caller.opter,
            opter_name=caller.opter_name or caller.opter,
            inf_time=inf_time(self._clock.now_ms()),
            fixmedins_code=institution.code,
            fixmedins_name=institution.settings.name,
            sign_no=caller.sign_no,
        )


def expectation(ask: Ask) -> Expect:
    """What the reader has to know about the call to judge its answer."""
    texts = ask.institution.catalogue.profile.texts
    return Expect(
        infno=ask.transaction.infno,
        msgid=ask.msgid,
        effect=ask.transaction.effect,
        names_settlement=SETTLEMENT_QUERY in ask.transaction.look,
        looked_for=ask.transaction.recovery in LOOKED_FOR,
        already_done=texts.already_done,
        not_found=texts.not_found,
        nothing_to_reverse=texts.nothing_to_reverse,
        stale_sign_in=texts.stale_sign_in,
        signed_out_today=texts.signed_out_today,
        unclear=texts.unclear,
    )
