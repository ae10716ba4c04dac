"""A message as delivered: decoding of its frames, tolerant of whatever a HIS put into them.

The client library's decoder ends the connection on a property that is not UTF-8. A HIS that writes
GBK into its correlation id would so take down the worker, again at each redelivery. Here such a
property is read with question marks, and a header table that cannot be read becomes
``{UNREADABLE_HEADERS: True}``: whoever relies on a header must refuse such a message. Nothing in a
message raises, and what was read always fits into a message of ours again.
"""

from struct import error as struct_error
from typing import Final, Protocol

from pamqp import decode

UNREADABLE_HEADERS: Final = "x-unreadable"
HEADERS_BYTES_MAX: Final = 32_768
"""A header table beyond this counts as unreadable. Ours take some hundred bytes; a table must fit
one frame (128 KiB), also when the message is sent on with headers of ours."""

DELIVER: Final = b"\x00\x3c\x00\x3c"
RETURN: Final = b"\x00\x3c\x00\x32"
GET_OK: Final = b"\x00\x3c\x00\x47"
_PROPERTIES_AT = 12
"""Offset of the property flags in a content header: class, weight and body size stand before."""
TIMESTAMP: Final = 1 << 6
_TEXTS: Final = (
    # (flag, attribute) in wire order; None: the timestamp, 8 bytes
    (1 << 10, "correlation_id"),
    (1 << 9, "reply_to"),
    (1 << 8, "expiration"),
    (1 << 7, "message_id"),
    (TIMESTAMP, None),
    (1 << 5, "type"),
    (1 << 4, "user_id"),
)


class Settler(Protocol):
    """Where a delivery is acknowledged or given back; knows whether that still means anything."""

    def ack(self, tag: int) -> None: ...

    def requeue(self, tag: int) -> None: ...


class Received:
    """One delivery; see ``bus.broker.port.Delivery``. ``settled`` after ``ack`` or ``requeue``."""

    __slots__ = (
        "_settler",
        "_tag",
        "body",
        "correlation_id",
        "exchange",
        "expiration",
        "headers",
        "message_id",
        "redelivered",
        "reply_to",
        "routing_key",
        "settled",
        "timestamp_s",
        "type",
        "user_id",
    )

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
    headers: dict[str, object]

    def __init__(self, tag: int, settler: Settler, body: bytes) -> None:
        self._tag = tag
        self._settler = settler
        self.settled = False
        self.body = body
        self.exchange = self.routing_key = ""
        self.message_id = self.correlation_id = self.reply_to = ""
        self.type = self.user_id = self.expiration = ""
        self.redelivered = False
        self.timestamp_s = 0
        self.headers = {}

    def ack(self) -> None:
        """See the port. A second call does nothing."""
        if not self.settled:
            self.settled = True
            self._settler.ack(self._tag)

    def requeue(self) -> None:
        """See the port. A second call does nothing."""
        if not self.settled:
            self.settled = True
            self._settler.requeue(self._tag)


def delivery(method: bytes, header: bytes, body: bytes, settler: Settler) -> Received:
    """The delivery in a basic.deliver or basic.get-ok with its content."""
    at = 4 if method.startswith(GET_OK) else 5 + method[4]
    found = Received(int.from_bytes(method[at : at + 8], "big"), settler, body)
    found.redelivered = method[at + 8] == 1
    found.exchange, at = _text(method, at + 9)
    found.routing_key, _ = _text(method, at)
    try:
        _read_properties(header, found)
    except IndexError:  # cut short; the broker does not let that through
        found.headers = {UNREADABLE_HEADERS: True}
    return found


def returned(method: bytes, header: bytes) -> tuple[str, str]:
    """Message id and the broker's reason of a returned message."""
    reason, _ = _text(method, 6)
    found = Received(0, _nobody, b"")
    _read_properties(header, found)
    return found.message_id, reason


def _read_properties(header: bytes, found: Received) -> None:
    flags = int.from_bytes(header[_PROPERTIES_AT : _PROPERTIES_AT + 2], "big")
    at = _PROPERTIES_AT + 2
    if flags & 1 << 15:
        at += 1 + header[at]
    if flags & 1 << 14:
        at += 1 + header[at]
    if flags & 1 << 13:
        size = int.from_bytes(header[at : at + 4], "big")
        if size:
            found.headers = _headers(header[at : at + 4 + size])
        at += 4 + size
    at += bool(flags & 1 << 12) + bool(flags & 1 << 11)
    for flag, name in _TEXTS:
        if not flags & flag:
            continue
        if name is None:
            found.timestamp_s = int.from_bytes(header[at : at + 8], "big")
            at += 8
            continue
        text, at = _text(header, at)
        setattr(found, name, text)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    try:
        return data[at + 1 : end].decode(), end
    except UnicodeDecodeError:
        # A one-byte mark, so that the text is not longer on the wire than it was.
        return data[at + 1 : end].decode("utf-8", "replace").replace("\ufffd", "?"), end


def _headers(table: bytes) -> dict[str, object]:
    if len(table) > HEADERS_BYTES_MAX:
        return {UNREADABLE_HEADERS: True}
    try:
        return dict(decode.field_table(table)[1])
    except (ValueError, OverflowError, OSError, RecursionError, struct_error, IndexError):
        return {UNREADABLE_HEADERS: True}


class _Nobody:
    def ack(self, tag: int) -> None:
        """Nothing: a returned message was never a delivery."""

    def requeue(self, tag: int) -> None:
        """Nothing, for the same reason."""


_nobody = _Nobody()
