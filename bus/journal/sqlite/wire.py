"""What engine and writer's process say to each other over their socket pair: frames of MessagePack,
each behind its length. Both ends are of one release and one user; nobody else holds the sockets."""

import struct
from enum import IntEnum
from typing import Any

import msgspec

from bus.journal.sqlite.orders import AnyOrder

_LENGTH = struct.Struct("!I")
_encode = msgspec.msgpack.Encoder().encode


class Verdict(IntEnum):
    """What became of a unit of work."""

    DONE = 0
    CLAIM_TAKEN = 1
    UNAVAILABLE = 2


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame. ``keys``: the text of a key file, which is why it is not an argument of the
    command line."""

    path: str
    keys: str
    group_rows_max: int
    lock_wait_s: float
    checkpoint_every_s: float
    wal_pages_max: int

    def __repr__(self) -> str:
        return f"Setting({self.path!r}, ...)"


class Answers(msgspec.Struct, frozen=True, array_like=True):
    """One group's: verdict and answer (or the text of the error) of each unit, in the order in
    which they were asked; then what the process has counted since it began."""

    units: list[tuple[Verdict, msgspec.Raw]]
    commits: int
    failures: int
    wal_pages: int


decode_setting = msgspec.msgpack.Decoder(Setting).decode
decode_orders = msgspec.msgpack.Decoder(list[AnyOrder]).decode
decode_answers = msgspec.msgpack.Decoder(Answers).decode


def encode(value: Any) -> msgspec.Raw:
    """A part of a frame, encoded by itself so that an error of it is its own."""
    return msgspec.Raw(_encode(value))


def frame(message: Any) -> bytes:
    """The message with its length in front."""
    body = _encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Takes bytes as they come, gives whole frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes."""
        rest = self._rest
        rest += data
        done, at = [], 0
        while len(rest) - at >= _LENGTH.size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(rest, at)[0]
            if len(rest) < end:
                break
            done.append(bytes(rest[at + _LENGTH.size : end]))
            at = end
        del rest[:at]
        return done
