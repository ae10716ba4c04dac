"""The breaker's table, and the breaker round a real address."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.config.settings import BreakerSettings
from bus.gateway.breaker import PASSES, Breaker, BreakerHolder, Circuit, Pass, Verdict, learn
from bus.gateway.guard import verdict
from bus.gateway.port import Answered, MaybeSent, NeverSent
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer, Peer, answers, eventually, well_behaved
from tests.gateway.gateway_manual_clock import ManualClock


def holder(failures: int = 3) -> BreakerHolder:
    return BreakerHolder(failures_max=failures, open_s=10.0)


def fail(breaker: BreakerHolder, now_ms: int, times: int) -> None:
    for _ in range(times):
        way = breaker.ask(now_ms, probe_ok=False)
        breaker.learn(now_ms, way, Verdict.DEAD)


def test_every_state_says_how_a_call_passes() -> None:
    assert set(PASSES) == {(circuit, ok) for circuit in Circuit for ok in (False, True)}
    probes = [key for key, (way, _) in PASSES.items() if way is Pass.PROBE]
    assert probes == [(Circuit.HALF_OPEN, True)]


def test_it_opens_after_enough_failures_in_a_row() -> None:
    breaker = holder()
    fail(breaker, 0, 2)
    assert breaker.circuit(0) is Circuit.CLOSED
    fail(breaker, 0, 1)
    assert breaker.circuit(0) is Circuit.OPEN
    assert breaker.ask(9_999, probe_ok=True) is Pass.REFUSED


def test_one_answer_in_between_starts_the_count_anew() -> None:
    breaker = holder()
    fail(breaker, 0, 2)
    breaker.learn(0, breaker.ask(0, probe_ok=False), Verdict.ALIVE)
    fail(breaker, 0, 2)
    assert breaker.circuit(0) is Circuit.CLOSED


def test_half_open_lets_one_query_through_and_no_money_call() -> None:
    breaker = holder()
    fail(breaker, 0, 3)
    assert breaker.circuit(10_000) is Circuit.HALF_OPEN
    assert breaker.ask(10_000, probe_ok=False) is Pass.REFUSED
    assert breaker.ask(10_000, probe_ok=True) is Pass.PROBE
    assert breaker.ask(10_000, probe_ok=True) is Pass.REFUSED


@pytest.mark.parametrize(
    ("result", "circuit"),
    [
        (Verdict.ALIVE, Circuit.CLOSED),
        (Verdict.DEAD, Circuit.OPEN),
        (Verdict.NOTHING, Circuit.HALF_OPEN),
    ],
)
def test_the_probes_verdict_decides(result: Verdict, circuit: Circuit) -> None:
    breaker = holder()
    fail(breaker, 0, 3)
    breaker.learn(10_000, breaker.ask(10_000, probe_ok=True), result)
    assert breaker.circuit(10_000) is circuit
    if circuit is Circuit.OPEN:
        assert breaker.circuit(19_999) is Circuit.OPEN
        assert breaker.circuit(20_000) is Circuit.HALF_OPEN


def test_calls_under_way_when_it_opened_decide_nothing() -> None:
    for circuit in (Circuit.OPEN, Circuit.HALF_OPEN, Circuit.PROBING):
        before = Breaker(circuit=circuit, failures=3, half_open_at_ms=10)
        for result in Verdict:
            assert learn(before, Pass.NORMAL, result, 3) == before


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4_000), st.booleans(), st.sampled_from(Verdict), st.integers(0, 5)
        ),
        max_size=80,
    )
)
def test_whatever_happens_there_is_one_probe_at_most_and_it_never_locks_up(
    steps: list[tuple[int, bool, Verdict, int]],
) -> None:
    breaker, now_ms = holder(), 0
    flying: list[Pass] = []
    for wait_ms, probe_ok, result, index in steps:
        now_ms += wait_ms
        way = breaker.ask(now_ms, probe_ok=probe_ok)
        assert way is not Pass.PROBE or probe_ok
        if way is not Pass.REFUSED:
            flying.append(way)
        assert flying.count(Pass.PROBE) <= 1
        if flying and index < len(flying):
            breaker.learn(now_ms, flying.pop(index), result)
    for way in flying:
        breaker.learn(now_ms, way, Verdict.NOTHING)
    assert breaker.ask(now_ms + 10_000, probe_ok=True) is not Pass.REFUSED


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Answered(http_status=200, content_type="", body=b""), Verdict.ALIVE),
        (Answered(http_status=500, content_type="", body=b""), Verdict.ALIVE),
        (Answered(http_status=502, content_type="", body=b""), Verdict.DEAD),
        (MaybeSent(reason="read_timeout"), Verdict.DEAD),
        (NeverSent(reason="connect_refused"), Verdict.DEAD),
        (NeverSent(reason="tls"), Verdict.DEAD),
        (NeverSent(reason="no_slot"), Verdict.NOTHING),
        (NeverSent(reason="config"), Verdict.NOTHING),
        (None, Verdict.NOTHING),
    ],
)
def test_what_an_outcome_says_about_the_address(
    outcome: Answered | NeverSent | MaybeSent | None, expected: Verdict
) -> None:
    assert verdict(outcome) is expected


async def test_a_dead_address_is_left_alone_until_a_query_finds_it_alive(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    clock = ManualClock()
    gateway = make_gateway(clock=clock, breaker=BreakerSettings(failures=3, open_s=10.0))
    server.behaviour = answers()  # reads and closes
    for number in range(3):
        assert isinstance(await gateway.call(call(number)), MaybeSent)
    assert gateway.health().circuit is Circuit.OPEN
    server.behaviour = well_behaved
    assert await gateway.call(call(3)) == NeverSent(reason="breaker_open")
    clock.move(10.0)
    assert await gateway.call(call(4)) == NeverSent(reason="breaker_open")
    assert isinstance(await gateway.call(call(5, probe_ok=True)), Answered)
    assert gateway.health().circuit is Circuit.CLOSED
    assert isinstance(await gateway.call(call(6)), Answered)
    assert server.bodies == [call(number).body for number in (0, 1, 2, 5, 6)]


async def test_a_cancelled_probe_lets_the_next_one_go(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.ended()

    clock = ManualClock()
    gateway = make_gateway(clock=clock, breaker=BreakerSettings(failures=1, open_s=10.0))
    server.behaviour = answers()
    assert isinstance(await gateway.call(call(1)), MaybeSent)
    clock.move(10.0)
    server.behaviour = silent
    probe = asyncio.ensure_future(gateway.call(call(2, probe_ok=True)))
    await eventually(lambda: len(server.bodies) == 2)
    assert await gateway.call(call(3, probe_ok=True)) == NeverSent(reason="breaker_open")
    assert gateway.health().circuit is Circuit.HALF_OPEN
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    server.behaviour = well_behaved
    assert isinstance(await gateway.call(call(4, probe_ok=True)), Answered)
