"""The ``http`` driver: one call out, one of three outcomes back, decided by where it stopped."""

from collections.abc import Callable
from secrets import token_hex
from typing import cast

import httpx
import msgspec

from bus.clock import Clock
from bus.gateway.addresses import AddressOf
from bus.gateway.breaker import Pass
from bus.gateway.guard import WAIT_SHARE, GatewayHealth, Guard, NotAdmittedError
from bus.gateway.line import EXTENSION, Line, Phase, TransportFault
from bus.gateway.port import Answered, GatewayCall, MaybeSent, NeverSent, Outcome
from bus.gateway.signing import Draft, Scheme, Signed

HEADERS = (
    (b"content-type", b"application/json;charset=UTF-8"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"yibao-bus"),
)
"""The same for every call. No compression: the size limit is one of bytes on the wire."""

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
        try:
            async with self._parts.guard.turn(call) as flight.way:
                return await self._send(call, flight.line)
        except NotAdmittedError as refusal:
            return refusal.outcome

    async def _send(self, call: GatewayCall, line: Line) -> Outcome:
        try:
            url = self._parts.address_of(call.infno)
            if url is None:
                return NeverSent(reason="config", retryable=False, detail="no path")
            signed = await self._sign(call)
            request = self._request(url, signed, call.deadline_s, line)
            return await self._exchange(request)
        except TransportFault as fault:
            return _stopped(line, fault.reason, fault.detail)
        except Exception as error:  # noqa: BLE001 - the port never raises; where it stopped still holds
            return _stopped(line, "driver_fault", type(error).__name__)

    async def _sign(self, call: GatewayCall) -> Signed:
        draft = Draft(
            infno=call.infno,
            body=call.body,
            now_ms=self._parts.clock.now_ms(),
            nonce=self._parts.nonce(),
        )
        return await self._parts.scheme.sign(draft)

    def _request(
        self, url: httpx.URL, signed: Signed, deadline_s: float, line: Line
    ) -> httpx.Request:
        headers = [
            (b"host", url.netloc),
            *HEADERS,
            *signed.headers,
            (b"content-length", b"%d" % len(signed.body)),
        ]
        timeout = {"connect": self._parts.connect_s, "pool": deadline_s * WAIT_SHARE}
        return httpx.Request(
            "POST",
            url,
            headers=headers,
            stream=httpx.ByteStream(signed.body),
            extensions={"timeout": timeout, EXTENSION: line},
        )

    async def _exchange(self, request: httpx.Request) -> Answered:
        response = await self._parts.transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        body = b"".join([part async for part in stream])  # as sent: nothing decoded behind us
        return Answered(
            http_status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=body,
        )


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
