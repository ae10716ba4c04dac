"""The broker port: confirmed publishing and supervised consuming."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec


class Message(msgspec.Struct, kw_only=True):
    """A message to publish. ``headers`` values are text or integers. ``user_id``, when set, must be
    the broker user of the connection: the broker refuses anything else."""

    body: bytes
    exchange: str = ""
    routing_key: str
    message_id: str = ""
    correlation_id: str = ""
    type: str = ""
    reply_to: str = ""
    user_id: str = ""
    content_type: str = "application/json"
    headers: dict[str, str | int] = msgspec.field(default_factory=dict)
    persistent: bool = True
    mandatory: bool = True


class Delivery(Protocol):
    """One message as delivered. Exactly one of ``ack`` and ``requeue`` is called, once."""

    body: bytes
    exchange: str
    routing_key: str
    message_id: str
    correlation_id: str
    type: str
    reply_to: str
    user_id: str
    expiration: str
    redelivered: bool
    timestamp_s: int
    """When the publisher says it published (seconds since 1970 UTC); 0 when it does not say."""
    headers: dict[str, object]

    def ack(self) -> None:
        """Tell the broker that the message is dealt with. Does not wait; harmless after a lost
        connection."""
        ...

    def requeue(self) -> None:
        """Give the message back to its queue. Does not wait; harmless after a lost connection."""
        ...


class PublishFailedError(Exception):
    """The broker did not confirm: the connection was lost, or the broker refused. The message may
    be there or not."""


class UnroutableError(PublishFailedError):
    """A mandatory message found no queue; the broker has it not."""


Handler = Callable[[Delivery], Awaitable[None]]


class Publisher(Protocol):
    """Publishing half; many publishes may be in flight, confirms are pipelined."""

    async def publish(self, message: Message) -> None:
        """Return when the broker has confirmed; raise ``UnroutableError`` or
        ``PublishFailedError`` otherwise."""
        ...


class Consumers(Protocol):
    """Consuming half. A consumer survives connection loss, cancel by the broker and a vanished
    queue:
    it is brought back without a person."""

    async def consume(self, queue: str, prefetch: int, handler: Handler) -> None:
        """Start (and keep) a consumer of ``queue``; ``handler`` runs as a task per delivery."""
        ...

    async def stop_consuming(self) -> None:
        """Cancel all consumers: no new delivery after it returns; deliveries in hand stay valid."""
        ...

    def missing(self) -> tuple[str, ...]:
        """Queues whose consumer is wanted but not there at this moment."""
        ...
