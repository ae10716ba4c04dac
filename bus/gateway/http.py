"""The ``http`` driver: one call out, one of three outcomes back, decided by where it stopped."""

from collections.abc import Callable
from secrets import token_hex

import httpx
import msgspec

from bus.clock import Clock
from bus.gateway.addresses import AddressOf
from bus.gateway.breaker import Pass
from bus.gateway.guard import WAIT_SHARE, GatewayHealth, Guard, NotAdmittedError
from bus.gateway.line import Line, Phase, TransportFault
from bus.gateway.port import Answered, GatewayCall, MaybeSent, NeverSent, Outcome
from bus.gateway.signing import Draft, Scheme, Signed
from bus.gateway.wire import Target, Wire, exchanger, target

HOPELESS = frozenset({"config", "driver_fault"})
"""NeverSent reasons that another try does not cure."""


class HttpParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver is made of; ``bus.gateway.build`` puts it together."""

    transport: httpx.AsyncBaseTransport
    scheme: Scheme
    address_of: AddressOf
    guard: Guard
    clock: Clock
    connect_s: float
    nonce: Callable[[], str] = lambda: token_hex(16)


class _Flight:
    """How far one call got."""

    __slots__ = ("line", "way")

    def __init__(self) -> None:
        self.line = Line()
        self.way: Pass | None = None


class HttpGateway:
    """A centre address over HTTP. See ``bus.gateway.port.Gateway`` for the contract."""

    def __init__(self, parts: HttpParts) -> None:
        self._parts = parts
        self._exchange = exchanger(parts.transport).exchange
        self._targets: dict[str, Target] = {}

    async def call(self, call: GatewayCall) -> Outcome:
        """Send once. The deadline covers waiting for a slot, connecting, sending, the answer."""
        if call.deadline_s <= 0:
            return NeverSent(reason="deadline")
        flight = _Flight()
        outcome: Outcome | None = None
        try:
            outcome = await self._parts.clock.within(call.deadline_s, self._run(call, flight))
        except TimeoutError:
            outcome = _too_late(flight.line)
        finally:
            if flight.way is not None:
                self._parts.guard.learn(flight.way, outcome)
        return outcome

    def health(self) -> GatewayHealth:
        """Breaker state and calls in flight, for the metrics."""
        return self._parts.guard.health()

    async def close(self) -> None:
        """Drop idle connections; calls under way end as they end."""
        await self._parts.transport.aclose()

    async def _run(self, call: GatewayCall, flight: _Flight) -> Outcome:
        guard = self._parts.guard
        try:
            flight.way = await guard.enter(call)
        except NotAdmittedError as refusal:
            return refusal.outcome
        try:
            return await self._send(call, flight.line)
        finally:
            guard.leave(call)

    async def _send(self, call: GatewayCall, line: Line) -> Outcome:
        try:
            to = self._targets.get(call.infno) or self._target(call.infno)
            if to is None:
                return NeverSent(reason="config", retryable=False, detail="no path")
            headers, body = self._parts.scheme.fixed, call.body
            if headers is None:
                signed = await self._sign(call)
                headers, body = signed.headers, signed.body
            wire = Wire(
                target=to,
                headers=headers,
                body=body,
                connect_s=self._parts.connect_s,
                pool_s=call.deadline_s * WAIT_SHARE,
                line=line,
            )
            answer = await self._exchange(wire)
        except TransportFault as fault:
            return _stopped(line, fault.reason, fault.detail)
        except Exception as error:  # noqa: BLE001 - the port never raises; where it stopped still holds
            return _stopped(line, "driver_fault", type(error).__name__)
        return Answered(
            http_status=answer.status, content_type=answer.content_type, body=answer.body
        )

    def _target(self, infno: str) -> Target | None:
        """Worked out once; infnos are bounded by the catalogue."""
        url = self._parts.address_of(infno)
        if url is None:
            return None
        found = self._targets[infno] = target(url)
        return found

    async def _sign(self, call: GatewayCall) -> Signed:
        draft = Draft(
            infno=call.infno,
            body=call.body,
            now_ms=self._parts.clock.now_ms(),
            nonce=self._parts.nonce(),
        )
        return await self._parts.scheme.sign(draft)


def _stopped(line: Line, reason: str, detail: str) -> NeverSent | MaybeSent:
    if line.crossed:
        return MaybeSent(reason=reason, detail=detail)
    return NeverSent(reason=reason, retryable=reason not in HOPELESS, detail=detail)


def _too_late(line: Line) -> NeverSent | MaybeSent:
    if line.crossed:
        return MaybeSent(reason="read_timeout")
    if line.phase is Phase.CONNECTING:
        return NeverSent(reason="connect_timeout", detail="deadline")
    return NeverSent(reason="deadline")
