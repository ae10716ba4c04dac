"""The way to the centre and back: every call meets the network, the rules, and perhaps a fault.

The gateway of a process sends real envelope bytes and gets real answer bytes; what they mean is
decided by ``bus.gateway.answer``, as in production.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from bus.gateway.port import Answered, GatewayCall, MaybeSent, NeverSent, Outcome
from consumers.simulation.ground import Ground
from consumers.simulation.insurer import SETTLING, Envelope, Insurer, Json, NoError
from consumers.simulation.process import Process
from consumers.simulation.traits import NEVER_SENT, REVERSAL_FAULTS
from consumers.simulation.watch import Watch

QUERIES = ("2206", "2303", "5201", "5203", "5204", "5303")
SIDE_CALLS = (*QUERIES, "9001", "9002")
"""Calls that meet fewer faults, so that what they are made for can be found out."""
DOUBTED = (*SETTLING, "2208", "2305", "2103", "2601", "2201", "2204", "2301", "2401")
JSON_TYPE = "application/json;charset=UTF-8"
DELAY_S_MAX = 12.0
"""Longer than some calls may take; never longer than the centre's own time-out."""
BAD_GATEWAY = Answered(http_status=502, content_type="text/html", body=b"<h1>502 Bad Gateway</h1>")
PAGE = Answered(http_status=200, content_type="text/html", body="<h1>系统维护中</h1>".encode())
DENIED = Answered(http_status=401, content_type=JSON_TYPE, body=b'{"code":401,"message":"denied"}')
SILENT = ("timeout_before_commit", "late_commit", "commit_then_hang")
BEFORE = {"http_502_before": BAD_GATEWAY, "denied": DENIED}
"""Answers of somebody in front of the centre, which was not asked."""

_read_envelope = msgspec.json.Decoder(Envelope)


class SimGateway:
    """``bus.gateway.port.Gateway`` of one process."""

    def __init__(self, centre: "SimCentre", process: Process) -> None:
        self._centre = centre
        self._process = process

    async def call(self, call: GatewayCall) -> Outcome:
        """See the port: one call, within its deadline, and where it stopped."""
        process = self._process
        ground = process.ground
        await process.pause(ground.traits.latency_us // 4)
        process.may_die(f"before sending {call.infno}")
        if ground.chance(ground.traits.never_sent):
            reason, retryable = ground.dice.choice(NEVER_SENT)
            ground.note(process.name, f"{call.infno} never sent: {reason}")
            return NeverSent(reason=reason, retryable=retryable)
        ground.note(process.name, f"sends {call.infno} {call.msgid}")
        self._centre.watch.sent(_read_envelope.decode(call.body))
        if call.infno == "9001":
            self._centre.watch.signs_in(call, process)
        answer: asyncio.Future[Outcome] = ground.loop.create_future()
        ground.loop.spawn(None, self._centre.serve(call, answer))
        process.may_die(f"with {call.infno} on its way")
        late = ground.loop.call_later(call.deadline_s, give, answer, TOO_LATE)
        try:
            outcome = await answer
        finally:
            late.cancel()
        if call.infno == "9001":
            self._centre.watch.signed_in(call)
        ground.note(process.name, f"hears of {call.infno} {call.msgid[-10:]}: {said(outcome)}")
        process.may_die(f"with the answer of {call.infno} unread")
        return outcome

    async def close(self) -> None:
        """Nothing is kept open."""


TOO_LATE = MaybeSent(reason="read_timeout")
CUT = MaybeSent(reason="connection_lost")
HALF = MaybeSent(reason="half_answer")


def give(answer: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    """Answer, unless the caller has heard otherwise or is gone."""
    if not answer.done():
        answer.set_result(outcome)


def said(outcome: Outcome) -> str:
    """An outcome in the story."""
    if isinstance(outcome, Answered):
        return f"HTTP {outcome.http_status} {outcome.body[:90].decode('utf-8', 'replace')}"
    return f"{type(outcome).__name__} {outcome.reason}"


class SimCentre:
    """Serves calls. ``pending`` counts what may still change its books."""

    def __init__(self, ground: Ground, insurer: Insurer, watch: Watch) -> None:
        self._ground = ground
        self._insurer = insurer
        self.watch = watch
        self.pending = 0

    async def serve(self, call: GatewayCall, answer: "asyncio.Future[Outcome]") -> None:
        """One call, from its first byte to the centre's last deed for it."""
        self.pending += 1
        try:
            await self._serve(call, answer)
        finally:
            self.pending -= 1
            self.watch.left(call.msgid)

    async def _serve(self, call: GatewayCall, answer: "asyncio.Future[Outcome]") -> None:
        ground = self._ground
        fault = self._fault(call.infno)
        await ground.pause(ground.traits.latency_us)
        if fault == "request_lost":
            ground.note("network", f"{call.infno} {call.msgid} lost")
            give(answer, CUT)
            return
        envelope = _read_envelope.decode(call.body)
        ground.note("centre", f"{call.infno} {call.msgid} arrives{fault and f', {fault}'}")
        if fault == "delay":
            delay_s = ground.dice.uniform(0, min(DELAY_S_MAX, ground.traits.late_s_max))
            await ground.loop.pause_us(round(delay_s * 1_000_000))
        if fault in BEFORE:
            give(answer, BEFORE[fault])
            return
        if fault == "timeout_before_commit":
            return
        done = await self._business(envelope, fault)
        await ground.pause(ground.traits.latency_us)
        if fault not in SILENT:
            give(answer, wire(done, fault, call.msgid))

    def _fault(self, infno: str) -> str:
        ground = self._ground
        traits = ground.traits
        if infno == "2601" and ground.chance(traits.reversal):
            return ground.dice.choice(REVERSAL_FAULTS)
        rate = traits.centre * (traits.looks_fail if infno in SIDE_CALLS else 1.0)
        if not ground.chance(rate):
            return ""
        fault = ground.dice.choice(traits.centre_faults)
        # infcode 0 with an err_msg is doubted where money moves or a look can tell; elsewhere it is
        # the centre's word.
        doubted = infno in DOUBTED or not fault.startswith("zero_with")
        return fault if doubted else ""

    async def _business(self, envelope: Envelope, fault: str) -> Json:
        """The rules and the deed; what a whole answer would say."""
        if fault == "refuse_reversal":
            return refused("冲正失败，请联系中心")
        if fault in ("reversal_not_done", "zero_with_err_msg", "system_error_before"):
            return accepted({})
        ground, insurer = self._ground, self._insurer
        try:
            if ground.traits.racing:
                insurer.check(envelope)
            await self._take_time(fault)
            if not ground.traits.racing:
                insurer.check(envelope)
            output = insurer.carry_out(envelope)
        except NoError as no:
            ground.note("centre", f"refuses {envelope.infno} {envelope.msgid}: {no}")
            return refused(str(no))
        ground.note("centre", f"has done {envelope.infno} {envelope.msgid}")
        return accepted(output)

    async def _take_time(self, fault: str) -> None:
        ground = self._ground
        if fault == "late_commit":
            late_s = ground.dice.uniform(0, ground.traits.late_s_max)
            await ground.loop.pause_us(round(late_s * 1_000_000))
        else:
            await ground.pause(ground.traits.latency_us * 2)


def accepted(output: Json) -> Json:
    """An answer with infcode 0."""
    return {"infcode": 0, "inf_refmsgid": "R1", "err_msg": "", "output": output}


def refused(words: str) -> Json:
    """An answer with infcode -1."""
    return {"infcode": -1, "inf_refmsgid": "R1", "err_msg": f"FSI-{words}[simBO_1]"}


def wire(done: Json, fault: str, msgid: str) -> Outcome:
    """What travels back."""
    body = msgspec.json.encode(SHAPES[fault](done, msgid) if fault in SHAPES else done)
    if fault == "lose_answer":
        return CUT
    if fault == "half_body":
        return HALF
    if fault == "http_502_after_commit":
        return BAD_GATEWAY
    if fault == "html":
        return PAGE
    if fault == "gbk_bytes":
        body = body.decode().encode("gb18030")
    return Answered(http_status=200, content_type=JSON_TYPE, body=body)


def _with_words(done: Json, _: str) -> Json:
    return {**done, "err_msg": done["err_msg"] or "FSI-业务处理失败[simBO_998]"}


def _system_error(_: Json, __: str) -> Json:
    return refused("系统异常，请稍后再试")


def _other_msgid(done: Json, msgid: str) -> Json:
    other = f"{msgid[:-4]}{(int(msgid[-4:]) + 5000) % 10000:04d}"
    changed: Json = reworded(done, lambda name, text: other if name == "medins_setl_id" else text)
    return {**changed, "msgid": other}


def _numbers(done: Json, _: str) -> Json:
    changed: Json = reworded(done, lambda name, text: float(text) if is_amount(text) else text)
    return changed


def _empty_zeros(done: Json, _: str) -> Json:
    changed: Json = reworded(done, lambda name, text: "" if text == "0.00" else text)
    return changed


SHAPES: dict[str, Callable[[Json, str], Json]] = {
    "zero_with_err_msg": _with_words,
    "zero_with_err_msg_done": _with_words,
    "system_error": _system_error,
    "system_error_before": _system_error,
    "string_infcode": lambda done, _: {**done, "infcode": str(done["infcode"])},
    "other_msgid": _other_msgid,
    "amounts_as_numbers": _numbers,
    "empty_amount_texts": _empty_zeros,
}
"""Faults of the answer's text."""


def is_amount(text: str) -> bool:
    """Whether a text is an amount with two decimals."""
    whole, point, cents = text.partition(".")
    return bool(point) and whole.isdigit() and cents.isdigit() and len(cents) == 2


def reworded(value: Any, change: Callable[[str, str], Any], name: str = "") -> Any:
    """The same value with every text changed."""
    if isinstance(value, dict):
        return {key: reworded(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [reworded(inner, change, name) for inner in value]
    return change(name, value) if isinstance(value, str) else value
