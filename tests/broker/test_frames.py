"""Our frames against a second implementation, and decoding that never raises."""

import tracemalloc
from typing import Any

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, header

from bus.broker.frames import ack_frame, get_frame, publish_frames, requeue_frame
from bus.broker.port import Message
from bus.broker.received import DELIVER, HEADERS_BYTES_MAX, UNREADABLE_HEADERS, Received, delivery
from bus.broker.tap import Inlet

SHORT = st.text(max_size=60)
MESSAGES = st.builds(
    Message,
    body=st.binary(max_size=300) | st.just(b"x" * 9000),
    exchange=st.from_regex(r"[a-z.]{0,20}", fullmatch=True),
    routing_key=SHORT,
    message_id=SHORT,
    correlation_id=SHORT,
    type=SHORT,
    reply_to=SHORT,
    user_id=SHORT,
    content_type=SHORT,
    headers=st.dictionaries(
        st.text(min_size=1, max_size=20), st.text() | st.integers(-(2**63), 2**63 - 1), max_size=4
    ),
    persistent=st.booleans(),
    mandatory=st.booleans(),
)


class Ledger:
    """A settler that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def ack(self, tag: int) -> None:
        self.calls.append(("ack", tag))

    def requeue(self, tag: int) -> None:
        self.calls.append(("requeue", tag))


def unmarshal(frame: bytes) -> tuple[int, int, Any]:
    """The other implementation; ``Any`` as each test knows which frame it made."""
    return pamqp.frame.unmarshal(frame)


def split(frames: bytes) -> list[bytes]:
    found = []
    while frames:
        end = 7 + int.from_bytes(frames[3:7], "big") + 1
        found.append(frames[:end])
        frames = frames[end:]
    return found


@given(MESSAGES, st.integers(1, 65535), st.sampled_from([0, 4096]))
def test_a_second_implementation_reads_what_we_publish(
    message: Message, channel: int, frame_bytes_max: int
) -> None:
    frames = split(publish_frames(channel, message, message.message_id, frame_bytes_max))
    read = [unmarshal(each) for each in frames]
    assert {number for _, number, _ in read} == {channel}
    method, head, *bodies = (value for _, _, value in read)
    assert isinstance(method, commands.Basic.Publish)
    assert isinstance(head, header.ContentHeader)
    assert (method.exchange, method.routing_key) == (message.exchange, message.routing_key)
    assert method.mandatory is message.mandatory
    assert b"".join(each.value for each in bodies) == message.body
    assert head.body_size == len(message.body)
    if frame_bytes_max:
        assert all(len(each) <= frame_bytes_max for each in frames[2:])
    properties = head.properties
    assert properties.headers == (message.headers or None)
    assert properties.delivery_mode == (2 if message.persistent else 1)
    for name in ("content_type", "correlation_id", "message_id", "reply_to", "user_id"):
        assert getattr(properties, name) == (getattr(message, name) or None)
    assert properties.message_type == (message.type or None)


def test_a_second_implementation_reads_what_we_settle() -> None:
    _, channel, ack = unmarshal(ack_frame(7, 2**40))
    assert (channel, ack.delivery_tag, ack.multiple) == (7, 2**40, False)
    _, channel, nack = unmarshal(requeue_frame(9, 5))
    assert (channel, nack.delivery_tag, nack.requeue, nack.multiple) == (9, 5, True, False)
    _, channel, get = unmarshal(get_frame(3, "yibao.parked"))
    assert (channel, get.queue, get.no_ack) == (3, "yibao.parked", False)


@pytest.mark.parametrize("field", ["routing_key", "correlation_id", "reply_to"])
def test_a_property_that_does_not_fit_is_refused_before_anything_is_sent(field: str) -> None:
    message = Message(body=b"", routing_key="k")
    setattr(message, field, "医" * 86)
    with pytest.raises(ValueError, match="longer than 255 bytes"):
        publish_frames(1, message, "", 0)


def test_headers_that_do_not_fit_a_frame_are_refused_before_anything_is_sent() -> None:
    message = Message(body=b"", routing_key="k", headers={"long": "x" * 5000})
    with pytest.raises(ValueError, match="do not fit a frame of 4096 bytes"):
        publish_frames(1, message, "", 4096)


def test_a_number_beyond_64_bits_goes_as_text() -> None:
    message = Message(body=b"", routing_key="k", headers={"big": 2**64 - 1, "small": -(2**63)})
    head = split(publish_frames(1, message, "", 0))[1]
    got = delivery(deliver_method(), head[7:-1], b"", Ledger())
    assert got.headers == {"big": str(2**64 - 1), "small": -(2**63)}


def test_an_oversized_header_table_counts_as_unreadable() -> None:
    message = Message(body=b"", routing_key="k", headers={"long": "x" * HEADERS_BYTES_MAX})
    head = split(publish_frames(1, message, "m1", 0))[1]
    got = delivery(deliver_method(), head[7:-1], b"", Ledger())
    assert got.headers == {UNREADABLE_HEADERS: True}
    assert got.message_id == "m1"


@given(st.binary(max_size=255))
def test_any_text_that_was_read_can_be_sent_on(text: bytes) -> None:
    flags = (1 << 10).to_bytes(2, "big")
    head = b"\x00\x3c\x00\x00" + bytes(8) + flags + bytes((len(text),)) + text
    got = delivery(deliver_method(), head, b"", Ledger())
    again = Message(body=b"", routing_key="k", correlation_id=got.correlation_id)
    publish_frames(1, again, "", 0)


def deliver_method(routing_key: bytes = b"2207.H1") -> bytes:
    tag = (5).to_bytes(8, "big")
    return (
        DELIVER + b"\x03tag" + tag + b"\x01" + b"\x01e" + bytes((len(routing_key),)) + routing_key
    )


@given(MESSAGES)
def test_what_we_publish_is_what_we_read(message: Message) -> None:
    frames = split(publish_frames(1, message, message.message_id, 0))
    got = delivery(deliver_method(), frames[1][7:-1], message.body, Ledger())
    for name in ("message_id", "correlation_id", "type", "reply_to", "user_id", "headers"):
        assert getattr(got, name) == getattr(message, name)
    assert (got.exchange, got.routing_key, got.redelivered) == ("e", "2207.H1", True)


def test_a_property_in_gbk_is_read_with_question_marks_and_not_longer_than_it_was() -> None:
    text = "结算".encode("gbk")
    flags = (1 << 10 | 1 << 7).to_bytes(2, "big")
    head = b"\x00\x3c\x00\x00" + bytes(8) + flags + bytes((len(text),)) + text + b"\x02m1"
    got = delivery(deliver_method(text), head, b"", Ledger())
    assert "?" in got.correlation_id
    assert len(got.correlation_id.encode()) <= len(text)
    assert "?" in got.routing_key
    assert got.message_id == "m1"


@given(st.binary(max_size=80))
def test_no_header_table_makes_decoding_raise_or_hides_the_other_properties(table: bytes) -> None:
    size = len(table).to_bytes(4, "big")
    flags = (1 << 13 | 1 << 7).to_bytes(2, "big")
    head = b"\x00\x3c\x00\x00" + bytes(8) + flags + size + table + b"\x02m1"
    assert delivery(deliver_method(), head, b"", Ledger()).message_id == "m1"


@given(st.binary(max_size=80))
def test_a_content_header_cut_anywhere_never_raises(head: bytes) -> None:
    assert isinstance(delivery(deliver_method(), head, b"", Ledger()), Received)


def test_a_table_nested_too_deep_is_marked_unreadable() -> None:
    table = b""
    for _ in range(5000):
        table = b"\x01aF" + len(table).to_bytes(4, "big") + table
    head = b"\x00\x3c\x00\x00" + bytes(8) + (1 << 13).to_bytes(2, "big")
    head += len(table).to_bytes(4, "big") + table
    got = delivery(deliver_method(), head, b"", Ledger())
    assert got.headers == {UNREADABLE_HEADERS: True}


def test_a_delivery_is_settled_once() -> None:
    ledger = Ledger()
    got = delivery(deliver_method(), bytes(14), b"", ledger)
    got.requeue()
    got.ack()
    got.requeue()
    assert ledger.calls == [("requeue", 5)]


def test_an_inlet_takes_its_own_frames_and_leaves_the_rest_to_the_library() -> None:
    seen: list[tuple[bytes, bytes]] = []
    inlet = Inlet(lambda method, _head, body: seen.append((method[:4], body)))
    assert inlet.take(1, b"\x00\x14\x00\x0b") is False  # channel.open-ok
    assert inlet.take(2, b"stray") is False
    assert inlet.take(1, deliver_method()) is True
    assert inlet.take(2, b"\x00\x3c\x00\x00" + (5).to_bytes(8, "big") + b"\x00\x00") is True
    assert inlet.take(3, b"he") is True
    assert inlet.take(3, b"llo") is True
    cancel = b"\x00\x3c\x00\x1e\x03tag\x01"
    assert inlet.take(1, cancel) is False  # noticed, and the library answers it
    assert seen == [(DELIVER, b"hello"), (cancel[:4], b"")]


def test_of_a_body_beyond_the_bound_no_more_is_kept_than_tells_that_it_is_too_large() -> None:
    frame, frames = bytes(131_064), 512
    sizes: list[int] = []
    inlet = Inlet(lambda _method, _head, body: sizes.append(len(body)), 1_000_000)
    tracemalloc.start()
    for size in (frames * len(frame), 5):  # 64 MiB, then an ordinary one
        inlet.take(1, deliver_method())
        inlet.take(2, b"\x00\x3c\x00\x00" + size.to_bytes(8, "big") + b"\x00\x00")
        for at in range(0, size, len(frame)):
            inlet.take(3, bytes(frame[: size - at]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1_000_000 < sizes[0] <= 1_000_000 + len(frame)
    assert sizes[1] == 5
    assert peak < 4_000_000
