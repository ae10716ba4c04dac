"""One call from bytes to answer: read, check, carry out in one transaction, word the answer."""

import logging
from functools import partial

import msgspec

from sandbox.books import Books
from sandbox.clock import SandboxClock, wall
from sandbox.envelope import (
    Stamp,
    accepted,
    check,
    decode,
    peek,
    refused,
    unknown_transaction,
)
from sandbox.facts import traits
from sandbox.fields import Json
from sandbox.general.answer import answer, only_reads
from sandbox.inputs import Inputs
from sandbox.refusals import RefusedError
from sandbox.transactions import HANDLERS
from sandbox.transactions.call import Call
from sandbox.transactions.registry import Handler
from sandbox.transactions.sessions import check_sign_in

_LOGGER = logging.getLogger("sandbox")

INFNO_CHARS_MAX = 20
"""Longest transaction number that is looked up; a place's own may be words."""

_UNIQUE = frozenset({"write", "settle", "cancel", "reverse"})


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in, with its number in the call log. ``fault`` is the slug of the
    refusal when the bytes are no request at all."""

    n: int
    call: int
    raw: Json
    infno: str
    msgid: str
    tenant: str
    omsgid: str
    at_ms: int
    broken: RefusedError | None = None


class Centre:
    """The business of the centre over its books. Everything here is synchronous: a call is
    finished before the next one begins."""

    def __init__(self, books: Books, clock: SandboxClock, inputs: Inputs) -> None:
        self.books = books
        self.clock = clock
        self._inputs = inputs
        self._n = books.number("call_last")
        self._calls: dict[str, int] = {}

    def receive(self, body: bytes) -> Received:
        """Read the bytes and give the call its numbers; never refuses."""
        raw: Json = {}
        broken: RefusedError | None = None
        try:
            raw = decode(body)
        except RefusedError as refusal:
            broken = refusal
        infno = peek(raw, "infno")[:INFNO_CHARS_MAX]
        self._n += 1
        return Received(
            n=self._n,
            call=self._next_call(infno),
            raw=raw,
            infno=infno,
            msgid=peek(raw, "msgid")[:64],
            tenant=peek(raw, "fixmedins_code")[:30],
            omsgid=_omsgid(raw),
            at_ms=self.clock.now_ms(),
            broken=broken,
        )

    def _next_call(self, infno: str) -> int:
        if infno not in self._calls:
            self._calls[infno] = self.books.number("call_count", infno=infno)
        self._calls[infno] += 1
        return self._calls[infno]

    def note(self, received: Received, fault: str) -> None:
        """Write the call into the log before anything is done about it."""
        self.books.log(
            "call_add",
            n=received.n,
            at_ms=received.at_ms,
            infno=received.infno,
            call=received.call,
            tenant=received.tenant,
            msgid=received.msgid,
            omsgid=received.omsgid,
            fault=fault,
        )

    def answered(self, received: Received) -> None:
        """Write down that the whole answer went out."""
        self.books.log("call_answered", n=received.n)

    def carry_out(self, received: Received) -> Json | bytes:
        """The answer, or the bytes of a file. A refusal leaves nothing behind; anything else is
        durable on return."""
        try:
            return self._accepted(received)
        except RefusedError as refusal:
            self.books.log("call_reached", n=received.n, refusal=refusal.slug)
            return refused(self.stamp(received), refusal.err_msg)
        except Exception as error:  # noqa: BLE001 - a fault of our own is answered like the centre's
            _LOGGER.error("call %d: %s", received.n, type(error).__name__)  # noqa: TRY400 - the text may hold what was sent
            self.books.log("call_reached", n=received.n, refusal="system_error")
            return refused(self.stamp(received), RefusedError("system_error").err_msg)

    def stamp(self, received: Received) -> Stamp:
        """What the answer to ``received`` says about itself."""
        return Stamp(
            area=peek(received.raw, "mdtrtarea_admvs") or "000000",
            serial=received.n,
            received=wall(received.at_ms),
            answered=self.clock.now(),
        )

    def _accepted(self, received: Received) -> Json | bytes:
        if received.broken is not None:
            raise received.broken
        infno = received.infno
        general = None if infno in HANDLERS else self._inputs.transaction(infno)
        if infno and infno not in HANDLERS and general is None:
            self.books.log("call_reached", n=received.n, refusal="unknown_transaction")
            return unknown_transaction(received.n)
        envelope = check(received.raw)
        if envelope.infno != infno:
            raise RefusedError("field_format", field="infno")
        self._inputs.check(infno, envelope.input)
        call = Call(envelope=envelope, books=self.books, now_ms=self.clock.now_ms())
        work = HANDLERS[infno] if general is None else partial(answer, transaction=general)
        if infno in traits().read_only or (general is not None and only_reads(general)):
            check_sign_in(call)
            output = work(call)
            self.books.log("call_reached", n=received.n, refusal="")
        else:
            effect = traits().effects[infno] if general is None else general.effect
            output = self._write(received, call, work, unique=effect in _UNIQUE)
        return output if isinstance(output, bytes) else accepted(self.stamp(received), output)

    def _write(self, received: Received, call: Call, work: Handler, *, unique: bool) -> object:
        with self.books.transaction():
            if unique and self.books.number("msgid_taken", msgid=call.msgid, n=received.n):
                raise RefusedError("msgid_repeated")
            check_sign_in(call)
            output = work(call)
            self.books.run("call_committed", n=received.n)
        return output


def _omsgid(raw: Json) -> str:
    given = raw.get("input")
    data = given.get("data") if isinstance(given, dict) else None
    return peek(data, "omsgid")[:64] if isinstance(data, dict) else ""


def encode(answer: Json | bytes, *, numbers: bool = False) -> bytes:
    """The answer as JSON bytes in UTF-8; ``numbers`` writes Decimals as JSON numbers. A file is
    its own bytes."""
    if isinstance(answer, bytes):
        return answer
    encoder = _NUMBERS if numbers else _TEXTS
    return encoder.encode(answer)


_TEXTS = msgspec.json.Encoder()
_NUMBERS = msgspec.json.Encoder(decimal_format="number")
