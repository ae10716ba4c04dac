"""``yibao topology`` and ``yibao parked`` as an operator types them, against the real broker."""

import asyncio
import json
from pathlib import Path

import pytest

from bus.broker.client import Broker
from bus.broker.port import Delivery, Message
from bus.clock import SystemClock
from bus.command_line import ExitCode, main
from bus.topology import PARKED_QUEUE, declaration, reply_queue, request_queue
from compose.node import USER
from consumers.parking import parked
from tests.broker.conftest import plain_queue, until
from tests.conftest import Vhost

TENANT = "H53010000001"
PERSON = "530102199003077715"
ITEMS = declaration({"2207": "call"}, (TENANT,))


@pytest.fixture
def config(vhost: Vhost, tmp_path: Path) -> Path:
    file = tmp_path / "yibao.toml"
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    keys.write_text(f"k1 {'00' * 32}\n")
    file.write_text(
        f"""
        [broker]
        url = "amqp://{USER}@127.0.0.1:{vhost.node.port}/{vhost.name}"
        password_file = "{vhost.password_file}"
        [journal]
        path = "journal.sqlite3"
        keys_file = "keys"
        [gateways.centre]
        url = "http://127.0.0.1:9/"
        [institutions.{TENANT}]
        name = "example"
        gateway = "centre"
        users = ["his-1"]
        """,
        encoding="utf-8",
    )
    return file


def yibao(config: Path, *words: str) -> int:
    return main([*words, "--lang", "en", "--config", str(config)])


def test_topology_is_shown_checked_and_applied(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert yibao(config, "topology", "check") == ExitCode.NEGATIVE
    assert "missing: queue     yibao.2207 " in capsys.readouterr().out
    assert yibao(config, "topology", "apply") == ExitCode.OK
    capsys.readouterr()
    assert yibao(config, "topology", "check") == ExitCode.OK
    assert capsys.readouterr().out == "the broker has it all\n"
    assert yibao(config, "topology", "check", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == []
    assert yibao(config, "topology", "show") == ExitCode.OK
    shown = capsys.readouterr().out
    assert "binding   yibao.requests --2207.*--> yibao.2207\n" in shown
    assert f"queue     yibao.2301.{TENANT} " in shown
    assert yibao(config, "topology", "show", "--json") == ExitCode.OK
    kinds = {item["type"] for item in json.loads(capsys.readouterr().out)}
    assert kinds == {"exchange", "queue", "binding"}


def test_a_queue_that_differs_is_refused_in_words_and_left_alone(
    config: Path, vhost: Vhost, capsys: pytest.CaptureFixture[str]
) -> None:
    async def declare() -> None:
        other = plain_queue(request_queue("2207"))
        broker = await Broker.connect(vhost.settings(), SystemClock(), declare=[other])
        await broker.close()

    asyncio.run(declare())
    assert yibao(config, "topology", "apply") == ExitCode.NEGATIVE
    assert "exists with other properties" in capsys.readouterr().err
    assert yibao(config, "topology", "check") == ExitCode.NEGATIVE
    assert "differs: queue     yibao.2207 " in capsys.readouterr().out


def parked_message(number: int, reason: str, **origin: str) -> Message:
    return Message(
        body=json.dumps({"psn_name": "张三", "certno": PERSON, "number": number}).encode(),
        routing_key=PARKED_QUEUE,
        message_id=f"m-{number}",
        reply_to=reply_queue(TENANT),
        headers={
            "idempotency-key": f"k-{number}",
            "x-park-reason": reason,
            "x-park-detail": f"certno {PERSON}",
            "x-park-at": "2026-01-01T00:00:00.000Z",
            "x-first-death-reason": "expired",
            **{f"x-original-{name.replace('_', '-')}": value for name, value in origin.items()},
        },
    )


@pytest.fixture
def three_parked(vhost: Vhost) -> None:
    async def park() -> None:
        broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
        origin = {"routing_key": f"2207.{TENANT}", "user_id": "his-1"}
        await broker.publish(parked_message(1, "worker_fault", **origin))
        await broker.publish(parked_message(2, "reply_unroutable", queue=reply_queue(TENANT)))
        await broker.publish(parked_message(3, "wrong_tenant"))
        await broker.close()

    asyncio.run(park())


def listed(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    assert yibao(config, "parked", "list", "--json") == ExitCode.OK
    return {each["message_id"]: each for each in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("three_parked")
def test_parked_messages_are_listed_again_and_again_without_being_taken_or_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = listed(config, capsys)
    assert listed(config, capsys) == first
    assert {name: each["reason"] for name, each in first.items()} == {
        "m-1": "worker_fault",
        "m-2": "reply_unroutable",
        "m-3": "wrong_tenant",
    }
    assert yibao(config, "parked", "show", first["m-1"]["id"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert f"x-original-routing-key: 2207.{TENANT}" in shown
    assert "idempotency-key: k-1" in shown
    assert PERSON not in shown
    assert "张三" not in shown
    assert yibao(config, "parked", "list", "--reason", "worker_fault") == ExitCode.OK
    assert capsys.readouterr().out.endswith("1 parked\n")


@pytest.mark.usefixtures("three_parked")
def test_a_replayed_request_goes_through_the_front_door_and_a_reply_to_its_queue(
    config: Path, vhost: Vhost, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = {name: each["id"] for name, each in listed(config, capsys).items()}
    assert yibao(config, "parked", "replay", ids["m-1"]) == ExitCode.OK
    assert yibao(config, "parked", "replay", "--reason", "reply_unroutable") == ExitCode.OK
    capsys.readouterr()
    assert set(listed(config, capsys)) == {"m-3"}
    request, reply = asyncio.run(arrived(vhost))
    assert (request.routing_key, request.exchange) == (f"2207.{TENANT}", "yibao.requests")
    assert request.headers == {"idempotency-key": "k-1", "x-original-user-id": "his-1"}
    assert (request.user_id, reply.user_id) == (USER, "")
    assert (request.message_id, request.reply_to) == ("m-1", reply_queue(TENANT))
    assert (reply.routing_key, reply.message_id) == (reply_queue(TENANT), "m-2")


async def arrived(vhost: Vhost) -> tuple[Delivery, Delivery]:
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)
        delivery.ack()

    broker = await Broker.connect(vhost.settings(), SystemClock())
    await broker.consume(request_queue("2207"), 10, handler)
    await broker.consume(reply_queue(TENANT), 10, handler)
    await until(lambda: len(seen) == 2, "request and reply")
    await broker.close()
    request, reply = sorted(seen, key=lambda each: each.message_id)
    return request, reply


@pytest.mark.usefixtures("three_parked")
def test_a_message_without_an_origin_stays_parked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = listed(config, capsys)["m-3"]["id"]
    assert yibao(config, "parked", "replay", number) == ExitCode.NEGATIVE
    assert "stays parked" in capsys.readouterr().err
    assert "m-3" in listed(config, capsys)


def test_what_was_parked_without_its_identities_cannot_be_sent_on_as_something_else(
    config: Path, vhost: Vhost, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {
        "idempotency-key": PERSON,
        "x-note": PERSON,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    sent = Message(body=b"{}", routing_key=f"2207.{TENANT}", message_id=PERSON, headers=dict(key))
    marks = {"x-original-routing-key": sent.routing_key}
    kept = parked(sent, "worker_fault", marks)
    assert PERSON not in repr(kept)
    assert kept.headers["x-park-withheld"] == "idempotency-key message_id"
    assert kept.headers["traceparent"] == key["traceparent"]

    async def park() -> None:
        broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
        await broker.publish(kept)
        await broker.close()

    asyncio.run(park())
    (number,) = (each["id"] for each in listed(config, capsys).values())
    assert yibao(config, "parked", "replay", number) == ExitCode.NEGATIVE
    assert "Let the HIS ask again with the same key" in capsys.readouterr().err
    assert len(listed(config, capsys)) == 1


@pytest.mark.usefixtures("three_parked")
@pytest.mark.parametrize("words", [("show",), ("replay",), ("replay", "abc", "--all")])
def test_an_action_without_its_choice_is_a_usage_error(
    config: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert yibao(config, "parked", *words) == ExitCode.USAGE
    assert "needs" in capsys.readouterr().err


@pytest.mark.usefixtures("three_parked")
def test_an_id_nobody_has_is_said_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert yibao(config, "parked", "show", "000000000000") == ExitCode.NEGATIVE
    assert "no parked message 000000000000" in capsys.readouterr().err
