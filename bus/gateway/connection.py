"""One HTTP/1.1 connection: bytes of one request out, one whole answer in, parsed by llhttp.

A connection carries one request at a time and is reused only after a whole answer that left
nothing behind. Everything else aborts it.
"""

import asyncio
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import cast

import httptools
import msgspec

from bus.gateway.line import TransportFault
from bus.gateway.wire import RawAnswer

TCP_IDLE_S = 30
"""Idle seconds before TCP keep-alive probes: a firewall between hospital and centre drops silent
connections (often after 60 s) while the centre may take 600 s to answer."""
NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""SO_LINGER of a socket whose close throws away what has not arrived. Without it the kernel goes on
delivering a request for minutes after we gave up on it: the centre could then commit it later than
anybody reckons with."""


class AnswerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer may weigh. Beyond it the connection is aborted and the fault is
    ``answer_too_large``."""

    body_bytes_max: int
    head_bytes_max: int = 65_536
    """Status line and headers: 8 times what common servers send at most."""

    @property
    def wire_bytes_max(self) -> int:
        """Body, head, chunk framing and trailers; an honest chunked answer needs far less."""
        return 2 * self.body_bytes_max + 2 * self.head_bytes_max


class _TooLargeError(Exception):
    """Ends the parser from inside a callback."""


class Connection(asyncio.Protocol):
    """The protocol of one socket. The pool keeps it, ``begin`` uses it."""

    idle_since = 0.0
    """Loop time since when it waits in the pool."""
    idle_s_max = 0.0
    """How long it may wait there: ours, or less when the server announced less."""

    def __init__(self, limits: AnswerLimits) -> None:
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[RawAnswer] | None = None
        self._polite = True
        self._has_data: Callable[[], bool] | None = None
        self._reset()

    def _reset(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._wire_bytes = 0
        self._head_bytes = 0
        self._body_bytes = 0
        self._headers_done = False
        self._framed = False
        self._keep_alive = False

    # --- asyncio.Protocol -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        self._has_data = _watch(sock.fileno()) if sock is not None else None
        if sock is not None and hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, TCP_IDLE_S)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()  # bytes nobody asked for
            return
        self._wire_bytes += len(data)
        if self._wire_bytes > self._limits.wire_bytes_max:
            self._fail("answer_too_large")
            return
        try:
            self._parser.feed_data(data)
            if not self._headers_done and self._wire_bytes > self._limits.head_bytes_max:
                self._fail("answer_too_large")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            large = isinstance(error.__context__, _TooLargeError)
            self._fail("answer_too_large" if large else "bad_http")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is None:
            return
        if exc is None and self._headers_done and not self._framed:
            self.on_message_complete()  # delimited by the close
        else:
            self._fail("half_answer" if self._wire_bytes else "connection_lost", exc)

    # --- llhttp -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._waiter is None:
            self._polite = False  # a second answer behind the first

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.head_bytes_max:
            raise _TooLargeError
        if not self._headers_done:  # trailers are counted, not kept
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._headers_done = True
        for name, value in self._headers:
            if name == b"content-length":
                self._framed = True
                if value.isdigit() and int(value) > self._limits.body_bytes_max:
                    raise _TooLargeError
            elif name == b"transfer-encoding":
                self._framed = True

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self._limits.body_bytes_max:
            raise _TooLargeError
        self._body.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # interim answer: the real one follows on the same parser
            self._headers = []
            self._headers_done = self._framed = False
            return
        self._keep_alive = self._parser.should_keep_alive()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            answer = RawAnswer(status=status, headers=self._headers, body=b"".join(self._body))
            waiter.set_result(answer)

    # --- the pool's side --------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether the loop still believes in it."""
        return self._transport is not None and not self._transport.is_closing()

    def silent(self) -> bool:
        """Whether the socket has nothing to read: no end of file, no bytes nobody asked for.

        Closes most of the gap between the peer's close and the loop hearing of it.
        """
        # Only while the transport is there: its file descriptor is ours as long.
        return self._transport is not None and self._has_data is not None and not self._has_data()

    def begin(self, payload: bytes) -> "asyncio.Future[RawAnswer]":
        """Hand the request to the socket; the future is the whole answer or ``TransportFault``."""
        if self._transport is None or self._waiter is not None:
            raise TransportFault("driver_fault", "the connection is closed or in use")
        self._reset()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(payload)
        return self._waiter

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: whole answer, whole request, nothing left over."""
        return (
            self._waiter is None
            and self._polite
            and self._keep_alive
            and self._transport is not None
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    def keep_alive_hint_s(self) -> float | None:
        """Seconds the server said it keeps an idle connection (``Keep-Alive: timeout=5``)."""
        for name, value in self._headers:
            if name == b"keep-alive":
                _, _, seconds = value.partition(b"timeout=")
                digits = seconds.split(b",", 1)[0].strip()
                return float(digits) if digits.isdigit() and len(digits) <= 6 else None
        return None

    def abort(self) -> None:
        """Drop it at once, unsent bytes included, also those the kernel has already."""
        waiter, self._waiter = self._waiter, None
        if self._transport is None:
            return
        if waiter is not None:
            waiter.cancel()
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._transport.abort()

    def close(self) -> None:
        """End an idle connection politely."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, reason: str, exc: Exception | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(TransportFault(reason, type(exc).__name__ if exc else ""))
        self.abort()


def _watch(fd: int) -> Callable[[], bool]:
    """A question to ask often: has this socket something to read?"""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLPRI)
    return lambda: bool(poll.poll(0))
