"""The copy of a message that is parked: what a replay needs, and no identity beside the body.

Headers and properties are what operators look at, what the broker's own tools show and what its
logs may quote, and a HIS may have written anything into them.
"""

import re

from bus.broker.port import Delivery, Message
from bus.masking import MASK, masked_text
from bus.topology import PARKED_QUEUE
from schemas.contract import KEY_PATTERN

REASON = "x-park-reason"
WITHHELD = "x-park-withheld"
"""What looked like an identity and was left out; such a message cannot be sent on as it was."""
KEPT = {
    "idempotency-key": KEY_PATTERN,
    "deadline": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,18}([Zz]|[+-][0-9:]{5})"),
    "traceparent": re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
"""Headers of the contract, and what they look like. Whatever else a HIS wrote is not kept."""
PROPERTIES = {
    "message_id": re.compile(r"[!-~]{0,128}"),
    "correlation_id": re.compile(r"[!-~]{0,128}"),
    "type": re.compile(r"([0-9]{4,6}[A-Z]?)?"),
    "reply_to": re.compile(r"(amq\.|yibao\.)[!-~]{1,250}|"),
}
PLACES = re.compile(r"[!-~]{0,255}")
"""What our own marks look like: names on the broker, times."""


def parked(source: Delivery | Message, reason: str, marks: dict[str, str]) -> Message:
    """``source`` for the parked queue; ``marks`` are headers that say where it came from."""
    withheld: list[str] = []

    def shown(name: str, value: object, looks: re.Pattern[str]) -> str:
        text = value if isinstance(value, str) else ""
        if looks.fullmatch(text) and masked_text(text) == text:
            return text
        withheld.append(name)
        return MASK

    headers: dict[str, str | int] = {
        name: shown(name, source.headers[name], looks)
        for name, looks in KEPT.items()
        if name in source.headers
    }
    headers |= {name: shown(name, text, PLACES) for name, text in marks.items()}
    named = {name: shown(name, getattr(source, name), looks) for name, looks in PROPERTIES.items()}
    headers[REASON] = reason
    if withheld:
        headers[WITHHELD] = " ".join(sorted(withheld))
    return Message(
        body=source.body,
        routing_key=PARKED_QUEUE,
        message_id=named["message_id"],
        correlation_id=named["correlation_id"],
        type=named["type"],
        reply_to=named["reply_to"],
        headers=headers,
    )
