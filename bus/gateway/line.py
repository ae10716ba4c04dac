"""The line of no return: how far one call got, seen from the place that hands bytes to the socket.

An exception cannot tell whether the centre may have acted (aiohttp's transport maps "server
disconnected after the request" to a connect time-out). A ``Line`` can: it travels with the request
(``request.extensions["line"]``) and the transport moves it on, immediately before the act.
"""

import socket
import ssl
from enum import IntEnum

import httpx

from bus.tls import advice

EXTENSION = "line"
"""Key of the ``Line`` in ``httpx.Request.extensions``."""

CHAIN_MAX = 8
"""Causes looked at in one exception; real chains have three."""


class Phase(IntEnum):
    """How far a call got. Only ``SENT`` lies beyond the line."""

    QUEUED = 0
    CONNECTING = 1
    SENT = 2


class Line:
    """One per call. It never moves back from ``SENT``."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase = Phase.QUEUED

    def connecting(self) -> None:
        """A connection is being set up (DNS, TCP, TLS); nothing of the request has left."""
        self.phase = max(self.phase, Phase.CONNECTING)

    def cross(self) -> None:
        """The next statement hands the first byte to the socket."""
        self.phase = Phase.SENT

    @property
    def crossed(self) -> bool:
        """Whether a byte of the request may have left this process."""
        return self.phase is Phase.SENT


def line_of(request: httpx.Request) -> Line:
    """The request's line; a request without one gets one, so that a transport needs no branch."""
    line = request.extensions.get(EXTENSION)
    if isinstance(line, Line):
        return line
    line = Line()
    request.extensions[EXTENSION] = line
    return line


class TransportFault(httpx.TransportError):
    """What a transport of ours raises: a slug of ``bus.gateway.port``, and the name of the cause or
    what to do about it.

    Never holds text of the far side.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def connect_fault(error: BaseException) -> TransportFault:
    """Why a connection could not be set up, from an exception and its causes.

    Slugs: dns, tls, connect_refused, connect_timeout, connect_failed (unreachable, reset, ...).
    """
    cause: BaseException | None = error
    reason = ""
    for _ in range(CHAIN_MAX):
        if cause is None:
            break
        reason = _connect_reason(cause) or reason
        cause = cause.__cause__ or cause.__context__
    return TransportFault(reason or "connect_failed", advice(error) or type(error).__name__)


def _connect_reason(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, ConnectionRefusedError):
        return "connect_refused"
    if isinstance(error, TimeoutError):
        return "connect_timeout"
    return ""
