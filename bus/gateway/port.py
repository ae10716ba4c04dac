"""The gateway port: envelope bytes in; answered, never sent, or maybe sent out.

The one question of every outcome is *can the centre have acted?* So the outcomes are three types,
never one exception: ``NeverSent`` is certain (no byte of the request left this process),
``MaybeSent`` is everything between the first byte and a whole answer, ``Answered`` is a whole HTTP
answer, whatever its status says.
"""

from typing import Protocol

import msgspec


class GatewayCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call: the exact bytes to send and the limits that hold for it."""

    tenant: str
    infno: str
    msgid: str
    body: bytes
    deadline_s: float
    """Overall limit from now to the whole answer, connecting and queueing included."""
    probe_ok: bool = False
    """Whether this call may be the one that tries a paused address: only if losing it does no harm
    (effect ``query``)."""

    def __repr__(self) -> str:
        return f"GatewayCall({self.infno} {self.msgid}, {len(self.body)} bytes)"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A whole HTTP answer. What it means is decided by ``bus.gateway.answer``."""

    http_status: int
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"Answered({self.http_status}, {len(self.body)} bytes)"


class NeverSent(msgspec.Struct, frozen=True, kw_only=True):
    """No byte left. ``reason`` is a slug: connect_refused, connect_timeout, connect_failed, dns,
    tls, breaker_open, no_slot, deadline, config, driver_fault. ``retryable`` says whether another
    try soon may succeed. ``detail`` names an exception type or a limit, never far-side text."""

    reason: str
    retryable: bool = True
    detail: str = ""


class MaybeSent(msgspec.Struct, frozen=True, kw_only=True):
    """At least one byte may have left and no whole answer came back. ``reason`` is a slug:
    read_timeout, connection_lost, half_answer, answer_too_large, bad_http, cancelled,
    driver_fault."""

    reason: str
    detail: str = ""


Outcome = Answered | NeverSent | MaybeSent


class Gateway(Protocol):
    """A driver for one centre address.

    ``call`` never raises for anything the far side or the network does; it never sends a request
    twice; when its task is cancelled the connection is aborted and ``CancelledError`` propagates.
    """

    async def call(self, call: GatewayCall) -> Outcome:
        """Send once and report where it stopped."""
        ...

    async def close(self) -> None:
        """Drop idle connections; calls under way are not waited for."""
        ...
