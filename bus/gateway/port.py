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


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A whole HTTP answer. What it means is decided by ``bus.gateway.answer``."""

    http_status: int
    content_type: str
    body: bytes


class NeverSent(msgspec.Struct, frozen=True, kw_only=True):
    """No byte left. ``reason`` is a slug: connect_refused, connect_timeout, dns, tls, breaker_open,
    no_slot, deadline, config. ``retryable`` says whether another try soon may succeed."""

    reason: str
    retryable: bool = True
    detail: str = ""


class MaybeSent(msgspec.Struct, frozen=True, kw_only=True):
    """At least one byte may have left and no whole answer came back. ``reason`` is a slug:
    read_timeout, connection_lost, half_answer, answer_too_large, bad_http, cancelled."""

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
