"""The worker process: put together here, run until told to stop.

Stopping: no new message is taken, requests that were sent are finished within ``drain_s``, the
rest go back to their queues, and only then the connections close.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bus.broker.client import Broker
from bus.clock import Clock, SystemClock
from bus.config.overlays import catalogue_for
from bus.config.settings import Settings
from bus.gateway.build import build_gateway
from bus.gateway.http import HttpGateway
from bus.journal.open import open_journal, read_keyring
from bus.journal.port import Journal
from bus.logs import log
from bus.metrics import Metrics
from bus.topology import EXPIRED_QUEUE, UNROUTED_QUEUE, declaration, request_queue
from consumers.centre import Centre
from consumers.context import Context, Stopping
from consumers.dispatch import Dispatcher
from consumers.facts import Digest
from consumers.institution import Institution
from consumers.keeper import Keeper
from consumers.kept import KeptRequests
from consumers.msgids import MsgidPool
from consumers.plain import PlainRequests
from consumers.replies import Replier
from consumers.resolver import Resolver
from consumers.schedules.scheduler import Scheduler
from consumers.sessions import Sessions
from consumers.sweeper import Sweeper
from schemas.catalogue import Catalogue

BROKER_PATIENCE_S = 60.0
"""After a power cut worker and broker start together, and the broker takes longer."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running worker is made of."""

    context: Context
    broker: Broker
    journal: Journal
    gateways: dict[str, HttpGateway]
    dispatcher: Dispatcher
    sweeper: Sweeper
    scheduler: Scheduler


def worker_name(settings: Settings) -> str:
    """The name in the journal and the logs; the pid makes it unique on this host."""
    return f"{settings.worker.name or socket.gethostname()}-{os.getpid()}"


def catalogue_of(settings: Settings, code: str) -> Catalogue:
    """The catalogue of one institution: its profile with its own differences."""
    return catalogue_for(settings.institutions[code])


def lanes_of(settings: Settings) -> dict[str, str]:
    """infno -> lane over all institutions of the file; builds no transaction."""
    lanes: dict[str, str] = {}
    for code in settings.institutions:
        catalogue = catalogue_of(settings, code)
        lanes.update({infno: catalogue.lane_of(infno) for infno in catalogue.infnos()})
    return lanes


def build_institutions(
    settings: Settings, clock: Clock
) -> tuple[dict[str, Institution], dict[str, HttpGateway]]:
    """Institutions by code, and the gateways they share by name."""
    gateways: dict[str, HttpGateway] = {}
    institutions = {}
    for code, chosen in settings.institutions.items():
        catalogue = catalogue_of(settings, code)
        gateway_settings = settings.gateways[chosen.gateway]
        if chosen.gateway not in gateways:
            paths = catalogue.profile.paths
            gateways[chosen.gateway] = build_gateway(chosen.gateway, gateway_settings, paths, clock)
        institutions[code] = Institution(
            code=code,
            settings=chosen,
            catalogue=catalogue,
            gateway=gateways[chosen.gateway],
            gateway_settings=gateway_settings,
        )
    return institutions, gateways


async def build(settings: Settings, clock: Clock) -> Parts:
    """Open the journal, connect the broker, declare the topology, wire the parts."""
    metrics = Metrics()
    owner = worker_name(settings)
    institutions, gateways = build_institutions(settings, clock)
    journal = open_journal(settings.journal, clock)
    await journal.open()
    broker = await Broker.connect(
        settings.broker,
        clock,
        declare=declaration(lanes_of(settings), settings.institutions),
        patience_s=BROKER_PATIENCE_S,
    )
    broker.body_bytes_max = settings.worker.body_bytes_max
    centre = Centre(clock, metrics)
    msgids = MsgidPool(journal, clock)
    digest: Digest = read_keyring(settings.journal).digest
    context = Context(
        owner=owner,
        settings=settings.worker,
        clock=clock,
        journal=journal,
        institutions=institutions,
        centre=centre,
        sessions=Sessions(journal, centre, msgids, clock, owner),
        msgids=msgids,
        replier=Replier(broker, metrics),
        metrics=metrics,
        digest=digest,
        stopping=Stopping(),
        trusted=frozenset({settings.broker.user, *settings.broker.operators}),
    )
    keeper = Keeper(context)
    resolver = Resolver(context, keeper)
    dispatcher = Dispatcher(
        context, broker, KeptRequests(context, keeper, resolver), PlainRequests(context)
    )
    sweeper = Sweeper(context, resolver, broker)
    scheduler = Scheduler(context, settings.schedules)
    return Parts(context, broker, journal, gateways, dispatcher, sweeper, scheduler)


def queues_of(settings: Settings, only: Collection[str]) -> Iterator[tuple[str, int]]:
    """Request queues of this worker with their prefetch; ``only`` empty means every transaction.
    The shared lane waits with the unrouted, which every worker serves."""
    for infno, lane in lanes_of(settings).items():
        if lane == "shared" or (only and infno not in only):
            continue
        if lane == "bulk":
            for tenant in settings.institutions:
                yield request_queue(infno, tenant), settings.worker.prefetch_bulk
        else:
            yield request_queue(infno), settings.worker.prefetch


class Worker:
    """Consumes, sweeps and stops."""

    def __init__(self, settings: Settings, parts: Parts, only: Collection[str] = ()) -> None:
        self._settings = settings
        self._parts = parts
        self._only = only
        self._sweeping: asyncio.Task[None] | None = None
        self._scheduling: asyncio.Task[None] | None = None
        self._gauging: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, settings: Settings, only: Collection[str] = (), clock: Clock | None = None
    ) -> "Worker":
        """A worker that is consuming when this returns."""
        parts = await build(settings, clock or SystemClock())
        worker = cls(settings, parts, only)
        dispatcher, broker = parts.dispatcher, parts.broker
        prefetch = settings.worker.prefetch
        await asyncio.gather(
            *(broker.consume(*each, dispatcher.handle) for each in queues_of(settings, only)),
            broker.consume(UNROUTED_QUEUE, prefetch, dispatcher.handle),
            broker.consume(EXPIRED_QUEUE, prefetch, dispatcher.handle_expired),
        )
        worker._sweeping = asyncio.create_task(parts.sweeper.run())
        worker._scheduling = asyncio.create_task(parts.scheduler.run())
        worker._gauging = asyncio.create_task(worker._gauge())
        log("worker_started", owner=parts.context.owner, only=",".join(only) or "all")
        return worker

    @property
    def metrics(self) -> Metrics:
        """This process's metrics."""
        return self._parts.context.metrics

    def health(self) -> dict[str, bool]:
        """What ``/healthz`` answers."""
        broker = self._parts.broker
        return {"broker": broker.connected, "consumers": not broker.missing()}

    async def stop(self) -> None:
        """Drain, return the rest, close."""
        parts = self._parts
        parts.context.stopping.now = True
        await parts.broker.stop_consuming()
        returned = await parts.dispatcher.drain(self._settings.worker.drain_s)
        for task in (self._sweeping, self._scheduling, self._gauging):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await parts.broker.close()
        for gateway in parts.gateways.values():
            await gateway.close()
        await parts.journal.close()
        log("worker_stopped", returned=returned)

    async def _gauge(self) -> None:
        """The gauges that are read rather than counted."""
        parts, metrics = self._parts, self._parts.context.metrics
        levels = {"closed": 0, "half_open": 1, "open": 2}
        known: set[str] = set()
        while True:
            metrics.broker_connected.set(parts.broker.connected)
            missing = set(parts.broker.missing())
            known |= missing
            for queue in known:
                metrics.consumer_missing(queue).set(queue in missing)
            for name, gateway in parts.gateways.items():
                metrics.breaker_state(name).set(levels[gateway.health().circuit])
            await asyncio.sleep(1.0)
