"""One history: a seed in, everything that happened and every broken promise out."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bus.lifecycle.record import FINAL, OPEN, Record, State
from bus.lifecycle.table import Event
from bus.logs import LOGGER
from consumers.person import person_decides
from consumers.simulation.books import Books
from consumers.simulation.broker import SimBroker
from consumers.simulation.centre import SimCentre
from consumers.simulation.ground import Breach, Ground, Line
from consumers.simulation.hospital import Hospital
from consumers.simulation.insurer import Insurer
from consumers.simulation.journeys import Journey
from consumers.simulation.judge import Judge
from consumers.simulation.loop import StalledError
from consumers.simulation.process import Process, ProcessClock
from consumers.simulation.traits import Traits
from consumers.simulation.watch import Watch
from consumers.simulation.worker import BULK, Worker, World

RESTART_US = 2_000_000
JUMP_EVERY_S = 20.0
MINUTE_S = 60.0
NEXT_DAY_S = 600.0
"""After so long without an outcome the rest of the day is skipped."""
SETTLED_S_MAX = 4 * 3600
"""Virtual time by which everything must have come to an end after the last fault: 60 looks with
pauses of a minute, and a person's decision, fit in several times."""
FAULTS = frozenset({"worker_fault", "sweep_fault", "resolve_fault"})


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a seed."""

    seed: int
    traits: Traits
    requests: int
    calls: int
    steps: int
    virtual_s: float
    states: dict[str, int]
    breaches: tuple[Breach, ...]
    lines: tuple[Line, ...]


def play(seed: int) -> History:
    """Play the history of ``seed``; the same seed plays the same history."""
    stage = Stage(seed)
    with faults_heard(stage.ground):
        try:
            stage.ground.loop.run(stage.run())
        except StalledError as stalled:
            stage.ground.breach("drained", str(stalled))
    for complaint in stage.ground.loop.complaints:
        stage.ground.breach("worker_fault", complaint)
    return stage.history(seed)


@contextmanager
def faults_heard(ground: Ground) -> Iterator[None]:
    """What a worker logs as a fault of its own is a broken promise."""

    class Hear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg in FAULTS:
                error = record.exc_info[1] if record.exc_info else None
                ground.breach("worker_fault", f"{record.msg} {error!r}")

    former = (LOGGER.handlers[:], LOGGER.propagate, LOGGER.level)
    LOGGER.handlers[:], LOGGER.propagate = [Hear()], False
    LOGGER.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOGGER.handlers[:], LOGGER.propagate = former[:2]
        LOGGER.setLevel(former[2])


class Stage:
    """All parts of one world, and the order in which its day passes."""

    def __init__(self, seed: int) -> None:
        self.ground = Ground(seed)
        self.watch = Watch(self.ground)
        self.insurer = Insurer(self.ground)
        self.insurer.on_effect = self.watch.effect
        self.books = Books(self.watch.stored)
        self.broker = SimBroker(self.ground, self.watch, BULK)
        self.centre = SimCentre(self.ground, self.insurer, self.watch)
        self.world = World(self.ground, self.books, self.broker, self.centre)
        self.hospital = Hospital(self.ground, self.broker, self.watch)
        self.processes: dict[int, Process] = {}
        self._busy_us = 0

    async def run(self) -> None:
        """The day, until nothing is owed any more; then every key is asked once more."""
        ground, spawn = self.ground, self.ground.loop.spawn
        for number in range(1, ground.traits.workers + 1):
            spawn(None, self._keep_worker(number))
        for disturb in (self._jump_clocks, self._forget_sign_ins, self._tick, self._skip_days):
            spawn(None, disturb())
        desks = range(1, ground.traits.clients + 1)
        journeys = [spawn(None, Journey(self.hospital, self.insurer, desk).go()) for desk in desks]
        await asyncio.gather(*journeys)
        await self._settle()
        await self._person()
        for request in list(self.watch.requests.values()):
            await self.hospital.publish(request)
        await self._settle()
        Judge(self.ground, self.watch, self.books, self.insurer, self.broker).judge()

    def history(self, seed: int) -> History:
        """The result."""
        states: dict[str, int] = {}
        for record in self.books.records():
            states[record.code] = states.get(record.code, 0) + 1
        return History(
            seed=seed,
            traits=self.ground.traits,
            requests=len(self.watch.requests),
            calls=len(self.watch.calls),
            steps=self.ground.loop.steps,
            virtual_s=self.ground.loop.time(),
            states=states,
            breaches=tuple(self.ground.breaches),
            lines=tuple(self.ground.lines),
        )

    # -- workers ---------------------------------------------------------------------------------

    async def _keep_worker(self, number: int) -> None:
        """A worker, and after its death the next one."""
        ground = self.ground
        jumped_ms, generation = 0, 0
        while True:
            generation += 1
            process = Process(ground, f"w{number}.{generation}", jumped_ms)
            self.processes[number] = process
            ground.note(process.name, "starts")
            worker = Worker(self.world, process)
            stopping = ground.loop.spawn(None, self._stop_some_time(worker))
            await process.died
            stopping.cancel()
            jumped_ms = process.jumped_ms
            ground.loop.spawn(None, worker.after_death())
            await ground.pause(RESTART_US)

    async def _stop_some_time(self, worker: Worker) -> None:
        rate = self.ground.traits.stop
        while rate:
            await self.ground.loop.pause_us(1_000_000)
            if self.ground.chance(rate / MINUTE_S):
                await worker.stop()
                return

    # -- the world around them -------------------------------------------------------------------

    async def _jump_clocks(self) -> None:
        ground = self.ground
        jump_ms = ground.traits.jump_ms
        while jump_ms and not ground.calm:
            await ground.pause(round(JUMP_EVERY_S * 1_000_000))
            process = self.processes[ground.dice.randint(1, ground.traits.workers)]
            process.jumped_ms = ground.dice.randint(-jump_ms // 2, jump_ms // 2)
            ground.note(process.name, f"CLOCK is off by {process.jumped_ms} ms")

    async def _forget_sign_ins(self) -> None:
        ground = self.ground
        while ground.traits.sign_ins_lost and not ground.calm:
            await ground.loop.pause_us(1_000_000)
            if ground.chance(ground.traits.sign_ins_lost / MINUTE_S):
                ground.note("centre", "FORGETS all sign-ins")
                self.insurer.forget_sign_ins()

    async def _tick(self) -> None:
        """Queues notice what has expired, also when nothing else happens."""
        while True:
            await self.ground.loop.pause_us(1_000_000)
            self.broker.pump()

    async def _skip_days(self) -> None:
        """Whoever cannot sign in any more today can do so tomorrow."""
        ground = self.ground
        next_s = ground.traits.calm_after_s + NEXT_DAY_S
        while True:
            await ground.loop.pause_us(1_000_000)
            calling = any(record.state is State.SENDING for record in self.books.records())
            if ground.loop.time() > next_s and not calling and not self.centre.pending:
                ground.next_day()
                next_s = ground.loop.time() + NEXT_DAY_S

    # -- the end ---------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Until nothing is owed, or far too long."""
        until = self.ground.loop.time() + SETTLED_S_MAX
        while not self._settled() and self.ground.loop.time() < until:
            await self.ground.loop.pause_us(500_000)

    def _settled(self) -> bool:
        return (
            self.ground.calm
            and not self.centre.pending
            and self.broker.drained()
            and not any(self._is_moving(record) for record in self.books.records())
        )

    @staticmethod
    def _is_moving(record: Record) -> bool:
        if record.state in FINAL or record.state is State.HELD:
            return record.event_due
        return record.state in OPEN

    async def _person(self) -> None:
        """Somebody looks into the centre's books and decides what is held."""
        ground = self.ground
        if not ground.traits.person:
            return
        clock = ProcessClock(Process(ground, "person"))
        for record in self.books.records():
            if record.state is State.HELD:
                event = self._verdict(record)
                ground.note("person", f"{record.key}: {event}")
                await person_decides(self.books, clock, record, event, "books of the centre")
        await self._settle()

    def _verdict(self, record: Record) -> Event:
        effects = [
            effect
            for msgid, effect in self.insurer.effects.items()
            if msgid in self.watch.marks and self.watch.marks[msgid].key == record.key
        ]
        live = any(effect.live and effect.infno == record.infno for effect in effects)
        return Event.PERSON_SUCCEEDED if live else Event.PERSON_REVERSED
