"""Slots and rate: bounded, in order, per institution, and nothing leaks on cancellation."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.gateway.limits import NoSlotError, Pace, RateLimit, Slots, book
from bus.gateway.port import Answered, NeverSent
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer, Peer, answer, eventually
from tests.gateway.gateway_manual_clock import ManualClock


async def test_slots_are_given_in_the_order_asked() -> None:
    slots = Slots(1, 10)
    await slots.take()
    served: list[int] = []

    async def wait(number: int) -> None:
        await slots.take()
        served.append(number)
        slots.give_back()

    tasks = [asyncio.ensure_future(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert slots.waiting == 5
    assert not slots.take_now()
    slots.give_back()
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2, 3, 4]
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    slots = Slots(1, 1)
    await slots.take()
    waiter = asyncio.ensure_future(slots.take())
    await asyncio.sleep(0)
    with pytest.raises(NoSlotError):
        await slots.take()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    slots.give_back()
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_a_waiter_cancelled_in_the_moment_of_the_hand_over_is_passed_over() -> None:
    slots = Slots(1, 10)
    await slots.take()
    first, second = (asyncio.ensure_future(slots.take()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    slots.give_back()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    slots.give_back()
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_no_slot_is_lost_however_waiters_are_cancelled() -> None:
    slots = Slots(3, 100)
    chance = random.Random(7)  # noqa: S311 - a reproducible schedule, not a secret
    most = 0

    async def work() -> None:
        nonlocal most
        await slots.take()
        try:
            most = max(most, slots.taken)
            await asyncio.sleep(0)
        finally:
            slots.give_back()

    tasks = [asyncio.ensure_future(work()) for _ in range(60)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
    assert (slots.taken, slots.waiting) == (0, 0)
    assert most <= 3


@given(st.floats(0.1, 500.0), st.lists(st.integers(0, 3_000), min_size=1, max_size=200))
def test_no_window_of_time_holds_more_calls_than_the_rate_allows(
    rate_per_s: float, gaps_ms: list[int]
) -> None:
    pace, now_ms = Pace(), 0
    starts: list[float] = []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        pace, wait_s = book(pace, now_ms, rate_per_s)
        starts.append(now_ms + wait_s * 1000)
    assert starts == sorted(starts)
    for first in range(len(starts)):
        for last in range(first, min(first + 40, len(starts))):
            window_s = (starts[last] - starts[first]) / 1000
            assert last - first + 1 <= rate_per_s * window_s + max(rate_per_s, 1.0) + 1.001


async def test_the_rate_limit_waits_on_its_clock_and_refuses_long_waits() -> None:
    clock = ManualClock()
    limit = RateLimit(2.0, clock)
    waits = [await limit.turn(10.0) for _ in range(5)]
    assert waits == [0.0, 0.0, 0.5, 0.5, 0.5]
    assert await RateLimit(0.0, clock).turn(0.0) == 0.0
    slow = RateLimit(0.1, clock)
    await slow.turn(1.0)
    with pytest.raises(NoSlotError):
        await slow.turn(1.0)


async def test_one_institution_never_has_more_calls_in_flight_than_allowed(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    most = flying = 0

    async def counts(peer: Peer) -> None:
        nonlocal most, flying
        while True:
            await peer.request()
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.005)
            flying -= 1
            await peer.send(answer())

    server.behaviour = counts
    gateway = make_gateway(concurrency=3)
    outcomes = await asyncio.gather(*(gateway.call(call(number)) for number in range(20)))
    assert all(isinstance(outcome, Answered) for outcome in outcomes)
    assert most == 3
    assert gateway.health().in_flight == {"H53010000001": 0}


async def test_a_busy_institution_does_not_hold_up_another_and_waits_only_so_long(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    release = asyncio.Event()

    async def holds_the_first(peer: Peer) -> None:
        while True:
            if b'"number":1}' in await peer.request():
                await release.wait()
            await peer.send(answer())

    server.behaviour = holds_the_first
    gateway = make_gateway(concurrency=1)
    first = asyncio.ensure_future(gateway.call(call(1)))
    await eventually(lambda: len(server.bodies) == 1)
    waiting = await gateway.call(call(2, deadline_s=0.2))
    assert waiting == NeverSent(reason="no_slot", detail="concurrency")
    assert isinstance(await gateway.call(call(3, tenant="H53010000002")), Answered)
    assert server.bodies == [call(1).body, call(3).body]
    release.set()
    assert isinstance(await first, Answered)


async def test_calls_beyond_the_rate_are_refused_unsent(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(clock=ManualClock(), rate_per_s=0.1)
    assert isinstance(await gateway.call(call(1)), Answered)
    refused = await gateway.call(call(2, deadline_s=20.0))
    assert refused == NeverSent(reason="no_slot", detail="rate")
    assert server.bodies == [call(1).body]
