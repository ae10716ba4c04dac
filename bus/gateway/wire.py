"""One request as the driver hands it to a transport, and the seam between the two.

A transport that offers ``exchange`` itself is used directly: httpx's request and response objects
cost more than everything else the driver does. Any other httpx transport is used through
``OverHttpx``.
"""

from typing import Protocol, cast, runtime_checkable

import httpx
import msgspec

from bus.gateway.line import EXTENSION, Line, TransportFault

Headers = tuple[tuple[bytes, bytes], ...]
Origin = tuple[str, str, int]

HEADERS: Headers = (
    (b"content-type", b"application/json;charset=UTF-8"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"yibao-bus"),
)
"""The same for every call. No compression: the size limit is one of bytes on the wire."""


class RawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: status, headers with names in lower case, body without its framing."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def content_type(self) -> str:
        """Empty when the answer names none."""
        named = [value for name, value in self.headers if name == b"content-type"]
        return b", ".join(named).decode("latin-1")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An address with what is the same in every request to it."""

    url: httpx.URL
    origin: Origin
    head: bytes
    """Request line and constant headers, each with its line end."""


def target(url: httpx.URL) -> Target:
    """Worked out once per address."""
    first = (b"host", url.netloc), *HEADERS
    head = b"POST %b HTTP/1.1\r\n%b" % (url.raw_path, header_lines(first))
    return Target(url=url, origin=origin_of(url), head=head)


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One request, its limits in seconds (``pool_s``: waiting for a connection), and the line it
    moves on."""

    target: Target
    headers: Headers
    """What signing added."""
    body: bytes
    connect_s: float
    pool_s: float
    line: Line

    def payload(self) -> bytes:
        """The exact bytes of an HTTP/1.1 request."""
        more = header_lines(self.headers) if self.headers else b""
        head = self.target.head
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, more, len(self.body), self.body)


def header_lines(headers: Headers) -> bytes:
    """Headers, each with its line end. A line break inside one would forge another: refused."""
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise TransportFault("config", "a header holds a line break")
    return lines


def origin_of(url: httpx.URL) -> Origin:
    """Scheme, host and port: what a connection can be shared for."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


@runtime_checkable
class Exchanger(Protocol):
    """A transport as the driver sees it."""

    async def exchange(self, wire: Wire) -> RawAnswer:
        """One request, one whole answer, nothing sent twice. ``TransportFault`` only, and
        ``CancelledError``."""
        ...


class OverHttpx:
    """Any httpx transport as an ``Exchanger``."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def exchange(self, wire: Wire) -> RawAnswer:
        url = wire.target.url
        headers = [(b"host", url.netloc), *HEADERS, *wire.headers]
        request = httpx.Request(
            "POST",
            url,
            headers=[*headers, (b"content-length", b"%d" % len(wire.body))],
            stream=httpx.ByteStream(wire.body),
            extensions={
                "timeout": {"connect": wire.connect_s, "pool": wire.pool_s},
                EXTENSION: wire.line,
            },
        )
        response = await self._transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        body = b"".join([part async for part in stream])  # as sent: nothing decoded behind us
        named = [(name.lower(), value) for name, value in response.headers.raw]
        return RawAnswer(status=response.status_code, headers=named, body=body)


def exchanger(transport: httpx.AsyncBaseTransport) -> Exchanger:
    """How the driver talks to this transport."""
    return transport if isinstance(transport, Exchanger) else OverHttpx(transport)
