"""AMQP 0-9-1 frames of the hot path, encoded in one piece. Pure.

Only what a worker sends thousands of times a second: publish, acknowledge, give back. The rest is
the client library's business.
"""

import struct

from bus.broker.port import Message

SHORT_BYTES_MAX = 255
"""A short string on the wire has one byte for its length."""

_frame = struct.Struct(">BHI")
_content = struct.Struct(">HHQ")
_length = struct.Struct(">I")
_number = struct.Struct(">q")
_flags = struct.Struct(">H")
_settle = struct.Struct(">BHIHHQBB")

_METHOD, _HEADER, _BODY, _END = 1, 2, 3, b"\xce"
_FRAME_EXTRA = 8
"""Bytes of a frame around its payload: head and end mark."""
_BASIC, _GET, _ACK, _NACK = 60, 70, 80, 120
_PUBLISH = struct.pack(">HHH", _BASIC, 40, 0)

_CONTENT_TYPE, _HEADERS, _DELIVERY_MODE = 1 << 15, 1 << 13, 1 << 12
_CORRELATION_ID, _REPLY_TO, _MESSAGE_ID = 1 << 10, 1 << 9, 1 << 7
_TYPE, _USER_ID = 1 << 5, 1 << 4


def publish_frames(channel: int, message: Message, message_id: str, frame_bytes_max: int) -> bytes:
    """The frames that publish ``message`` on ``channel``.

    ``frame_bytes_max`` is the size agreed with the broker, 0 for none. ``ValueError`` when a name,
    key, property or the headers are longer than the protocol can carry. An integer header beyond 64
    bits goes as text.
    """
    body = message.body
    method = b"".join(
        (
            _PUBLISH,
            _short(message.exchange),
            _short(message.routing_key),
            b"\x01" if message.mandatory else b"\x00",
        )
    )
    header = _content.pack(_BASIC, 0, len(body)) + _properties(message, message_id)
    if frame_bytes_max and len(header) + _FRAME_EXTRA > frame_bytes_max:
        raise ValueError(f"headers do not fit a frame of {frame_bytes_max} bytes")
    parts = [
        _frame.pack(_METHOD, channel, len(method)),
        method,
        _END,
        _frame.pack(_HEADER, channel, len(header)),
        header,
        _END,
    ]
    step = frame_bytes_max - _FRAME_EXTRA if frame_bytes_max else max(len(body), 1)
    for start in range(0, len(body), step):
        piece = body[start : start + step]
        parts += (_frame.pack(_BODY, channel, len(piece)), piece, _END)
    return b"".join(parts)


def ack_frame(channel: int, tag: int) -> bytes:
    """The frame that acknowledges one delivery."""
    return _settle.pack(_METHOD, channel, 13, _BASIC, _ACK, tag, 0, 0xCE)


def requeue_frame(channel: int, tag: int) -> bytes:
    """The frame that gives one delivery back to its queue."""
    return _settle.pack(_METHOD, channel, 13, _BASIC, _NACK, tag, 2, 0xCE)


def get_frame(channel: int, queue: str) -> bytes:
    """The frame that asks for one message of ``queue``."""
    method = struct.pack(">HHH", _BASIC, _GET, 0) + _short(queue) + b"\x00"
    return _frame.pack(_METHOD, channel, len(method)) + method + _END


def _properties(message: Message, message_id: str) -> bytes:
    flags, parts = _DELIVERY_MODE, []
    if message.content_type:
        flags |= _CONTENT_TYPE
        parts.append(_short(message.content_type))
    if message.headers:
        flags |= _HEADERS
        parts.append(_table(message.headers))
    parts.append(b"\x02" if message.persistent else b"\x01")
    for flag, value in (
        (_CORRELATION_ID, message.correlation_id),
        (_REPLY_TO, message.reply_to),
        (_MESSAGE_ID, message_id),
        (_TYPE, message.type),
        (_USER_ID, message.user_id),
    ):
        if value:
            flags |= flag
            parts.append(_short(value))
    return _flags.pack(flags) + b"".join(parts)


def _short(text: str) -> bytes:
    data = text.encode()
    if len(data) > SHORT_BYTES_MAX:
        raise ValueError(f"longer than {SHORT_BYTES_MAX} bytes: a text of {len(data)}")
    return bytes((len(data),)) + data


def _table(headers: dict[str, str | int]) -> bytes:
    parts = []
    for name, value in headers.items():
        parts.append(_short(name))
        if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
            parts.append(b"l" + _number.pack(value))
        else:
            data = str(value).encode()
            parts.append(b"S" + _length.pack(len(data)) + data)
    table = b"".join(parts)
    return _length.pack(len(table)) + table
