"""What a worker does besides its messages: takes over what others left, tells what is owed.

One pass every ``sweep_s``: due records are resolved, settlement events are published, the gauges
for people are set. A pass that fails is logged and the next one tries again.
"""

import asyncio
import logging

from bus.broker.port import Message, Publisher, PublishFailedError
from bus.journal.port import FindBy, JournalUnavailableError, Lease
from bus.lifecycle.record import Record, State
from bus.logs import log
from bus.topology import EVENTS_EXCHANGE, settlement_event
from consumers.context import Context
from consumers.keeper import Superseded
from consumers.order import Order
from consumers.replies import open_reply
from consumers.resolver import Resolver

TAKE_MAX = 32
"""Records taken over per pass: each may cost a few calls at the centre."""
EVENTS_MAX = 200
GAUGED = (State.DOUBTFUL, State.VERIFYING, State.REVERSING, State.HELD)
GAUGED_MAX = 1000


class Sweeper:
    """Runs until it is cancelled."""

    def __init__(self, context: Context, resolver: Resolver, publisher: Publisher) -> None:
        self._context = context
        self._resolver = resolver
        self._publisher = publisher
        self._resolving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sweep for ever."""
        try:
            while True:
                await self._pass()
                await self._context.clock.sleep(self._context.settings.sweep_s)
        finally:
            for task in self._resolving:
                task.cancel()
            await asyncio.gather(*self._resolving, return_exceptions=True)

    async def _pass(self) -> None:
        try:
            if not self._context.stopping.now:
                await self._take_over()
            await self._announce()
            await self._gauge()
        except (JournalUnavailableError, PublishFailedError) as error:
            log("sweep_failed", level=logging.WARNING, reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the sweeper must outlive its own faults
            log("sweep_fault", level=logging.ERROR, error=error)

    async def _take_over(self) -> None:
        room = TAKE_MAX - len(self._resolving)
        for institution in self._context.institutions.values():
            if room <= 0:
                return
            lease = Lease(
                owner=self._context.owner,
                now_ms=self._context.clock.now_ms(),
                lease_ms=self._context.pace(institution).lease_ms,
                tenant=institution.code,
            )
            for record in await self._context.journal.take_due(lease, room):
                room -= 1
                task = asyncio.create_task(self._resolve(record))
                self._resolving.add(task)
                task.add_done_callback(self._resolving.discard)

    async def _resolve(self, record: Record) -> None:
        try:
            after = await self._resolver.take_over(record)
        except (Superseded, JournalUnavailableError):
            return
        except Exception as error:  # noqa: BLE001 - the record stays open and is taken again
            log("resolve_fault", level=logging.ERROR, error=error, msgid=record.msgid)
            return
        if after.state is State.HELD:
            log("held", level=logging.WARNING, msgid=after.msgid, infno=after.infno)

    async def _announce(self) -> None:
        """Settlement events that are owed; published again until confirmed, so at least once."""
        for record in await self._context.journal.events_due(EVENTS_MAX):
            order = Order.from_bytes(record.request)
            held = record.state is State.HELD
            name = f"{record.tenant}:{record.key}"
            await self._publisher.publish(
                Message(
                    body=open_reply(record, order.received_ms) if held else record.reply,
                    exchange=EVENTS_EXCHANGE,
                    routing_key=settlement_event(record.tenant, record.state),
                    message_id=f"{name}:{record.state}" if held else name,
                    correlation_id=order.correlation_id,
                    type=record.infno,
                    headers={"idempotency-key": record.key},
                    mandatory=False,
                )
            )
            await self._context.journal.event_sent(record.tenant, record.key, record.state)

    async def _gauge(self) -> None:
        metrics, now_ms = self._context.metrics, self._context.clock.now_ms()
        found = await self._context.journal.find(FindBy(states=GAUGED, limit=GAUGED_MAX))
        for state in GAUGED:
            ages = [now_ms - record.created_ms for record in found if record.state is state]
            metrics.open_records(state).set(len(ages))
            metrics.oldest_open_seconds(state).set(max(ages, default=0) / 1000)
