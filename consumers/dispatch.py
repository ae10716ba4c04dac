"""From a delivery to its acknowledgement: the one path every message takes.

A message is acknowledged after its reply (or its parking) is confirmed by the broker, and never
before. Whatever goes wrong inside, the worker lives on and the message is not lost.
"""

import asyncio
import contextlib
import logging
from time import perf_counter

import msgspec

from bus.broker.port import Delivery, Publisher, PublishFailedError
from bus.clock import rfc3339
from bus.journal.port import JournalUnavailableError
from bus.logs import log
from consumers.context import Context, Returned
from consumers.intake import SENDER, Envelope, Limits, Refusal, address, read, sender
from consumers.kept import Asked, KeptRequests, Told, is_kept
from consumers.order import Order
from consumers.parking import parked
from consumers.plain import PlainRequests, told
from consumers.replies import Said
from schemas.catalogue import UnknownTransactionError
from schemas.contract import Fault, Json, RequestBody
from schemas.envelope import caller_faults
from schemas.problems import fault
from schemas.profile import Profile
from schemas.transaction import Transaction
from schemas.views import Keys, keys_of

DEATH_REASON = "x-first-death-reason"
LONG_AGO_MS = 1
UNROUTABLE = "unroutable"
"""Noted in place of the status when the reply found no queue."""


class Dispatcher:
    """Handles deliveries of request queues and of the queues for what never reached one."""

    def __init__(
        self, context: Context, publisher: Publisher, kept: KeptRequests, plain: PlainRequests
    ) -> None:
        self._context = context
        self._publisher = publisher
        self._kept = kept
        self._plain = plain
        settings = context.settings
        self._limits = Limits(
            body_bytes_max=settings.body_bytes_max, nesting_max=settings.nesting_max
        )
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._institutions = {
            code: institution.settings for code, institution in context.institutions.items()
        }

    async def handle(self, delivery: Delivery) -> None:
        """A delivery of a request queue."""
        await self._guarded(delivery, expired=False)

    async def drain(self, drain_s: float) -> int:
        """Wait until no message is in hand, at most ``drain_s``; how many are left."""
        with contextlib.suppress(TimeoutError):
            await self._context.clock.within(drain_s, self._idle.wait())
        return self._busy

    async def handle_expired(self, delivery: Delivery) -> None:
        """A request the broker took from its queue: its AMQP expiration passed, or it was handed
        out too often. If it was begun before, its own outcome is told; else it expired."""
        if delivery.headers.get(DEATH_REASON) == "delivery_limit":
            log("delivery_limit", level=logging.WARNING, routing_key=delivery.routing_key)
        await self._guarded(delivery, expired=True)

    async def _guarded(self, delivery: Delivery, *, expired: bool) -> None:
        metrics = self._context.metrics
        metrics.in_flight.inc()
        self._busy += 1
        self._idle.clear()
        if delivery.redelivered:
            metrics.redeliveries.inc()
        try:
            await self._one(delivery, expired=expired)
            delivery.ack()
        except (Returned, PublishFailedError):
            delivery.requeue()
        except asyncio.CancelledError:
            delivery.requeue()
            raise
        except Exception as error:  # noqa: BLE001 - one message must never end the worker
            await self._fault(delivery, error)
        finally:
            metrics.in_flight.dec()
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _one(self, delivery: Delivery, *, expired: bool) -> None:
        context = self._context
        envelope = address(delivery, self._institutions)
        if not envelope.tenant:
            await self._park(delivery, "unknown_tenant")
            return
        if sender(delivery, context.trusted) not in self._institutions[envelope.tenant].users:
            # No answer: it would reach the institution that is named, about a key that may be its.
            await self._park(delivery, "unproved_tenant")
            return
        if delivery.timestamp_s and not delivery.redelivered:
            waited_s = context.clock.now_ms() / 1000 - delivery.timestamp_s
            context.metrics.stage["queue"].observe(max(waited_s, 0.0))
        answer = await self._answer(delivery, envelope, expired=expired)
        began = perf_counter()
        arrived = await context.replier.send(envelope, answer.body)
        context.metrics.stage["reply"].observe(perf_counter() - began)
        if answer.kept and not (arrived and answer.final):
            status = answer.status if arrived else UNROUTABLE
            with contextlib.suppress(JournalUnavailableError):  # a note for people, no more
                await context.journal.told(envelope.tenant, envelope.key, status)
        context.metrics.requests(envelope.infno, answer.status).inc()

    async def _answer(self, delivery: Delivery, envelope: Envelope, *, expired: bool) -> Told:
        context = self._context
        institution = context.institutions[envelope.tenant]
        try:
            transaction = institution.catalogue[envelope.infno]
        except UnknownTransactionError:
            return told("unknown_infno", Said(infno=envelope.infno[:10]))
        now_ms = context.clock.now_ms()
        order = read(delivery, envelope, self._limits, now_ms)
        if isinstance(order, Refusal):
            within = transaction.check(order.input).faults if order.input else ()
            return told(order.code, Said(infno=order.infno, faults=order.faults + within))
        if expired:
            order = msgspec.structs.replace(order, deadline_ms=LONG_AGO_MS)
        if transaction.where == "desk":
            return told("desk_absent", Said(infno=order.infno))
        if transaction.where != "centre":  # somebody else asks this, never a HIS
            return told("unknown_infno", Said(infno=order.infno))
        checked = transaction.check(bytes(order.input))
        keys = keys_of(checked.input)
        faults = checked.faults + frame_faults(order, institution.catalogue.profile, keys)
        warnings = () if faults else unlisted(transaction, checked.input)
        asked = Asked(order, institution, transaction, checked.input, keys, faults, warnings)
        if is_kept(transaction):
            return await self._kept.answer(asked)
        return await self._plain.answer(asked)

    async def _fault(self, delivery: Delivery, error: Exception) -> None:
        """A fault of ours: the message is parked with its reason, the record is resolved later."""
        log("worker_fault", level=logging.ERROR, error=error, routing_key=delivery.routing_key)
        try:
            await self._park(delivery, "worker_fault")
            delivery.ack()
        except (PublishFailedError, ValueError):
            delivery.requeue()

    async def _park(self, delivery: Delivery, reason: str) -> None:
        self._context.metrics.parked(reason).inc()
        marks = {
            "x-park-at": rfc3339(self._context.clock.now_ms()),
            "x-original-exchange": delivery.exchange,
            "x-original-routing-key": delivery.routing_key,
            SENDER: sender(delivery, self._context.trusted),
        }
        if len(delivery.body) > self._limits.body_bytes_max:
            marks["x-park-oversize"] = "cut"
        await self._publisher.publish(parked(delivery, reason, marks))


def unlisted(transaction: Transaction, data: Json) -> tuple[str, ...]:
    """Flags for what was not validated: all of a transaction that is known by its name only, or
    values that an open code table does not list; the centre may know them."""
    if transaction.listed:
        return ("unvalidated",)
    return tuple(f"unlisted_code {warning.path}" for warning in transaction.warnings(data))


def frame_faults(order: Order, profile: Profile, keys: Keys) -> tuple[Fault, ...]:
    """Faults of what a HIS says beside ``input``, which is about ``keys``."""
    body = RequestBody(
        infno=order.infno,
        input=order.input,
        opter=order.opter,
        opter_name=order.opter_name or order.opter,
        opter_type=order.opter_type,
        insuplc_admdvs=order.insuplc_admdvs,
    )
    faults = caller_faults(body, profile, names_person=bool(keys.psn_no))
    if order.after_batch:
        faults += (fault("$.after_batch", "unsupported", "依赖批次"),)
    return faults
