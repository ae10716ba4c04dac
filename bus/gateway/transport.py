"""The gateway's transport: one request in, one whole answer out, raw asyncio sockets between.

The driver hands in bytes (``exchange``); whoever holds an httpx request uses the httpx seam.

A LIFO stack of idle connections per origin; any cancel, time-out or protocol error aborts the
connection; nothing is ever sent twice. There is no proxy and no environment variable that could
bring one in. Why it exists: decision 0004.
"""

import asyncio
import ssl
from collections import deque

import httpx

from bus.gateway.connection import AnswerLimits, Connection
from bus.gateway.limits import NoSlotError, Slots
from bus.gateway.line import Line, TransportFault, connect_fault, line_of
from bus.gateway.wire import Origin, RawAnswer, Wire, header_lines, origin_of

WAITERS_MAX = 8192
"""Calls that may wait for a connection: above the sum of all prefetches of a worker, so it is hit
only when something is wrong; then the call is refused unsent instead of eating memory."""


class HttptoolsTransport(httpx.AsyncBaseTransport):
    """One request, one connection, one whole answer.

    Raises ``TransportFault`` only (and ``CancelledError``). Time-outs in
    ``request.extensions["timeout"]``: ``connect`` (DNS, TCP, TLS) and ``pool`` (waiting for one of
    ``connections_max``), both in seconds. The overall deadline is the caller's.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None,
        limits: AnswerLimits,
        connections_max: int,
        keepalive_s: float,
    ) -> None:
        self._ssl_context = ssl_context
        self._limits = limits
        self._keepalive_s = keepalive_s
        self._slots = Slots(connections_max, WAITERS_MAX)
        self._idle: dict[Origin, deque[Connection]] = {}
        self._closed = False

    async def exchange(self, wire: Wire) -> RawAnswer:
        """See ``bus.gateway.wire.Exchanger``."""
        payload = wire.payload()
        if not self._slots.take_now():
            await take_slot(self._slots, wire.pool_s)
        try:
            return await self._exchange(wire.target.origin, payload, wire.line, wire.connect_s)
        finally:
            self._slots.give_back()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        line = line_of(request)
        timeouts = request.extensions.get("timeout") or {}
        payload = _head(request) + await request.aread()
        origin = origin_of(request.url)
        await take_slot(self._slots, timeouts.get("pool"))
        try:
            answer = await self._exchange(origin, payload, line, timeouts.get("connect"))
        finally:
            self._slots.give_back()
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(answer.body),
            request=request,
        )

    async def aclose(self) -> None:
        self._closed = True
        for stack in self._idle.values():
            for connection in stack:
                connection.close()
            stack.clear()
        await asyncio.sleep(0)  # let the loop carry the closes out

    async def _exchange(
        self, origin: Origin, payload: bytes, line: Line, connect_s: float | None
    ) -> RawAnswer:
        connection = self._from_stack(origin)
        if connection is None:
            line.connecting()
            connection = await self._connect(origin, connect_s)
        try:
            line.cross()
            answer = await connection.begin(payload)
        except BaseException:
            connection.abort()  # what the far side made of it is unknown
            raise
        self._put_back(origin, connection)
        return answer

    def _from_stack(self, origin: Origin) -> Connection | None:
        stack = self._idle.get(origin)
        if not stack:
            return None
        now = asyncio.get_running_loop().time()
        while stack:
            connection = stack.pop()
            fresh = now - connection.idle_since < connection.idle_s_max
            if fresh and connection.open and connection.silent():
                return connection
            connection.close()
        return None

    def _put_back(self, origin: Origin, connection: Connection) -> None:
        if self._closed or not connection.reusable:
            connection.abort()
            return
        hint_s = connection.keep_alive_hint_s()
        now = asyncio.get_running_loop().time()
        connection.idle_since = now
        connection.idle_s_max = self._keepalive_s
        if hint_s is not None:  # one second for the way of the server's close
            connection.idle_s_max = min(self._keepalive_s, hint_s - 1.0)
        stack = self._idle.setdefault(origin, deque())
        stack.append(connection)
        while now - stack[0].idle_since >= self._keepalive_s:
            stack.popleft().close()

    async def _connect(self, origin: Origin, connect_s: float | None) -> Connection:
        """A connection with nothing on it yet, TLS handshake done."""
        connection = await self._dial(origin, connect_s)
        # A TLS 1.3 server may speak first (session tickets), a plain one may not.
        if connection.open and (origin[0] == "https" or connection.silent()):
            return connection
        connection.abort()
        raise TransportFault("connect_failed", "closed before anything was sent")

    async def _dial(self, origin: Origin, connect_s: float | None) -> Connection:
        scheme, host, port = origin
        secure = scheme == "https"
        if secure and self._ssl_context is None:
            raise TransportFault("config", "https without an ssl context")
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._limits),
                    host,
                    port,
                    ssl=self._ssl_context if secure else None,
                    server_hostname=host if secure else None,
                )
        except (OSError, TimeoutError, UnicodeError) as error:
            raise connect_fault(error) from None
        return connection


async def take_slot(slots: Slots, wait_s: float | None) -> None:
    """Wait for a connection's slot, at most ``wait_s``; ``TransportFault`` no_slot after that."""
    if slots.take_now():
        return
    try:
        async with asyncio.timeout(wait_s):
            await slots.take()
    except (NoSlotError, TimeoutError):
        raise TransportFault("no_slot", "connections") from None


def _head(request: httpx.Request) -> bytes:
    """Request line and headers."""
    first = b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)
    return b"%b%b\r\n" % (first, header_lines(tuple(request.headers.raw)))
