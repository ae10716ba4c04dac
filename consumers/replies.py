"""Replies: how an outcome is worded, and how it reaches the HIS."""

import msgspec

from bus.broker.port import Message, Publisher, UnroutableError
from bus.clock import rfc3339
from bus.lifecycle.record import Record
from bus.metrics import Metrics
from consumers.intake import Envelope
from consumers.order import DIRECT_REPLY, Order
from consumers.parking import parked
from schemas.contract import CentreAnswer, Fault, Reply, Times
from schemas.outcomes import outcome

_encoder = msgspec.json.Encoder()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into a reply beside its code."""

    infno: str = ""
    msgid: str = ""
    output: bytes = b""
    centre: CentreAnswer | None = None
    faults: tuple[Fault, ...] = ()
    attempts: int = 0
    times: Times | None = None
    flags: tuple[str, ...] = ()
    detail: str = ""


def reply_bytes(code: str, said: Said) -> bytes:
    """The reply body. The message names what happened, whether money moved, and what to do."""
    entry = outcome(code)
    parts = [entry.zh]
    if said.centre is not None and said.centre.err_msg:
        parts.append(f"中心返回：{said.centre.err_msg}")
    if said.detail:
        parts.append(said.detail)
    if entry.todo_zh:
        parts.append(entry.todo_zh)
    return _encoder.encode(
        Reply(
            status=entry.status,
            code=code,
            message="。".join(parts),
            infno=said.infno,
            msgid=said.msgid,
            output=msgspec.Raw(said.output) if said.output else msgspec.UNSET,
            centre=said.centre,
            faults=tuple(fault.line() for fault in said.faults),
            attempts=said.attempts,
            times=said.times,
            flags=said.flags,
        )
    )


def times_of(record: Record, received_ms: int) -> Times:
    """The times of a record that has them."""
    return Times(
        received=rfc3339(received_ms) if received_ms else "",
        sent=rfc3339(record.sent_ms) if record.sent_ms else "",
        answered=rfc3339(record.answered_ms) if record.answered_ms else "",
    )


def open_reply(record: Record, received_ms: int) -> bytes:
    """The reply about a record that is still being resolved."""
    said = Said(
        infno=record.infno,
        msgid=record.msgid,
        attempts=record.attempts,
        times=times_of(record, received_ms),
    )
    return reply_bytes(record.code or "settling", said)


class Replier:
    """Publishes replies; returns when the broker has them."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics

    async def send(self, to: Envelope, body: bytes) -> bool:
        """Confirmed: True. No such queue: the reply is parked with its reason, False.

        ``PublishFailedError`` leaves: the request must then not be acknowledged.
        A confirm on direct reply-to proves nothing about the client; the stored reply can be asked
        for again with the same key.
        """
        direct = to.reply_to.startswith(DIRECT_REPLY)
        headers: dict[str, str | int] = {"idempotency-key": to.key}
        if to.traceparent:
            headers["traceparent"] = to.traceparent
        message = Message(
            body=body,
            routing_key=to.reply_to,
            correlation_id=to.correlation_id,
            type=to.infno,
            headers=headers,
            mandatory=not direct,
        )
        try:
            await self._publisher.publish(message)
        except UnroutableError:
            self._metrics.unroutable_replies.inc()
            self._metrics.parked("reply_unroutable").inc()
            marks = {"x-original-queue": to.reply_to}
            await self._publisher.publish(parked(message, "reply_unroutable", marks))
            return False
        return True


def envelope_of(order: Order) -> Envelope:
    """Where the answer to a stored order goes."""
    return Envelope(
        tenant=order.tenant,
        infno=order.infno,
        key=order.key,
        reply_to=order.reply_to,
        correlation_id=order.correlation_id,
        traceparent=order.traceparent,
    )
