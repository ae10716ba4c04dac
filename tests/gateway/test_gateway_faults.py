"""Where a call stopped decides its outcome: every fault, both transports, one request at most."""

import asyncio
import random
import socket

import pytest

from bus.gateway.port import Answered, MaybeSent, NeverSent, Outcome
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import (
    BODY,
    Behaviour,
    FaultServer,
    Peer,
    answer,
    answers,
    eventually,
    well_behaved,
)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def close_at_once(peer: Peer) -> None:
    peer.close()


async def close_after_request(peer: Peer) -> None:
    await peer.request()


async def reset_after_request(peer: Peer) -> None:
    await peer.request()
    peer.reset()


async def reset_in_the_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + b"\r\n" + BODY[:10])
    await asyncio.sleep(0.05)
    peer.reset()


async def reset_after_half_a_request(peer: Peer) -> None:
    await peer._reader.read(20)
    peer.reset()


async def never_answers(peer: Peer) -> None:
    await peer.request()
    await peer.ended()


async def drips(peer: Peer) -> None:
    await peer.request()
    for byte in answer() * 100:
        await peer.send(bytes([byte]))
        await asyncio.sleep(0.02)


CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"

MAYBE: dict[str, tuple[Behaviour, set[str]]] = {
    "close after the request": (close_after_request, {"connection_lost"}),
    "reset after the request": (reset_after_request, {"connection_lost"}),
    "reset in the body": (reset_in_the_body, {"half_answer"}),
    "reset after half a request": (reset_after_half_a_request, {"connection_lost"}),
    "half a status line": (answers(b"HTTP/1.1 20"), {"half_answer", "connection_lost"}),
    "half the headers": (answers(HEAD), {"half_answer", "connection_lost"}),
    "half the body": (answers(answer()[:-5]), {"half_answer"}),
    "content-length too long": (
        answers(HEAD + b"content-length: 999\r\n\r\n" + BODY),
        {"half_answer"},
    ),
    "chunked, cut off": (answers(CHUNKED + b"5\r\n{}  "), {"half_answer"}),
    "chunked without an end": (answers(CHUNKED + b"2\r\n{}\r\n"), {"half_answer"}),
    "chunk size is no number": (answers(CHUNKED + b"zz\r\n{}\r\n"), {"bad_http", "half_answer"}),
    "garbage": (answers(b"\x16\x03\x01\x02\x00garbage\r\n\r\n"), {"bad_http"}),
    "another protocol": (answers(b"SSH-2.0-OpenSSH_9.2\r\n"), {"bad_http"}),
    "switching protocols": (
        answers(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        {"bad_http", "connection_lost", "half_answer"},
    ),
    "only an interim answer": (
        answers(b"HTTP/1.1 100 Continue\r\n\r\n"),
        {"half_answer", "connection_lost"},
    ),
    "huge header": (
        answers(HEAD + b"x: " + b"a" * 200_000 + b"\r\n\r\n"),
        {"answer_too_large", "bad_http"},
    ),
    "body above the limit": (answers(answer(b"x" * 300_000)), {"answer_too_large"}),
    "chunks above the limit": (
        answers(CHUNKED, *[b"8000\r\n" + b"x" * 0x8000 + b"\r\n"] * 12, close=False),
        {"answer_too_large"},
    ),
    "close-delimited above the limit": (
        answers(HEAD + b"\r\n", *[b"x" * 0x8000] * 12, close=False),
        {"answer_too_large"},
    ),
}


MISSED = {("aiohttp", "reset in the body")}
"""What the fallback cannot tell apart. The cut JSON does not parse, so its meaning is Unclear."""


@pytest.mark.parametrize("fault", MAYBE)
async def test_after_the_first_byte_every_fault_is_maybe_sent_and_sent_once(
    make_gateway: MakeGateway, server: FaultServer, transport: str, fault: str
) -> None:
    if (transport, fault) in MISSED:
        pytest.xfail("aiohttp takes a reset for the end of an answer without a length")
    server.behaviour, reasons = MAYBE[fault]
    gateway = make_gateway(answer_bytes_max=200_000)
    outcome = await gateway.call(call())
    assert isinstance(outcome, MaybeSent)
    assert outcome.reason in reasons
    await eventually(lambda: server.open == 0)
    assert len(server.heads) <= 1
    assert server.connections == 1


WHOLE: dict[str, tuple[Behaviour, int, bytes]] = {
    "content-length": (answers(answer()), 200, BODY),
    "byte by byte": (answers(*[bytes([b]) for b in answer()]), 200, BODY),
    "chunked": (answers(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"), 200, b"{}"),
    "chunked with extension and trailer": (
        answers(CHUNKED + b"1;a=b\r\n{\r\n", b"1\r\n}\r\n0\r\nx: y\r\n\r\n"),
        200,
        b"{}",
    ),
    "delimited by the close": (answers(HEAD + b"\r\n", BODY[:9], BODY[9:]), 200, BODY),
    "http 1.0": (answers(b"HTTP/1.0 200 OK\r\n\r\n" + BODY), 200, BODY),
    "interim answers first": (
        answers(
            b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", answer()
        ),
        200,
        BODY,
    ),
    "empty body": (answers(answer(b"")), 200, b""),
    "no content": (answers(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b""),
    "bad gateway": (answers(answer(b"<html>", status=b"502 Bad Gateway")), 502, b"<html>"),
    "redirect": (
        answers(answer(b"", status=b"302 Found", extra=b"location: http://127.0.0.1:1/\r\n")),
        302,
        b"",
    ),
    "compressed although nobody asked": (
        answers(answer(b"\x1f\x8b-not-gzip", extra=b"content-encoding: gzip\r\n")),
        200,
        b"\x1f\x8b-not-gzip",
    ),
    "content-length too short": (
        answers(HEAD + b"content-length: 2\r\n\r\n" + BODY),
        200,
        BODY[:2],
    ),
    "an early answer, the connection closed": (
        answers(answer(extra=b"connection: close\r\n")),
        200,
        BODY,
    ),
}


@pytest.mark.parametrize("shape", WHOLE)
async def test_a_whole_http_answer_is_answered_whatever_it_says(
    make_gateway: MakeGateway, server: FaultServer, transport: str, shape: str
) -> None:
    server.behaviour, status, body = WHOLE[shape]
    outcome = await make_gateway().call(call())
    if transport == "aiohttp" and shape == "content-length too short":
        assert isinstance(outcome, MaybeSent)  # it reads on before it hands over
        return
    assert isinstance(outcome, Answered)
    assert (outcome.http_status, outcome.body) == (status, body)
    assert len(server.heads) == 1


async def test_a_refused_port_was_never_sent_to(make_gateway: MakeGateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        outcome = await make_gateway(url=url).call(call())
    assert isinstance(outcome, NeverSent)
    assert (outcome.reason, outcome.retryable) == ("connect_refused", True)


async def test_a_name_that_does_not_resolve_was_never_sent_to(make_gateway: MakeGateway) -> None:
    outcome = await make_gateway(url="http://centre.invalid/").call(call())
    assert isinstance(outcome, NeverSent)
    assert outcome.reason == "dns"


async def test_a_connect_that_hangs_is_never_sent_after_the_connect_limit(
    make_gateway: MakeGateway,
) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.socket() as first, socket.socket() as second:
            for filler in (first, second):  # fills the accept queue: later SYNs get no answer
                filler.setblocking(False)
                filler.connect_ex(address)
            await asyncio.sleep(0.05)
            gateway = make_gateway(url=f"http://127.0.0.1:{address[1]}/", connect_s=0.2)
            limited = await gateway.call(call())
            overall = await gateway.call(call(deadline_s=0.1))
    assert isinstance(limited, NeverSent)
    assert limited.reason == "connect_timeout"
    assert isinstance(overall, NeverSent)
    assert overall.reason == "connect_timeout"


async def test_never_sent_after_accept_and_close_means_the_server_saw_no_byte(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    server.behaviour = close_at_once
    gateway = make_gateway()
    for number in range(20):
        before = server.bytes_seen
        outcome = await gateway.call(call(number))
        await eventually(lambda: server.open == 0)
        if isinstance(outcome, NeverSent):
            assert server.bytes_seen == before
        else:
            assert isinstance(outcome, MaybeSent)
    assert server.connections == 20


async def test_whatever_goes_wrong_never_sent_means_unseen_and_nothing_is_seen_twice(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    chance = random.Random(20260102)  # noqa: S311 - a reproducible schedule, not a secret
    faults = [behaviour for behaviour, _ in MAYBE.values()] + [close_at_once, never_answers]

    async def anything(peer: Peer) -> None:
        await chance.choice([*faults, *[well_behaved] * 20])(peer)

    async def one(number: int) -> tuple[int, Outcome | BaseException]:
        await asyncio.sleep(chance.random() * 0.3)
        deadline_s = chance.choice([0.0005, 0.002, 0.01, 0.5])
        task = asyncio.ensure_future(
            gateway.call(call(number, infno=f"N{number:04}", deadline_s=deadline_s))
        )
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.01)
            task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        return number, result

    server.behaviour = anything
    gateway = make_gateway(paths="infno", concurrency=20, connections_max=10)
    outcomes = dict(await asyncio.gather(*(one(number) for number in range(400))))
    kinds = {type(outcome) for outcome in outcomes.values()}
    assert kinds == {Answered, MaybeSent, NeverSent, asyncio.CancelledError}
    arrived = b"".join(server.starts)
    for number, outcome in outcomes.items():
        seen = arrived.count(b"/N%04d " % number)
        assert seen <= 1
        assert seen == 0 or not isinstance(outcome, NeverSent)
        assert seen == 1 or not isinstance(outcome, Answered)
    assert set(gateway.health().in_flight.values()) == {0}


@pytest.mark.parametrize("behaviour", [never_answers, drips])
async def test_the_overall_deadline_holds_however_slowly_bytes_drip(
    make_gateway: MakeGateway, server: FaultServer, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    outcome = await make_gateway().call(call(deadline_s=0.3))
    assert isinstance(outcome, MaybeSent)
    assert outcome.reason == "read_timeout"
    await eventually(lambda: server.open == 0)
    assert len(server.heads) == 1


async def test_a_deadline_already_passed_sends_nothing(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    outcome = await make_gateway().call(call(deadline_s=0.0))
    assert outcome == NeverSent(reason="deadline")
    assert server.connections == 0


async def test_a_big_request_the_server_does_not_read_ends_at_the_deadline(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def reads_a_little(peer: Peer) -> None:
        await peer._reader.readexactly(100)
        await asyncio.Event().wait()

    server.behaviour = reads_a_little
    outcome = await make_gateway().call(call(body=b"x" * 30_000_000, deadline_s=1.0))
    assert isinstance(outcome, MaybeSent)
    assert outcome.reason == "read_timeout"


async def test_an_answer_before_the_whole_request_was_read_closes_the_connection(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def refuses_early(peer: Peer) -> None:
        await peer._reader.readexactly(100)
        await peer.send(answer(b"{}", status=b"413 Too Large"))
        await peer.ended()

    server.behaviour = refuses_early
    gateway = make_gateway()
    outcome = await gateway.call(call(body=b"x" * 30_000_000))
    assert isinstance(outcome, Answered)
    assert outcome.http_status == 413
    await eventually(lambda: server.open == 0)


async def test_detail_never_holds_text_of_the_far_side(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    server.behaviour = answers(b"HTTP/1.1 200 OK\r\n530102199001011234 \x00: x\r\n\r\n")
    outcome = await make_gateway().call(call())
    assert isinstance(outcome, MaybeSent)
    assert "530102" not in repr(outcome)
