"""Routing keys, properties and headers that break the contract."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from bus.broker.port import Message
from bus.topology import REQUESTS_EXCHANGE, request_key
from tests.consumers.bus_stage import FIRST, PHARMACY, SECOND, BusStage, until
from tests.door.raw_his import RawHis, frame, raw_his, settlement

KEY, DEADLINE = "idempotency-key", "deadline"
BAD_KEYS: dict[str, dict[str, Any]] = {
    "with a space": {"headers": {KEY: "bill 1"}},
    "Chinese": {"headers": {KEY: "结算单1"}},
    "longer than 128": {"headers": {KEY: "k" * 129}},
    "a number": {"headers": {KEY: 5}},
    "a list": {"headers": {KEY: ["k"]}},
    "a table": {"headers": {KEY: {"k": 1}}},
    "bytes": {"headers": {KEY: bytearray(b"k-1")}},
    "a message id longer than 128": {"message_id": "k" * 255},
    "a message id with a space": {"message_id": "bill 1"},
}
BAD_DEADLINES: dict[str, Any] = {
    "words": "tomorrow",
    "without offset": "2099-01-01T00:00:00",
    "a number": 4_102_444_800,
    "a table": {"at": "2099-01-01T00:00:00Z"},
    "a day nobody has": "2099-02-30T00:00:00Z",
    "a time stamp": datetime(2099, 1, 1, tzinfo=UTC),
}
ODD_HEADERS: dict[str, Any] = {
    "a table": {"a": {"b": [1, {"c": bytearray(b"x")}]}},
    "nothing": {"a": None},
    "numbers": {"a": 2**62, "b": 1.5, "c": True},
    "a trace that is no text": {"traceparent": ["00-1"]},
    "a death that is no table": {"x-first-death-reason": ["expired"], "x-last-death-queue": 5},
}


@pytest.mark.parametrize("name", BAD_KEYS)
async def test_a_malformed_key_is_refused_and_never_replaced_by_another(
    outside: RawHis, name: str
) -> None:
    heard = await outside.ask(frame(), **BAD_KEYS[name])
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == {"headers.idempotency-key": "bad_key"}
    (fault,) = heard.reply.faults
    assert (fault.label, fault.allowed) == ("幂等键", "1至128个可见ASCII字符")


def bare(**properties: Any) -> Message:
    """A good query with these properties and no other."""
    key = request_key("1201", FIRST)
    return Message(
        body=frame(), exchange=REQUESTS_EXCHANGE, routing_key=key, mandatory=False, **properties
    )


async def test_a_request_without_key_and_message_id_is_refused(outside: RawHis) -> None:
    heard = await outside.ask_bare(bare())
    assert heard.faults == {"headers.idempotency-key": "bad_key"}
    assert heard.correlation_id == ""


GBK = ("结算单" * 43).encode("gbk")[:255]


@pytest.mark.parametrize(
    ("name", "code"),
    [("message_id", "malformed"), ("type", "malformed"), ("reply_to", "bad_reply_to")],
)
async def test_a_property_of_255_bytes_in_gbk_is_refused(
    outside: RawHis, name: str, code: str
) -> None:
    given = {"message_id": "m-gbk", name: "G" * 255}
    heard = await outside.ask_bare(bare(**given), "G" * 255, GBK)
    assert heard.outcome == ("invalid", code)


async def test_a_correlation_in_gbk_does_not_keep_a_request_from_being_answered(
    his: RawHis,
) -> None:
    given = bare(message_id="m-gbk-2", correlation_id="G" * 255)
    heard = await his.ask_bare(given, "G" * 255, GBK)
    assert heard.outcome == ("succeeded", "ok")
    assert heard.headers == {KEY: "m-gbk-2"}


async def test_a_header_table_too_big_to_be_read_is_refused(outside: RawHis) -> None:
    """The key may be in it: falling back to the message id could execute a request twice."""
    heard = await outside.ask(frame(), headers={KEY: "bill-1", "note": "x" * 40_000})
    assert heard.outcome == ("invalid", "malformed")
    assert "headers" in heard.faults


@pytest.mark.parametrize("name", BAD_DEADLINES)
async def test_a_deadline_that_is_no_time_is_refused(outside: RawHis, name: str) -> None:
    heard = await outside.ask(frame(), headers={DEADLINE: BAD_DEADLINES[name]})
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == {"headers.deadline": "bad_deadline"}
    assert heard.reply.faults[0].label == "截止时间"


@pytest.mark.parametrize("infno", ["1201", "2207"])
@pytest.mark.parametrize("given", ["a minute ago", "0001-01-01T00:00:00+23:59"])
async def test_a_request_whose_deadline_has_passed_is_told_so(
    outside: RawHis, infno: str, given: str
) -> None:
    minute_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    told = minute_ago if given == "a minute ago" else given
    body = frame() if infno == "1201" else settlement()
    heard = await outside.ask(body, infno, headers={DEADLINE: told})
    assert heard.outcome == ("expired", "deadline_passed")


async def test_a_transaction_number_that_differs_from_the_routing_key_is_refused(
    outside: RawHis,
) -> None:
    heard = await outside.ask(frame("1101"), "1201")
    assert heard.faults["$.infno"] == "other_than_routing_key"
    told = {fault.path: (fault.label, fault.allowed) for fault in heard.reply.faults}
    assert told["$.infno"] == ("交易编号", "1201")


async def test_a_type_that_differs_from_the_routing_key_is_refused(outside: RawHis) -> None:
    heard = await outside.ask(frame(), message_type="2207")
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == {"properties.type": "other_than_routing_key"}


@pytest.mark.parametrize(
    "infno", ["9999", "2207Z", "x", "交易", "#", "*", "a" * 230, " 2207", "2207\n"]
)
async def test_a_transaction_nobody_knows_is_answered_and_not_dropped(
    outside: RawHis, infno: str
) -> None:
    heard = await outside.ask(frame(), infno)
    assert heard.outcome == ("invalid", "unknown_infno")


@pytest.mark.parametrize("name", ODD_HEADERS)
async def test_headers_nobody_asked_for_do_no_harm(his: RawHis, name: str) -> None:
    heard = await his.ask(
        frame(), headers={KEY: f"odd-{name.replace(' ', '-')}"} | ODD_HEADERS[name]
    )
    assert heard.outcome == ("succeeded", "ok")


async def test_a_desk_transaction_without_a_desk_is_not_executed(
    stage: BusStage, outside: RawHis
) -> None:
    assert outside.inbox.empty()
    async with raw_his(stage.his_url(PHARMACY), PHARMACY) as pharmacy:
        heard = await pharmacy.ask(frame("1191", {"data": {"mdtrt_cert_type": "03"}}), "1191")
    assert heard.outcome == ("unavailable", "desk_absent")


# -- whose request it is -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"1201.{FIRST}", f"1201.{FIRST}.{SECOND}", f".{SECOND}", "#", ""])
async def test_the_broker_refuses_a_routing_key_that_is_not_the_hospitals(
    stage: BusStage, outside: RawHis, key: str
) -> None:
    async with raw_his(stage.his_url(SECOND), SECOND) as other:
        with pytest.raises(ChannelAccessRefused):
            await other.send(frame(), key, user_id=other.user)
    assert outside.inbox.empty()


async def test_the_broker_refuses_a_request_in_another_users_name(
    stage: BusStage, outside: RawHis
) -> None:
    async with raw_his(stage.his_url(SECOND), SECOND) as other:
        with pytest.raises(ChannelPreconditionFailed):
            await other.send(frame(), request_key("1201", SECOND), user_id=outside.user)


async def test_a_request_of_an_unknown_hospital_is_parked_with_its_reason(
    stage: BusStage, outside: RawHis
) -> None:
    async with raw_his(stage.admin_url, FIRST) as admin:
        key = request_key("1201", "H99999999999")
        await admin.send(frame(), key, user_id=admin.user, message_id="stranger-1")
        parked = await until(lambda: parked_as(admin, "stranger-1"))
    assert parked["x-park-reason"] == "unknown_tenant"
    assert parked["x-original-routing-key"] == "1201.H99999999999"


async def parked_as(admin: RawHis, message_id: str) -> Any:
    """Headers of the parked message of this id; every message looked at is taken."""
    message = await admin.channel.basic_get("yibao.parked", no_ack=True)
    if not message.delivery_tag:
        return None
    properties = message.header.properties
    return properties.headers if properties.message_id == message_id else None
