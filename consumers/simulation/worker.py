"""A simulated worker: the real parts of a worker, put together on simulated ports.

What is real is all of ``consumers`` below the process: dispatcher, kept and plain requests, keeper,
resolver, sessions, message numbers, replies, sweeper. Compare ``consumers.worker.build``.
"""

from functools import cache

from bus.config.settings import GatewaySettings, InstitutionSettings, WorkerSettings
from bus.metrics import Metrics
from bus.topology import EXPIRED_QUEUE, UNROUTED_QUEUE, request_queue
from consumers.centre import Centre
from consumers.context import Context, Stopping
from consumers.dispatch import Dispatcher
from consumers.institution import Institution
from consumers.keeper import Keeper
from consumers.kept import KeptRequests
from consumers.msgids import MsgidPool
from consumers.plain import PlainRequests
from consumers.replies import Replier
from consumers.resolver import Resolver
from consumers.sessions import Sessions
from consumers.simulation.books import Books, JournalLink, Weather
from consumers.simulation.broker import Link, SimBroker
from consumers.simulation.centre import SimCentre, SimGateway
from consumers.simulation.ground import Ground
from consumers.simulation.hospital import HIS_USER, TENANT
from consumers.simulation.process import Process, ProcessClock
from consumers.sweeper import Sweeper

PREFETCH = 8
DRAIN_S = 5.0
INFNOS = (
    *("2102", "2103", "2201", "2202", "2203", "2204", "2206", "2207", "2208"),
    *("2301", "2303", "2304", "2305", "2401", "2402", "2601", "5204"),
)
"""Transactions that are asked for in journeys."""
BULK = frozenset({"2301"})


@cache
def metrics() -> Metrics:
    """One registry for all simulated processes: nothing reads it."""
    return Metrics()


def keyed_digest(kind: str, value: str) -> str:
    """Stands in for the keyring's digest; identities here are invented."""
    return f"{kind}:{value}"


class World:
    """The parts every process shares."""

    def __init__(self, ground: Ground, books: Books, broker: SimBroker, centre: SimCentre) -> None:
        self.ground = ground
        self.books = books
        self.broker = broker
        self.centre = centre
        self.weather = Weather(ground)


class Worker:
    """One process's parts, consuming and sweeping as soon as it is made."""

    def __init__(self, world: World, process: Process) -> None:
        self.process = process
        self._world = world
        self._link: Link = world.broker.connect(process)
        context = context_of(world, process, self._link)
        keeper = Keeper(context)
        resolver = Resolver(context, keeper)
        kept = KeptRequests(context, keeper, resolver)
        self._context = context
        self._dispatcher = Dispatcher(context, self._link, kept, PlainRequests(context))
        self._sweeping = process.spawn(Sweeper(context, resolver, self._link).run())
        broker, handle = world.broker, self._dispatcher.handle
        for infno in INFNOS:
            queue = request_queue(infno, TENANT if infno in BULK else "")
            broker.consume(self._link, queue, PREFETCH, handle)
        broker.consume(self._link, UNROUTED_QUEUE, PREFETCH, handle)
        broker.consume(self._link, EXPIRED_QUEUE, PREFETCH, self._dispatcher.handle_expired)
        broker.pump()

    async def stop(self) -> None:
        """As ``consumers.worker.Worker.stop``: take nothing new, finish, give back the rest."""
        process = self.process
        process.ground.note(process.name, "STOPPING")
        self._context.stopping.now = True
        self._link.consuming = False
        left = await self._dispatcher.drain(DRAIN_S)
        process.ground.note(process.name, f"stopped, {left} given back")
        self._sweeping.cancel()
        process.kill()

    async def after_death(self) -> None:
        """What was in the hands of a dead process goes back to its queues."""
        await self._world.broker.leave(self._link)


def context_of(world: World, process: Process, link: Link) -> Context:
    """What the parts of this worker share."""
    ground = world.ground
    traits = ground.traits
    clock = ProcessClock(process)
    journal = JournalLink(ground, world.books, world.weather, process)
    centre = Centre(clock, metrics())
    msgids = MsgidPool(journal, clock)
    institution = Institution(
        code=TENANT,
        settings=InstitutionSettings(name="示例医院", gateway="centre", users=(HIS_USER,)),
        catalogue=ground.catalogue,
        gateway=SimGateway(world.centre, process),
        gateway_settings=GatewaySettings(
            url="http://centre.invalid",
            money_s=traits.money_s,
            call_s=traits.call_s,
            centre_s=traits.centre_s,
        ),
    )
    return Context(
        owner=process.name.partition(".")[0] if traits.same_name else process.name,
        settings=WorkerSettings(
            patience_s=traits.patience_s, sweep_s=traits.sweep_s, prefetch=PREFETCH
        ),
        clock=clock,
        journal=journal,
        institutions={TENANT: institution},
        centre=centre,
        sessions=Sessions(journal, centre, msgids, clock, process.name),
        msgids=msgids,
        replier=Replier(link, metrics()),
        metrics=metrics(),
        digest=keyed_digest,
        stopping=Stopping(),
    )
