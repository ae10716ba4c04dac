"""A queue whose consumer costs the connection must not keep the others from being served."""

import asyncio

from bus.broker.consumer import QUARANTINE_S_FIRST, STRIKES_MAX, Consumer, Surroundings
from bus.broker.errors import BrokerUnreachableError
from bus.broker.turns import STARTS_MAX, Turns
from bus.clock import SystemClock


class DyingLink:
    """A link that the broker ends as soon as this queue is consumed."""

    def __init__(self) -> None:
        self.is_open = True

    async def lane(self, _arrived: object, **_: object) -> "DyingLane":
        return DyingLane(self)


class DyingLane:
    """Its channel dies with its link."""

    def __init__(self, link: DyingLink) -> None:
        self._link = link
        self.channel = self
        self.is_open = True

    async def basic_qos(self, **_: object) -> None:
        return None

    async def basic_consume(self, *_: object, **__: object) -> None:
        self._link.is_open = False
        raise ConnectionError

    async def close(self) -> None:
        return None


class CountingClock(SystemClock):
    """Notes the pauses asked for and makes them short."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)
        if len(self.pauses) > STRIKES_MAX + 3:
            await asyncio.Event().wait()


async def nothing(_: object = None) -> None:
    """A handler, and a declaration, that do nothing."""


async def test_a_consumer_that_costs_the_connection_again_and_again_waits_longer_each_time() -> (
    None
):
    clock = CountingClock()

    async def link() -> DyingLink:
        return DyingLink()

    around = Surroundings(clock, link, nothing, 0.5, Turns())  # type: ignore[arg-type]
    consumer = Consumer("yibao.broken", 1, nothing, around)
    async with asyncio.timeout(10):
        while len(clock.pauses) <= STRIKES_MAX + 3:  # noqa: ASYNC110 - the clock counts, no event
            await asyncio.sleep(0)
    await consumer.stop()
    early, late = clock.pauses[:STRIKES_MAX], clock.pauses[STRIKES_MAX:]
    assert all(pause < QUARANTINE_S_FIRST for pause in early)
    assert all(pause >= QUARANTINE_S_FIRST for pause in late)
    assert late == sorted(late)
    assert not consumer.present


async def test_a_queue_that_is_only_refused_is_tried_again_soon() -> None:
    clock = CountingClock()

    class Steady(DyingLink):
        async def lane(self, _arrived: object, **_: object) -> DyingLane:
            raise BrokerUnreachableError("no channel now")

    async def link() -> Steady:
        return Steady()

    around = Surroundings(clock, link, nothing, 0.5, Turns())  # type: ignore[arg-type]
    consumer = Consumer("yibao.busy", 1, nothing, around)
    async with asyncio.timeout(10):
        while len(clock.pauses) <= STRIKES_MAX + 3:  # noqa: ASYNC110 - the clock counts, no event
            await asyncio.sleep(0)
    await consumer.stop()
    assert max(clock.pauses) <= 0.5


async def test_many_start_at_once_until_a_connection_is_lost_then_one_by_one_until_all_stand() -> (
    None
):
    turns = Turns()
    under_way, most, blamed = 0, 0, []

    async def starts(*, lost: bool = False) -> None:
        nonlocal under_way, most
        async with turns.turn() as start:
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            if lost:
                blamed.append(turns.lost(start))
                raise BrokerUnreachableError("the connection is lost")

    async def all_start(many: int, *, lost: bool = False) -> int:
        nonlocal most
        most = 0
        work = (starts(lost=lost) for _ in range(many))
        await asyncio.gather(*work, return_exceptions=True)
        return most

    many = STARTS_MAX * 2
    assert await all_start(many) == STARTS_MAX
    await all_start(STARTS_MAX, lost=True)
    assert not any(blamed), "many were starting: nobody is to blame yet"
    blamed.clear()
    assert await all_start(3, lost=True) == 1
    assert blamed == [True, True, True]
    assert await all_start(many) == 1
    assert await all_start(many) == STARTS_MAX
