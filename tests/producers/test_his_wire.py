"""What a call becomes on the wire, and what no message can be made of."""

import json
from decimal import Decimal

import pytest

from producers.errors import BadRequestError
from producers.wire import build_request, new_key, read_reply, same_content, wait_s


def test_defaults_are_left_out_of_the_body_and_the_deadline_is_in_utc() -> None:
    made = build_request("2207", {"data": {}}, {"key": "k", "deadline_s": 1.5}, 1_000)
    assert made.body == b'{"infno":"2207","input":{"data":{}}}'
    assert made.deadline == "1970-01-01T00:00:02.500Z"


def test_every_option_reaches_the_body() -> None:
    made = build_request(
        "2207",
        b'{ "data": {"a": 1.10} }',
        {
            "opter": "01",
            "opter_name": "张三",
            "opter_type": "2",
            "insuplc_admdvs": "530100",
            "desk": "7",
            "after_batch": "B1",
            "traceparent": "00-abc-def-01",
        },
        0,
    )
    assert json.loads(made.body) == {
        "infno": "2207",
        "input": {"data": {"a": 1.1}},
        "opter": "01",
        "opter_name": "张三",
        "opter_type": "2",
        "insuplc_admdvs": "530100",
        "desk": "7",
        "after_batch": "B1",
    }
    assert b"1.10" in made.body, "number text is passed on as it was written"
    assert made.traceparent == "00-abc-def-01"


def test_decimals_go_out_as_text() -> None:
    made = build_request("2207", {"data": {"amt": Decimal("100.00")}}, {}, 0)
    assert b'"amt":"100.00"' in made.body


@pytest.mark.parametrize("key", ["a b", "钥", "x" * 129, "a\n"])
def test_a_key_the_bus_would_refuse_is_refused_here(key: str) -> None:
    with pytest.raises(BadRequestError):
        build_request("2207", {}, {"key": key}, 0)


@pytest.mark.parametrize("infno", ["", "22", "2207.H1", "2207#", "*", "2207a"])
def test_a_transaction_number_that_would_break_the_routing_key_is_refused(infno: str) -> None:
    with pytest.raises(BadRequestError):
        build_request(infno, {}, {}, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b'{"a":"\xff"}',
        b"",
        b'{"a":' * 3000,
        {"a": 1.5},
        {"a": [{"b": 0.1}]},
        {"a": object()},
    ],
)
def test_an_input_no_message_can_be_made_of_is_refused_without_quoting_it(
    content: dict[str, object] | bytes,
) -> None:
    with pytest.raises(BadRequestError) as caught:
        build_request("2207", content, {}, 0)
    assert "{" not in str(caught.value)


def test_content_is_compared_as_json_and_not_as_text() -> None:
    def made(content: bytes, deadline_s: float = 1) -> object:
        return build_request("2207", content, {"deadline_s": deadline_s}, 0)

    one = build_request("2207", b'{"a":1,"b":"x"}', {}, 0)
    assert same_content(one, build_request("2207", b'{ "b":"x", "a":1 }', {"deadline_s": 9}, 5))
    assert not same_content(one, build_request("2207", b'{"a":1,"b":"y"}', {}, 0))
    assert not same_content(one, build_request("2208", b'{"a":1,"b":"x"}', {}, 0))
    assert not same_content(one, build_request("2207", b'{"a":1,"b":"x"}', {"opter": "2"}, 0))


def test_the_wait_covers_the_deadline_and_a_slow_centre() -> None:
    assert wait_s({"deadline_s": 30}) == 210
    assert wait_s({"wait_s": 5}) == 5


def test_a_reply_without_output_reads_as_none_and_unknown_members_are_ignored() -> None:
    body = b'{"status":"busy","code":"visit_busy","message":"m","later":1}'
    answer = read_reply(body, "k")
    assert (answer.decoded(), answer.key) == (None, "k")
    explicit = read_reply(body.replace(b'"later":1', b'"output":null'), "k")
    assert explicit.decoded() is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"status":"paid","code":"","message":""}'])
def test_what_is_no_reply_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_reply(body, "k")


def test_keys_never_repeat() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000
