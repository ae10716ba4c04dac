"""A small AMQP 0-9-1 client on a raw asyncio protocol: the load generator's side of the job.

It knows what the load needs (one channel, confirms, publish, consume, ack) and collects everything
that goes out during one turn of the loop into one write, so that a request and its reply cost it
tens of microseconds and the machine's cores belong to the workers measured. It is no product: no
recovery, no heartbeats, no decoding of tables. Class and method numbers are those of the standard
(AMQP 0-9-1, section 1.2 of the generated reference).
"""

import asyncio
import struct
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

FRAME_METHOD, FRAME_HEADER, FRAME_BODY = 1, 2, 3
FRAME_BYTES_MAX = 131_072
FRAME_END = b"\xce"
CHANNEL = 1

CONNECTION, CHANNEL_CLASS, EXCHANGE, QUEUE, BASIC, CONFIRM = 10, 20, 40, 50, 60, 85

_frame_head = struct.Struct(">BHI")
_method = struct.Struct(">HH")

PROPERTY_BITS = {
    "content_type": 15,
    "headers": 13,
    "delivery_mode": 12,
    "correlation_id": 10,
    "reply_to": 9,
    "message_id": 7,
    "type": 5,
    "user_id": 4,
}
"""The properties the load uses, in the order of the wire."""


class ClosedError(ConnectionError):
    """The broker closed the channel or the connection; the text is the broker's own."""


def short(text: str) -> bytes:
    """A short string: one octet of length, then UTF-8."""
    raw = text.encode()
    return bytes((len(raw),)) + raw


def long(raw: bytes) -> bytes:
    """A long string: four octets of length, then the bytes."""
    return struct.pack(">I", len(raw)) + raw


def table(items: dict[str, object]) -> bytes:
    """A field table of booleans, integers, texts and tables."""
    out = b""
    for name, value in items.items():
        out += short(name)
        if isinstance(value, bool):
            out += b"t" + bytes((value,))
        elif isinstance(value, int):
            out += b"l" + struct.pack(">q", value)
        elif isinstance(value, dict):
            out += b"F" + table(value)
        else:
            out += b"S" + long(str(value).encode())
    return long(out)


def properties(**given: object) -> bytes:
    """Flags and values of a content header; names are those of ``PROPERTY_BITS``."""
    flags, out = 0, b""
    for name, bit in PROPERTY_BITS.items():
        value = given.get(name)
        if value is None:
            continue
        flags |= 1 << bit
        if isinstance(value, dict):
            out += table(value)
        elif isinstance(value, int):
            out += bytes((value,))
        else:
            out += short(str(value))
    return struct.pack(">H", flags) + out


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """One frame."""
    return _frame_head.pack(kind, channel, len(payload)) + payload + FRAME_END


def publish_start(exchange: str, routing_key: str) -> bytes:
    """The method frame of a mandatory ``basic.publish``; the same for every message of a load."""
    args = b"\0\0" + short(exchange) + short(routing_key) + b"\x01"
    return frame(FRAME_METHOD, CHANNEL, _method.pack(BASIC, 40) + args)


def content(props: bytes, body: bytes) -> bytes:
    """Header and body frames of one message; the body must fit into one frame."""
    head = struct.pack(">HHQ", BASIC, 0, len(body)) + props
    return frame(FRAME_HEADER, CHANNEL, head) + frame(FRAME_BODY, CHANNEL, body)


def correlation_id(header: bytes) -> bytes:
    """The correlation id in a content header's payload, empty when there is none."""
    flags, at = int.from_bytes(header[12:14], "big"), 14
    for bit in (15, 14):  # content type, content encoding
        if flags >> bit & 1:
            at += 1 + header[at]
    if flags >> 13 & 1:
        at += 4 + int.from_bytes(header[at : at + 4], "big")
    at += (flags >> 12 & 1) + (flags >> 11 & 1)  # delivery mode, priority
    if not flags >> 10 & 1:
        return b""
    return header[at + 1 : at + 1 + header[at]]


class Connection(asyncio.Protocol):
    """``await Connection.open(url)``; then declare, consume, publish. Callbacks are plain
    functions: ``on_message(tag, header, body)``, ``on_confirm(count_so_far)``."""

    def __init__(self) -> None:
        self.on_message: Callable[[int, bytes, bytes], None] = lambda _tag, _header, _body: None
        self.confirmed = 0
        self.returned = 0
        self.server = ""
        self.closed: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._in = b""
        self._out: list[bytes] = []
        self._waiting: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self._delivery = b""
        self._header = b""
        self._parts: list[bytes] = []
        self._missing = 0
        self._acked = 0
        self._to_ack = 0
        self._single_confirms: set[int] = set()

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """Connect, log in, open channel 1. ``url`` is amqp://user:password@host:port/vhost."""
        at = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, self = await loop.create_connection(cls, at.hostname, at.port or 5672)
        self.write(b"AMQP\x00\x00\x09\x01")
        start = await self._wait(CONNECTION, 10)
        self.server = _version(start)
        login = f"\0{unquote(at.username or '')}\0{unquote(at.password or '')}".encode()
        about = table({"product": "bench", "capabilities": {"publisher_confirms": True}})
        args = about + short("PLAIN") + long(login) + short("en_US")
        await self._call((CONNECTION, 11), args, 30)
        self._send(CONNECTION, 31, struct.pack(">HIH", 2047, FRAME_BYTES_MAX, 0))
        vhost = unquote(at.path[1:]) or "/"
        await self._call((CONNECTION, 40), short(vhost) + b"\0\0", 41)
        await self._call((CHANNEL_CLASS, 10), short(""), 11)
        return self

    # ------------------------------------------------------------------ what the load calls
    def write(self, data: bytes) -> None:
        """Send at the end of this turn of the loop."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def ack(self, tag: int) -> None:
        """Acknowledge this delivery and all before it at the end of this turn."""
        if self._to_ack <= self._acked:
            self._loop.call_soon(self._ack_all)
        self._to_ack = tag

    async def confirm_select(self) -> None:
        """Publisher confirms on; ``confirmed`` counts them."""
        await self._call((CONFIRM, 10), b"\0", 11)

    async def declare_queue(self, name: str) -> None:
        """A durable quorum queue."""
        args = b"\0\0" + short(name) + b"\x02" + table({"x-queue-type": "quorum"})
        await self._call((QUEUE, 10), args, 11)

    async def consumers(self, name: str) -> int:
        """How many consumers the queue has; ``ClosedError`` when there is no such queue."""
        answer = await self._call((QUEUE, 10), b"\0\0" + short(name) + b"\x01" + table({}), 11)
        return int.from_bytes(answer[-4:], "big")

    async def purge(self, name: str) -> None:
        """Empty the queue of what is not delivered."""
        await self._call((QUEUE, 30), b"\0\0" + short(name) + b"\0", 31)

    async def consume(self, name: str) -> None:
        """Consume with acknowledgements and no prefetch limit."""
        args = b"\0\0" + short(name) + short("") + b"\0" + table({})
        await self._call((BASIC, 20), args, 21)

    async def close(self) -> None:
        """An orderly close, bounded."""
        if self.closed is None and self._transport is not None:
            try:
                async with asyncio.timeout(2):
                    await self._call((CONNECTION, 50), b"\0\xc8" + short("") + b"\0\0\0\0", 51)
            except (TimeoutError, ConnectionError):
                pass
            self._transport.close()

    # ------------------------------------------------------------------ asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # always a stream transport here

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ClosedError("connection closed"))

    def data_received(self, data: bytes) -> None:
        buffer = self._in + data if self._in else data
        at, size = 0, len(buffer)
        while size - at >= 8:
            kind, _, length = _frame_head.unpack_from(buffer, at)
            end = at + 7 + length
            if end >= size:
                break
            self._on_frame(kind, buffer[at + 7 : end])
            at = end + 1
        self._in = buffer[at:]

    # ------------------------------------------------------------------ inside
    def _on_frame(self, kind: int, payload: bytes) -> None:
        if kind == FRAME_METHOD:
            self._on_method(payload)
        elif kind == FRAME_HEADER:
            self._header, self._parts = payload, []
            self._missing = int.from_bytes(payload[4:12], "big")
            if not self._missing:
                self._delivered()
        elif kind == FRAME_BODY:
            self._parts.append(payload)
            self._missing -= len(payload)
            if not self._missing:
                self._delivered()

    def _on_method(self, payload: bytes) -> None:
        method = _method.unpack_from(payload)
        if method == (BASIC, 60):
            self._delivery = payload
        elif method == (BASIC, 50):
            self._delivery = b""
            self.returned += 1
        elif method == (BASIC, 80):
            self._confirm(int.from_bytes(payload[4:12], "big"), multiple=bool(payload[12] & 1))
        elif method in {(CONNECTION, 50), (CHANNEL_CLASS, 40), (BASIC, 120)}:
            self._fail(ClosedError(repr(payload[4:204])))
        else:
            waiting = self._waiting.pop(method, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(payload[4:])

    def _delivered(self) -> None:
        if not self._delivery:  # a returned message
            return
        at = 5 + self._delivery[4]
        tag = int.from_bytes(self._delivery[at : at + 8], "big")
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self.on_message(tag, self._header, body)

    def _confirm(self, tag: int, *, multiple: bool) -> None:
        # Confirms come single or as "all up to"; a count is enough here.
        if multiple:
            self.confirmed = max(self.confirmed, tag)
            self._single_confirms = {one for one in self._single_confirms if one > self.confirmed}
        else:
            self._single_confirms.add(tag)
        while self.confirmed + 1 in self._single_confirms:
            self.confirmed += 1
            self._single_confirms.remove(self.confirmed)

    def _send(self, class_id: int, method_id: int, args: bytes) -> None:
        channel = 0 if class_id == CONNECTION else CHANNEL
        self.write(frame(FRAME_METHOD, channel, _method.pack(class_id, method_id) + args))

    async def _call(self, method: tuple[int, int], args: bytes, answer: int) -> bytes:
        self._send(*method, args)
        return await self._wait(method[0], answer)

    async def _wait(self, class_id: int, method_id: int) -> bytes:
        if self.closed is not None:
            raise self.closed
        waiting = self._waiting[class_id, method_id] = self._loop.create_future()
        async with asyncio.timeout(30):
            return await waiting

    def _ack_all(self) -> None:
        self._acked = self._to_ack
        args = self._acked.to_bytes(8, "big") + b"\x01"
        self._send(BASIC, 80, args)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _fail(self, reason: Exception) -> None:
        self.closed = self.closed or reason
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self.closed)
        self._waiting.clear()


def _version(start: bytes) -> str:
    """The broker's version out of ``connection.start``'s server properties."""
    mark = start.find(b"\x07versionS")
    if mark < 0:
        return "unknown"
    at = mark + 9
    length = int.from_bytes(start[at : at + 4], "big")
    return start[at + 4 : at + 4 + length].decode(errors="replace")
