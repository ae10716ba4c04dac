"""A request that passed the door: who asked, what for, and where the answer goes."""

import msgspec

DIRECT_REPLY = "amq.rabbitmq.reply-to"


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request as received. Kept (sealed) in the journal, so that any worker can finish it.

    ``input`` is the HIS's JSON as it came; the catalogue's strict form is made when it is sent.
    """

    tenant: str
    infno: str
    key: str
    input: msgspec.Raw
    opter: str = ""
    opter_name: str = ""
    opter_type: str = "1"
    insuplc_admdvs: str = ""
    desk: str = ""
    after_batch: str = ""
    reply_to: str = ""
    correlation_id: str = ""
    message_id: str = ""
    traceparent: str = ""
    deadline_ms: int = 0
    received_ms: int = 0
    flags: tuple[str, ...] = ()
    """What the checks noticed and let pass; the reply carries it, whoever finishes the request."""

    def to_bytes(self) -> bytes:
        """The form the journal keeps."""
        return msgspec.json.encode(self)

    @staticmethod
    def from_bytes(data: bytes) -> "Order":
        """The inverse of ``to_bytes``."""
        return msgspec.json.decode(data, type=Order)
