"""The second transport: httpx-aiohttp, kept as fallback and as second opinion in the fault suite.

Its exceptions do not tell where a call stopped, so they are not used for that: aiohttp's own trace
signals move the line. The line is drawn when a connection is handed to the request, a little before
the first byte: conservative.
"""

import socket
import ssl
from contextvars import ContextVar
from types import SimpleNamespace

import aiohttp
import httpx
from aiohttp.connector import AddrInfoType
from httpx_aiohttp import AiohttpTransport

from bus.gateway.connection import NO_LINGER, AnswerLimits
from bus.gateway.limits import Slots
from bus.gateway.line import Line, TransportFault, connect_fault, line_of
from bus.gateway.transport import WAITERS_MAX, take_slot

_current_line: ContextVar[Line | None] = ContextVar("gateway_line", default=None)


class TracedAiohttpTransport(httpx.AsyncBaseTransport):
    """Same contract as ``HttptoolsTransport``; the answer is read whole inside the call."""

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None,
        limits: AnswerLimits,
        connections_max: int,
        keepalive_s: float,
    ) -> None:
        self._limits = limits
        self._ssl_context = ssl_context
        self._connections_max = connections_max
        self._keepalive_s = keepalive_s
        self._slots = Slots(connections_max, WAITERS_MAX)
        self._inner = AiohttpTransport(
            verify=ssl_context or ssl.create_default_context(),
            trust_env=False,
            client=self._session,
        )

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._connections_max,
            limit_per_host=0,
            ssl=self._ssl_context or True,
            keepalive_timeout=self._keepalive_s,
            use_dns_cache=False,
            happy_eyeballs_delay=None,
            socket_factory=_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=self._limits.head_bytes_max,
            max_field_size=self._limits.head_bytes_max,
            trace_configs=[_trace()],
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions.get("timeout") or {}
        await take_slot(self._slots, timeouts.get("pool"))
        try:
            # aiohttp bounds DNS by the limit that httpx calls "pool": its own queue is never used.
            connect_s = timeouts.get("connect")
            request.extensions["timeout"] = {"connect": connect_s, "pool": connect_s}
            return await self._exchange(request, line_of(request))
        finally:
            self._slots.give_back()

    async def _exchange(self, request: httpx.Request, line: Line) -> httpx.Response:
        token = _current_line.set(line)
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _fault(error, line) from None
        finally:
            _current_line.reset(token)
        try:
            body = await self._read(response)
        except TransportFault:
            raise
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise TransportFault("half_answer", type(error).__name__) from None
        finally:
            await response.aclose()
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=httpx.ByteStream(body),
            request=request,
        )

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code < 200:
            raise TransportFault("bad_http")
        parts: list[bytes] = []
        body_bytes = 0
        async for part in response.aiter_raw():
            body_bytes += len(part)
            if body_bytes > self._limits.body_bytes_max:
                raise TransportFault("answer_too_large")
            parts.append(part)
        return b"".join(parts)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _socket(address: AddrInfoType) -> socket.socket:
    """Its close throws away what has not arrived: the library does not tell us when it gives up."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    return made


def _trace() -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()
    config.on_connection_create_start.append(_connecting)
    config.on_connection_create_end.append(_crossing)
    config.on_connection_reuseconn.append(_crossing)
    return config


async def _connecting(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object
) -> None:
    line = _current_line.get()
    if line is not None:
        line.connecting()


async def _crossing(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object
) -> None:
    line = _current_line.get()
    if line is not None:
        line.cross()


def _fault(error: Exception, line: Line) -> TransportFault:
    if not line.crossed:
        if isinstance(error, ValueError):
            return TransportFault("config", type(error).__name__)
        return connect_fault(error)
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return TransportFault("bad_http", type(error).__name__)
    return TransportFault("connection_lost", type(error).__name__)
