"""The copy of a message that is parked: what a replay needs, and no identity beside the body.

Headers and properties are what operators look at, what the broker's own tools show and what its
logs may quote, and a HIS may have written anything into them.
"""

from bus.broker.port import Delivery, Message
from bus.masking import masked_text
from bus.topology import PARKED_QUEUE

REASON = "x-park-reason"
WITHHELD = "x-park-withheld"
"""What looked like an identity and was left out; such a message cannot be sent on as it was."""
KEPT = ("idempotency-key", "deadline", "traceparent")
"""Headers of the contract. Whatever else a HIS wrote is not kept."""
PROPERTIES = ("message_id", "correlation_id", "type", "reply_to")


def parked(source: Delivery | Message, reason: str, marks: dict[str, str]) -> Message:
    """``source`` for the parked queue; ``marks`` are headers that say where it came from."""
    kept = {name: source.headers.get(name) for name in KEPT}
    texts = {name: value for name, value in kept.items() if isinstance(value, str)} | marks
    named = {name: str(getattr(source, name)) for name in PROPERTIES}
    clean = {name: masked_text(text) for name, text in texts.items()}
    shown = {name: masked_text(text) for name, text in named.items()}
    withheld = [name for name, text in {**texts, **named}.items() if masked_text(text) != text]
    headers: dict[str, str | int] = {**clean, REASON: reason}
    if withheld:
        headers[WITHHELD] = " ".join(sorted(withheld))
    return Message(
        body=source.body,
        routing_key=PARKED_QUEUE,
        message_id=shown["message_id"],
        correlation_id=shown["correlation_id"],
        type=shown["type"],
        reply_to=shown["reply_to"],
        headers=headers,
    )
