"""Arbitrary bytes, properties and headers at the door: a value comes out, never an exception."""

import json
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bus.broker.port import Delivery
from bus.config.settings import InstitutionSettings
from bus.topology import reply_queue
from consumers.intake import Limits, Refusal, address, read, reply_allowed, sender
from consumers.order import Order
from schemas.contract import KEY_PATTERN
from tests.door.raw_his import frame

TENANT = "H53010200001"
INSTITUTIONS = {TENANT: InstitutionSettings(name="示例", gateway="centre", users=("his",))}
LIMITS = Limits(body_bytes_max=65_536, nesting_max=32)
NOW_MS = 1_795_000_000_000

texts = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
header_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
header_names = st.sampled_from(
    ["idempotency-key", "deadline", "traceparent", "x-death", "x-unreadable"]
)
deadlines = st.datetimes().map(lambda at: at.isoformat() + "+08:00")
headers = st.dictionaries(header_names | texts, header_values | deadlines, max_size=5)
members = st.sampled_from(["infno", "input", "opter", "opter_name", "desk", "after_batch", "x"])
frames = st.dictionaries(members, json_values, max_size=6).map(
    lambda each: json.dumps({**json.loads(frame()), **each}).encode()
)
spoilt = st.tuples(frames, st.integers(0, 200), st.binary(max_size=4)).map(
    lambda made: made[0][: made[1]] + made[2] + made[0][made[1] :]
)
bodies = st.binary(max_size=300) | frames | spoilt
places = st.sampled_from(["", "amq.rabbitmq.reply-to", "amq.gen-x", reply_queue(TENANT)]) | texts


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """A message with anything in it."""
    infno = draw(st.sampled_from(["1201", "2207", ""]) | texts)
    key = draw(st.sampled_from([f"{infno}.{TENANT}", "1201.NOBODY"]) | texts)
    return cast(
        "Delivery",
        SimpleNamespace(
            body=draw(bodies),
            headers=draw(headers),
            routing_key=key,
            reply_to=draw(places),
            message_id=draw(texts),
            correlation_id=draw(texts),
            type=draw(st.sampled_from(["", infno]) | texts),
            user_id=draw(st.sampled_from(["", "his", "other"])),
        ),
    )


@given(deliveries())
@settings(max_examples=300, deadline=None)
def test_no_message_makes_the_door_raise(delivery: Delivery) -> None:
    envelope = address(delivery, INSTITUTIONS)
    assert envelope.tenant in ("", TENANT)
    if not envelope.tenant:
        return
    assert reply_allowed(envelope.reply_to, TENANT)
    assert sender(delivery, {"bus"}) == delivery.user_id
    found = read(delivery, envelope, LIMITS, NOW_MS)
    assert isinstance(found, Order | Refusal)
    if isinstance(found, Order):
        assert found.infno == envelope.infno
        assert KEY_PATTERN.fullmatch(found.key)
        assert Order.from_bytes(found.to_bytes()) == found
    else:
        assert found.code in {"malformed", "bad_reply_to"}
        assert found.faults or found.code != "malformed"


def body_of(data: bytes) -> Any:
    """What the door says of a body whose properties are in order."""
    delivery = SimpleNamespace(
        body=data,
        headers={},
        routing_key=f"1201.{TENANT}",
        reply_to="",
        message_id="m-1",
        correlation_id="",
        type="",
        user_id="his",
    )
    made = cast("Delivery", delivery)
    envelope = address(made, INSTITUTIONS)
    return read(made, envelope, LIMITS, NOW_MS)


@given(st.binary(max_size=2000))
@example(b"[" * 60_000)
@example(b'{"infno":"1201","input":' + b"[" * 60_000)
@example(b'{"a":' * 10_000)
@example(b'{"infno":1e999999999,"input":{}}')
@example(b'{"infno":"1201","input":{},"opter":"\xed\xa0\x80"}')
@example(b'{"infno":"1201","input":{},"opter":"\\ud800"}')
@example(b'{"infno":"1201","input":{},"input":{}}')
@example(b'{"infno":"1201","input":"1201"}')
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_order_or_a_refusal_with_a_reason(data: bytes) -> None:
    found = body_of(data)
    assert isinstance(found, Order) or found.faults


@given(spoilt)
@settings(max_examples=300, deadline=None)
def test_a_spoilt_request_is_an_order_or_a_refusal_with_a_reason(data: bytes) -> None:
    found = body_of(data)
    assert isinstance(found, Order) or found.faults
