"""What can be declared on the broker, as values. Everything is durable and nothing deletes
itself."""

import msgspec


class Exchange(msgspec.Struct, frozen=True, kw_only=True, tag="exchange"):
    """An exchange; ``kind`` is topic, direct or fanout. ``alternate`` takes what it cannot
    route."""

    name: str
    kind: str
    alternate: str = ""

    def arguments(self) -> dict[str, str | int]:
        """Declaration arguments as the broker wants them."""
        return {"alternate-exchange": self.alternate} if self.alternate else {}


class Queue(msgspec.Struct, frozen=True, kw_only=True, tag="queue"):
    """A quorum queue with its limits. Each has its own reason; see ``bus.topology.declaration``."""

    name: str
    messages_max: int
    overflow: str
    """``reject-publish``: the publisher is told (a nack). ``drop-head``: the oldest goes."""
    deliveries_max: int
    """A message handed out this often and never acknowledged has killed its reader each time."""
    ttl_ms: int = 0
    dead_letter_exchange: str = ""

    def arguments(self) -> dict[str, str | int]:
        """Declaration arguments as the broker wants them; the same on 3.10 and on 4.x."""
        found: dict[str, str | int] = {
            "x-queue-type": "quorum",
            "x-max-length": self.messages_max,
            "x-overflow": self.overflow,
            "x-delivery-limit": self.deliveries_max,
        }
        if self.ttl_ms:
            found["x-message-ttl"] = self.ttl_ms
        if self.dead_letter_exchange:
            found["x-dead-letter-exchange"] = self.dead_letter_exchange
            # Without it a dead-lettered request is lost when the target is away for a moment.
            found["x-dead-letter-strategy"] = "at-least-once"
        return found


class Binding(msgspec.Struct, frozen=True, kw_only=True, tag="binding"):
    """``queue`` receives what ``exchange`` routes by ``key``."""

    queue: str
    exchange: str
    key: str


Item = Exchange | Queue | Binding
