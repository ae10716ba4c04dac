"""Sees everything as it happens and holds each step to the promises that are about order.

What can only be judged in the end is in ``judge``.
"""

from collections.abc import Iterator

import msgspec

from bus.broker.port import Message
from bus.clock import centre_day
from bus.gateway.port import GatewayCall
from bus.lifecycle.record import FINAL, OPEN, Record, State, Step
from consumers.context import FLIGHT_MARGIN_MS
from consumers.order import Order
from consumers.simulation.ground import Ground
from consumers.simulation.insurer import Effect, Envelope
from consumers.simulation.process import Process
from consumers.simulation.requests import Request, Told
from schemas.contract import Reply, Status
from schemas.jsontext import reread

_read_reply = msgspec.json.Decoder(Reply)

UNKEPT_CODES = frozenset({"key_reused", "journal_unavailable"})
"""Answers that change nothing and are not stored with the request."""
MONEY = frozenset({"settle", "cancel", "reverse"})


class Mark(msgspec.Struct, frozen=True):
    """A message number that became durable: for which request, as its call or its 2601."""

    tenant: str
    key: str
    step: Step


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A 9001 its sender waits for; of a dead sender's nobody can know more than its deadline."""

    msgid: str
    day: str
    process: Process
    until_us: int

    def under_way(self, now_us: int) -> bool:
        """Whether it may still be answered."""
        return self.process.alive or now_us < self.until_us


class Watch:
    """One per world. ``books`` is set once they exist."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.requests: dict[str, Request] = {}
        self.marks: dict[str, Mark] = {}
        self.calls: dict[str, Envelope] = {}
        self.final_us: dict[str, int] = {}
        self.records: dict[str, Record] = {}
        self._serving: dict[str, str] = {}
        """2601s the centre may still carry out, with the key of the record they are for."""
        self._signing: dict[str, SignIn] = {}
        self._parked: set[str] = set()

    # -- the hospital side -----------------------------------------------------------------------

    def asked(self, message: Message) -> None:
        """A request reached the broker."""
        request = self.requests[key_of(message)]
        request.publications[message.correlation_id].accepted = True

    def told(self, message: Message, *, event: bool) -> None:
        """A reply or an event reached the broker."""
        reply = _read_reply.decode(message.body)
        request = self.requests[key_of(message)]
        told = Told(
            at_us=self._ground.loop.now_us,
            correlation=message.correlation_id,
            status=reply.status,
            code=reply.code,
            body=message.body,
            event=event,
        )
        request.told.append(told)
        kind = "event" if event else "reply"
        self._ground.note("HIS", f"{kind} {told.correlation}: {told.status} {told.code}")
        if request.kept and told.code not in UNKEPT_CODES and reply.status is not Status.IN_DOUBT:
            self._is_durable(request, told)

    def parked(self, message: Message) -> None:
        """A message nobody could process, or a reply nobody takes."""
        reason = str(message.headers.get("x-park-reason", ""))
        self._ground.note("broker", f"parked {message.correlation_id}: {reason}")
        self._parked.add(message.correlation_id)
        if reason != "reply_unroutable":
            self._ground.breach("worker_fault", f"{message.correlation_id} parked: {reason}")

    def acked(self, message: Message) -> None:
        """A request is off its queue: it must have been answered."""
        request = self.requests[key_of(message)]
        correlation = message.correlation_id
        told = any(one.correlation == correlation for one in request.told)
        if not told and correlation not in self._parked:
            self._ground.breach("reply_first", f"{correlation} acknowledged without an answer")

    def answered(self, correlation: str) -> bool:
        """Whether a request that reached the broker had an answer, or one that was parked."""
        request = self.requests[correlation.partition("#")[0]]
        told = any(one.correlation == correlation for one in request.told)
        return told or correlation in self._parked

    def _is_durable(self, request: Request, told: Told) -> None:
        record = self.records.get(request.key)
        if record is None or record.state not in FINAL or record.reply != told.body:
            state = record.state if record else "nothing"
            self._ground.breach(
                "outcome_first", f"{request.key} told {told.status}, journal has {state}"
            )

    # -- the journal -----------------------------------------------------------------------------

    def stored(self, before: Record | None, record: Record) -> None:
        """A record changed; from here on that is durable."""
        self.records[record.key] = record
        if record.state is State.SENDING:
            self._mark(record.msgid, Mark(record.tenant, record.key, Step.CALL))
        if record.step is Step.REVERSAL:
            self._mark(record.reversal_msgid, Mark(record.tenant, record.key, Step.REVERSAL))
        if record.state in FINAL:
            self.final_us.setdefault(record.key, self._ground.loop.now_us)
        if before is not None and before.state in FINAL:
            self._ground.breach("one_outcome", f"{record.key} changed after {before.state}")

    def _mark(self, msgid: str, mark: Mark) -> None:
        if self.marks.setdefault(msgid, mark) != mark:
            other = self.marks[msgid].key
            self._ground.breach("msgid", f"{msgid} of {other} given again to {mark.key}")

    # -- the centre ------------------------------------------------------------------------------

    def sent(self, envelope: Envelope) -> None:
        """The first byte of a call leaves."""
        if envelope.msgid in self.calls:
            self._ground.breach("msgid", f"{envelope.msgid} was sent twice")
        self.calls[envelope.msgid] = envelope
        transaction = self._ground.catalogue[envelope.infno]
        if transaction.effect in ("query", "session"):
            return
        mark = self.marks.get(envelope.msgid)
        if mark is None:
            text = f"{envelope.infno} {envelope.msgid} sent, no durable mark"
            self._ground.breach("mark_first", text)
            return
        record = self.records[mark.key]
        if mark.step is Step.REVERSAL:
            if mark.key in self._serving.values():
                text = f"{envelope.msgid} for {mark.key} while another one may take effect"
                self._ground.breach("blind_reversal", text)
            self._serving[envelope.msgid] = mark.key
        for text in self._wrongs(envelope, mark, record):
            self._ground.breach("mark_first", f"{envelope.infno} {envelope.msgid}: {text}")
        for other in self._rivals(record):
            self._ground.breach(
                "visit_order", f"{record.key} sent while {other.key} has {record.visit}"
            )

    def left(self, msgid: str) -> None:
        """The centre will do nothing more for a call."""
        self._serving.pop(msgid, None)

    def signs_in(self, call: GatewayCall, process: Process) -> None:
        """A 9001 leaves; no other one of its day may be under way, whatever process sent it."""
        ground = self._ground
        now_us, traits = ground.loop.now_us, ground.traits
        day = centre_day(ground.wall_ms() + process.jumped_ms)
        others = [one for one in self._signing.values() if one.under_way(now_us) and one.day == day]
        # A clock or a journal beyond the margin of the lease lets two happen; 9001 bears that.
        in_time = traits.jump_ms <= FLIGHT_MARGIN_MS and not traits.journal_slow
        if others and in_time:
            self._ground.breach("sign_in", f"{call.msgid} while {others[0].msgid} is under way")
        until_us = now_us + round(call.deadline_s * 1_000_000)
        self._signing[call.msgid] = SignIn(
            msgid=call.msgid, day=day, process=process, until_us=until_us
        )

    def signed_in(self, call: GatewayCall) -> None:
        """Its sender has heard of it, one way or the other."""
        del self._signing[call.msgid]

    def effect(self, effect: Effect) -> None:
        """The centre did something; not for a request whose outcome was final before."""
        mark = self.marks.get(effect.msgid)
        if mark is None:
            return
        record = self.records[mark.key]
        if record.state in FINAL and record.recovery != "repeat":
            self._ground.breach(
                "visit_order", f"{effect.infno} of {mark.key} done after {record.state}"
            )

    def _wrongs(self, envelope: Envelope, mark: Mark, record: Record) -> Iterator[str]:
        late_allowed = self._ground.traits.jump_ms > FLIGHT_MARGIN_MS
        if mark.step is Step.REVERSAL:
            if envelope.infno != "2601" or record.reversal_msgid != envelope.msgid:
                yield "not the 2601 that is stored"
            elif record.step is not Step.REVERSAL and not late_allowed:
                yield f"sent when its record was {record.state}/{record.step}"
            return
        if record.msgid != envelope.msgid or record.state is not State.SENDING:
            if not late_allowed:
                yield f"sent when its record was {record.state}"
            return
        order = Order.from_bytes(record.request)
        transaction = self._ground.catalogue[record.infno]
        strict = transaction.encode_input(reread(bytes(order.input)))
        if (envelope.infno, bytes(envelope.input)) != (record.infno, strict):
            yield "not what is stored"

    def _rivals(self, record: Record) -> Iterator[Record]:
        if record.effect not in MONEY or not record.visit:
            return
        for other in self.records.values():
            same = (other.tenant, other.visit) == (record.tenant, record.visit)
            if same and other.key != record.key and other.state in OPEN:
                yield other


def key_of(message: Message) -> str:
    """The idempotency key of a request, reply or event."""
    return str(message.headers["idempotency-key"])
