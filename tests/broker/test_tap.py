"""The tap under the client library: our frames out, the library's frames through, in any pieces."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bus.broker.frames import ack_frame
from bus.broker.received import DELIVER
from bus.broker.tap import Inlet, Tap
from tests.broker.transports import SilentTransport

HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    head = bytes((kind,)) + channel.to_bytes(2, "big") + len(payload).to_bytes(4, "big")
    return head + payload + b"\xce"


def delivered(channel: int, body: bytes) -> bytes:
    method = DELIVER + b"\x01t" + (1).to_bytes(8, "big") + b"\x00\x00\x00"
    header = b"\x00\x3c\x00\x00" + len(body).to_bytes(8, "big") + b"\x00\x00"
    half = len(body) // 2
    bodies = [part for part in (body[:half], body[half:]) if part]
    frames = [frame(1, channel, method), frame(2, channel, header)]
    return b"".join(frames + [frame(3, channel, part) for part in bodies])


async def flow(stream: bytes, cuts: list[int]) -> tuple[bytes, list[bytes]]:
    """What the library reads and what our inlet on channel 2 is given."""
    reader = asyncio.StreamReader()
    tap = Tap(reader, asyncio.get_running_loop())
    tap.connection_made(SilentTransport())
    seen: list[bytes] = []
    tap.inlets[2] = Inlet(lambda _method, _header, body: seen.append(body))
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        tap.data_received(stream[start:end])
    reader.feed_eof()
    return await reader.read(), seen


@given(
    st.lists(st.binary(max_size=40) | st.integers(0, 3), max_size=12),
    st.lists(st.integers(0, 5000), max_size=20),
)
def test_frames_find_their_way_however_the_stream_is_cut(
    items: list[bytes | int], cuts: list[int]
) -> None:
    """Bytes: a delivery on our channel. A number: the library's frame on channels 0, 1, 2, 3."""
    stream, library, ours = b"", b"", []
    for item in items:
        if isinstance(item, bytes):
            stream += delivered(2, item)
            ours.append(item)
        else:
            other = frame(1, item, b"\x00\x0a\x00\x33" + bytes(item))
            stream += other
            library += other
    passed, seen = asyncio.run(flow(stream, cuts))
    assert seen == ours
    assert passed.replace(HEARTBEAT, b"") == library


def test_while_only_our_frames_arrive_the_library_is_told_that_the_connection_is_alive() -> None:
    passed, seen = asyncio.run(flow(delivered(2, b"x"), []))
    assert passed == HEARTBEAT
    assert seen == [b"x"]


async def test_writes_of_one_turn_leave_in_one_piece() -> None:
    tap = Tap(asyncio.StreamReader(), asyncio.get_running_loop())
    transport = SilentTransport()
    tap.connection_made(transport)
    tap.write(ack_frame(1, 1))
    tap.write(ack_frame(2, 7))
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [ack_frame(1, 1) + ack_frame(2, 7)]
    transport.closing = True
    tap.write(ack_frame(1, 2))
    tap.flush()
    assert len(transport.written) == 1
