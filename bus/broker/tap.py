"""The transport under the client library, where the hot frames are taken out and put in.

The library does the handshake, heartbeats, channels and declarations. Deliveries, confirms and
returned messages of our own channels are read here and never reach its decoder; publishes and
acknowledgements are written here, all of one loop turn in one write. Only the library's public
transport seam is used (decision 0003).
"""

import asyncio
import struct
import sys
from collections.abc import Callable
from typing import Any

from aiormq.connection import TransportFactory
from yarl import URL

from bus.broker.received import DELIVER, GET_OK, RETURN

ACK = b"\x00\x3c\x00\x50"
NACK = b"\x00\x3c\x00\x78"
GET_EMPTY = b"\x00\x3c\x00\x48"
CANCEL = b"\x00\x3c\x00\x1e"

_WITH_CONTENT = frozenset((DELIVER, RETURN, GET_OK))
_ALONE = frozenset((ACK, NACK, GET_EMPTY))
_HEAD = struct.Struct(">BHI")
_METHOD, _HEADER = 1, 2
_HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
_ALIVE_S = 2.0
"""The broker sends no heartbeats while it sends messages, and the library does not see those: it is
told that often that the connection is alive."""

Arrived = Callable[[bytes, bytes, bytes], None]
"""Called with method payload, content header and body (both empty for a method alone)."""


class Inlet:
    """The hot frames of one channel, put together. Of a body beyond ``body_bytes_max`` (0: no
    bound) not more than one frame more is kept: whoever gets it sees that it is too large."""

    __slots__ = ("_arrived", "_header", "_left", "_method", "_parts", "_room", "_room_max")

    def __init__(self, arrived: Arrived, body_bytes_max: int = 0) -> None:
        self._arrived = arrived
        self._room_max = self._room = body_bytes_max or sys.maxsize
        self._method = b""
        self._header = b""
        self._left = 0
        self._parts: list[bytes] = []

    def take(self, kind: int, payload: bytes) -> bool:
        """Whether the frame was ours; if not it belongs to the library."""
        if kind == _METHOD:
            index = payload[:4]
            if index in _WITH_CONTENT:
                self._method = payload
                return True
            if index in _ALONE or index == CANCEL:
                self._arrived(payload, b"", b"")
            return index in _ALONE
        if not self._method:
            return False
        if kind == _HEADER:
            self._header = payload
            self._left = int.from_bytes(payload[4:12], "big")
        else:
            if self._room >= 0:
                self._parts.append(payload)
            self._room -= len(payload)
            self._left -= len(payload)
        if self._left <= 0:
            method, body = self._method, b"".join(self._parts)
            self._method = b""
            self._parts.clear()
            self._room = self._room_max
            self._arrived(method, self._header, body)
        return True


class Tap(asyncio.StreamReaderProtocol):
    """The protocol of the connection: splits frames between our inlets and the library."""

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.inlets: dict[int, Inlet] = {}
        self._clock = loop.time
        self._schedule = loop.call_soon
        self._rest = b""
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._told_alive = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what arrived."""
        buffer = self._rest + data if self._rest else data
        at, size = 0, len(buffer)
        others = []
        while size - at >= _HEAD.size:
            kind, channel, length = _HEAD.unpack_from(buffer, at)
            end = at + _HEAD.size + length + 1
            if end > size:
                break
            inlet = self.inlets.get(channel)
            if inlet is None or not inlet.take(kind, buffer[at + _HEAD.size : end - 1]):
                others.append(buffer[at:end])
            at = end
        self._rest = buffer[at:]
        now = self._clock()
        if not others and self.inlets and now - self._told_alive > _ALIVE_S:
            self._told_alive = now
            others.append(_HEARTBEAT)
        if others:
            super().data_received(b"".join(others))

    def write(self, frames: bytes) -> None:
        """Send whole frames at the end of this turn of the loop, in one piece with all others."""
        if not self._out:
            self._schedule(self.flush)
        self._out.append(frames)

    def flush(self) -> None:
        """Send what was written now."""
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()


class TapFactory(TransportFactory):
    """Gives the library a connection with our tap in it; ``tap`` is there once connected."""

    def __init__(self) -> None:
        self.tap: Tap | None = None

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Called by the library; see ``aiormq.connection.TransportFactory``."""
        provider = options.pop("ssl_context_provider")
        context = await provider.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        tap = self.tap = Tap(reader, loop)
        transport, _ = await loop.create_connection(
            lambda: tap, url.host or "", url.port or 0, ssl=context, **options
        )
        return reader, asyncio.StreamWriter(transport, tap, reader, loop)
