"""Connections: kept, replaced when dead, aborted on cancel, bounded in number."""

import asyncio
import random

import pytest

from bus.gateway.port import Answered, MaybeSent, NeverSent, Outcome
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import (
    Behaviour,
    FaultServer,
    Peer,
    answer,
    eventually,
    well_behaved,
)
from tests.network.fault_proxy import through_proxy


async def one_answer_then_close(peer: Peer) -> None:
    await peer.request()
    await peer.send(answer())


async def one_answer_then_close_on_the_next_request(peer: Peer) -> None:
    await peer.request()
    await peer.send(answer())
    await peer.request()


def answered(outcomes: list[Outcome]) -> int:
    return sum(isinstance(outcome, Answered) for outcome in outcomes)


async def test_calls_in_turn_share_one_connection(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway()
    outcomes = [await gateway.call(call(number)) for number in range(5)]
    assert answered(outcomes) == 5
    assert server.connections == 1
    assert server.bodies == [call(number).body for number in range(5)]


async def test_a_kept_connection_that_died_is_replaced_before_anything_is_written(
    make_gateway: MakeGateway, server: FaultServer, transport: str
) -> None:
    server.behaviour = one_answer_then_close
    gateway = make_gateway()
    for number in range(10):
        outcome = await gateway.call(call(number))
        # The fallback hears of the close only from the loop, perhaps too late: then in doubt.
        assert isinstance(outcome, Answered) or transport == "aiohttp"
        await eventually(lambda: server.open == 0)
    assert len(server.bodies) == len(set(server.bodies))
    assert transport == "aiohttp" or server.connections == len(server.bodies) == 10


async def test_a_kept_connection_closed_after_the_write_is_maybe_sent_and_not_repeated(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    server.behaviour = one_answer_then_close_on_the_next_request
    gateway = make_gateway()
    assert isinstance(await gateway.call(call(1)), Answered)
    second = await gateway.call(call(2))
    assert isinstance(second, MaybeSent)
    assert second.reason == "connection_lost"
    assert server.connections == 1
    assert server.bodies == [call(1).body, call(2).body]


@pytest.mark.parametrize("extra", [answer(b'{"infcode":0,"of":"nobody"}'), b"\x00garbage"])
async def test_bytes_nobody_asked_for_end_the_connection_and_answer_nobody(
    make_gateway: MakeGateway, server: FaultServer, transport: str, extra: bytes
) -> None:
    async def chatty(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer() + extra)
        await peer.ended()

    server.behaviour = chatty
    gateway = make_gateway()
    for number in range(3):
        outcome = await gateway.call(call(number))
        if transport == "aiohttp" and isinstance(outcome, MaybeSent):
            continue  # it reads on before it hands over: in doubt, which is allowed
        assert isinstance(outcome, Answered)
        assert outcome.body == b'{"infcode":0,"output":{}}'
    assert server.connections == len(server.bodies) == 3
    await eventually(lambda: server.open == 0)


async def test_late_bytes_on_an_idle_connection_never_become_the_next_answer(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    said = asyncio.Event()

    async def chatty(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await peer.send(answer(b"late"))
        said.set()
        await peer.ended()

    server.behaviour = chatty
    gateway = make_gateway()
    for number in range(3):
        said.clear()
        outcome = await gateway.call(call(number))
        assert isinstance(outcome, Answered)
        assert outcome.body != b"late"
        await said.wait()
        await eventually(lambda: server.open == 0)


async def test_an_idle_connection_is_not_used_beyond_its_time(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(keepalive_s=0.01)
    assert isinstance(await gateway.call(call(1)), Answered)
    await asyncio.sleep(0.05)
    assert isinstance(await gateway.call(call(2)), Answered)
    assert server.connections == 2


async def test_the_servers_own_keep_alive_limit_is_honoured(
    make_gateway: MakeGateway, server: FaultServer, transport: str
) -> None:
    async def keeps_one_second(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answer(extra=b"keep-alive: timeout=1, max=100\r\n"))

    server.behaviour = keeps_one_second
    gateway = make_gateway()
    for number in range(2):
        assert isinstance(await gateway.call(call(number)), Answered)
    assert server.connections == (2 if transport == "httptools" else 1)


async def test_no_more_connections_than_allowed_and_everybody_is_served(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(connections_max=4)
    outcomes = await asyncio.gather(*(gateway.call(call(number)) for number in range(40)))
    assert answered(list(outcomes)) == 40
    assert server.connections <= 4


async def test_waiting_for_a_connection_is_bounded_and_sends_nothing(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.ended()

    server.behaviour = silent
    gateway = make_gateway(connections_max=1)
    first = asyncio.ensure_future(gateway.call(call(1, deadline_s=3.0)))
    await eventually(lambda: len(server.bodies) == 1)
    second = await gateway.call(call(2, deadline_s=0.4))
    assert isinstance(second, NeverSent)
    assert second.reason == "no_slot"
    assert server.bodies == [call(1).body]
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


async def never_accepts_tls(peer: Peer) -> None:
    await peer.ended()


async def reads_then_waits(peer: Peer) -> None:
    await peer.request()
    await peer.ended()


async def half_an_answer_then_waits(peer: Peer) -> None:
    await peer.request()
    await peer.send(answer()[:-5])
    await peer.ended()


@pytest.mark.parametrize("behaviour", [reads_then_waits, half_an_answer_then_waits])
async def test_a_cancelled_call_aborts_its_connection(
    make_gateway: MakeGateway, server: FaultServer, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    gateway = make_gateway()
    task = asyncio.ensure_future(gateway.call(call(1)))
    await eventually(lambda: len(server.bodies) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: server.open == 0)
    server.behaviour = well_behaved
    assert isinstance(await gateway.call(call(2)), Answered)
    assert server.bodies == [call(1).body, call(2).body]


async def test_a_call_cancelled_while_connecting_leaves_nothing_behind(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(url=f"https://127.0.0.1:{server.port}/")
    server.behaviour = never_accepts_tls  # the client waits in its handshake
    task = asyncio.ensure_future(gateway.call(call(1)))
    await eventually(lambda: server.connections == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: server.open == 0)
    assert server.heads == []


async def test_a_call_cancelled_at_any_loop_turn_sends_at_most_once_and_leaks_nothing(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway(connections_max=2)
    for turns in range(60):
        task = asyncio.ensure_future(gateway.call(call(turns)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, Answered | asyncio.CancelledError)
    outcomes = await asyncio.gather(*(gateway.call(call(number)) for number in range(100, 110)))
    assert answered(list(outcomes)) == 10
    assert len(server.bodies) == len(set(server.bodies))
    assert gateway.health().in_flight == {"H53010000001": 0}


async def test_after_a_churn_of_cancelled_calls_ten_of_ten_are_served(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def slowish(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.002)
            await peer.send(answer())

    server.behaviour = slowish
    gateway = make_gateway(connections_max=10, concurrency=15)
    chance = random.Random(20260101)  # noqa: S311 - a reproducible schedule, not a secret
    numbers = iter(range(1_000_000))

    async def churn() -> None:
        for _ in range(50):
            task = asyncio.ensure_future(gateway.call(call(next(numbers))))
            await asyncio.sleep(chance.random() * 0.004)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(result, Answered | asyncio.CancelledError)

    await asyncio.gather(*(churn() for _ in range(20)))
    outcomes = await asyncio.gather(*(gateway.call(call(number)) for number in range(-10, 0)))
    assert answered(list(outcomes)) == 10
    assert len(server.bodies) == len(set(server.bodies))


async def test_a_closed_driver_keeps_no_connection(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    gateway = make_gateway()
    assert isinstance(await gateway.call(call(1)), Answered)
    await gateway.close()
    await eventually(lambda: server.open == 0)


async def test_a_request_that_was_given_up_never_arrives_later(
    server: FaultServer, make_gateway: MakeGateway
) -> None:
    async with through_proxy(f"http://127.0.0.1:{server.port}/") as (proxy, url):
        gateway = make_gateway(url=url)
        assert isinstance(await gateway.call(call(1)), Answered)
        proxy.out.hold()
        assert await gateway.call(call(2, deadline_s=0.2)) == MaybeSent(reason="read_timeout")
        await eventually(lambda: proxy.deserted == 1)
        proxy.heal()
        await eventually(lambda: server.open == 0)
    assert server.bodies == [call(1).body]
