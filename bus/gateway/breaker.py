"""The circuit breaker of one address: a table, and a small holder that keeps its state.

Closed: all pass. Open: none passes until ``open_s`` is over. Half-open: one probe at a time, and
only a call that may be lost without harm (a query); its verdict decides. Calls that were already
under way when the breaker opened decide nothing any more.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec


class Circuit(StrEnum):
    """State of the breaker, as shown in the metrics."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    PROBING = "probing"
    """Half-open with the probe in flight."""


class Verdict(StrEnum):
    """What one call says about the address."""

    ALIVE = "alive"
    DEAD = "dead"
    NOTHING = "nothing"
    """Cancelled or ended by ourselves: no evidence."""


class Pass(StrEnum):
    """How a call was let through."""

    NORMAL = "normal"
    PROBE = "probe"
    REFUSED = "refused"


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """The whole memory: state, failures in a row, and when an open breaker becomes half-open."""

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    half_open_at_ms: int = 0


PASSES: Mapping[tuple[Circuit, bool], tuple[Pass, Circuit]] = MappingProxyType(
    {
        (Circuit.CLOSED, False): (Pass.NORMAL, Circuit.CLOSED),
        (Circuit.CLOSED, True): (Pass.NORMAL, Circuit.CLOSED),
        (Circuit.OPEN, False): (Pass.REFUSED, Circuit.OPEN),
        (Circuit.OPEN, True): (Pass.REFUSED, Circuit.OPEN),
        (Circuit.HALF_OPEN, False): (Pass.REFUSED, Circuit.HALF_OPEN),
        (Circuit.HALF_OPEN, True): (Pass.PROBE, Circuit.PROBING),
        (Circuit.PROBING, False): (Pass.REFUSED, Circuit.PROBING),
        (Circuit.PROBING, True): (Pass.REFUSED, Circuit.PROBING),
    }
)
"""(state, may this call probe) -> (how it is let through, state after)."""


def on_time(breaker: Breaker, now_ms: int) -> Breaker:
    """The state at this instant: an open breaker becomes half-open by itself."""
    if breaker.circuit is Circuit.OPEN and now_ms >= breaker.half_open_at_ms:
        return msgspec.structs.replace(breaker, circuit=Circuit.HALF_OPEN)
    return breaker


def ask(breaker: Breaker, *, probe_ok: bool) -> tuple[Breaker, Pass]:
    """May a call go now? The state must be that of now (``on_time``)."""
    way, circuit = PASSES[breaker.circuit, probe_ok]
    if circuit is breaker.circuit:
        return breaker, way
    return msgspec.structs.replace(breaker, circuit=circuit), way


def learn(breaker: Breaker, way: Pass, verdict: Verdict, failures_max: int) -> Breaker:
    """The state after a call. ``half_open_at_ms`` of a newly opened one is set by the holder."""
    if way is Pass.PROBE:
        return _after_probe(breaker, verdict)
    if breaker.circuit is not Circuit.CLOSED or verdict is Verdict.NOTHING:
        return breaker
    if verdict is Verdict.ALIVE:
        return Breaker() if breaker.failures else breaker
    failures = breaker.failures + 1
    circuit = Circuit.OPEN if failures >= failures_max else Circuit.CLOSED
    return Breaker(circuit=circuit, failures=failures)


def _after_probe(breaker: Breaker, verdict: Verdict) -> Breaker:
    if verdict is Verdict.ALIVE:
        return Breaker()
    circuit = Circuit.OPEN if verdict is Verdict.DEAD else Circuit.HALF_OPEN
    return msgspec.structs.replace(breaker, circuit=circuit)


class BreakerHolder:
    """The breaker of one address in this process."""

    def __init__(self, *, failures_max: int, open_s: float) -> None:
        self._failures_max = failures_max
        self._open_ms = int(open_s * 1000)
        self._breaker = Breaker()

    def circuit(self, now_ms: int) -> Circuit:
        """The state at this instant, for metrics and for a first look before queueing."""
        self._breaker = on_time(self._breaker, now_ms)
        return self._breaker.circuit

    def refuses(self, now_ms: int, *, probe_ok: bool) -> bool:
        """Whether a call would be refused now. Changes nothing."""
        return PASSES[self.circuit(now_ms), probe_ok][0] is Pass.REFUSED

    def ask(self, now_ms: int, *, probe_ok: bool) -> Pass:
        """Let a call through or not. What was let through must be reported to ``learn``."""
        self._breaker, way = ask(on_time(self._breaker, now_ms), probe_ok=probe_ok)
        return way

    def learn(self, now_ms: int, way: Pass, verdict: Verdict) -> None:
        """Report how a call ended."""
        before = self._breaker.circuit
        after = learn(self._breaker, way, verdict, self._failures_max)
        if after.circuit is Circuit.OPEN and before is not Circuit.OPEN:
            after = msgspec.structs.replace(after, half_open_at_ms=now_ms + self._open_ms)
        self._breaker = after
