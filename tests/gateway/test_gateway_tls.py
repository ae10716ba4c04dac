"""TLS: only the pinned authority, only the right name; a failed handshake was never sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.gateway.port import Answered, MaybeSent, NeverSent
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer, Peer, answer, eventually, well_behaved
from tests.tls.certificates import Authority, server_context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "right")


@pytest.fixture
async def tls_server(authority: Authority) -> AsyncIterator[FaultServer]:
    fault_server = FaultServer()
    await fault_server.start(server_context(authority.server()))
    yield fault_server
    await fault_server.stop()


def _url(server: FaultServer) -> str:
    return f"https://127.0.0.1:{server.port}/fsi"


async def test_a_server_of_the_pinned_authority_is_trusted_and_kept(
    make_gateway: MakeGateway, tls_server: FaultServer, authority: Authority
) -> None:
    gateway = make_gateway(url=_url(tls_server), ca_file=str(authority.ca_file))
    for number in range(3):
        assert isinstance(await gateway.call(call(number)), Answered)
    assert tls_server.connections == 1
    assert len(tls_server.bodies) == 3


async def test_a_server_of_another_authority_is_never_sent_a_byte(
    make_gateway: MakeGateway, tls_server: FaultServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    for ca_file in (str(other.ca_file), ""):
        outcome = await make_gateway(url=_url(tls_server), ca_file=ca_file).call(call())
        assert isinstance(outcome, NeverSent)
        assert outcome.reason == "tls"
        assert "set ca_file to the authority" in outcome.detail
    assert tls_server.bytes_seen == 0


@pytest.mark.parametrize(
    ("host", "valid_h", "said"),
    [("elsewhere.example", 1.0, "for another address"), ("127.0.0.1", -1.0, "has expired")],
)
async def test_a_certificate_that_is_not_the_right_one_is_never_sent_a_byte(
    make_gateway: MakeGateway, authority: Authority, host: str, valid_h: float, said: str
) -> None:
    server = FaultServer()
    await server.start(server_context(authority.server(host, valid_h)))
    outcome = await make_gateway(url=_url(server), ca_file=str(authority.ca_file)).call(call())
    assert isinstance(outcome, NeverSent)
    assert outcome.reason == "tls"
    assert said in outcome.detail
    assert server.bytes_seen == 0
    await server.stop()


async def test_a_server_that_speaks_no_tls_is_never_sent_a_request(
    make_gateway: MakeGateway, server: FaultServer, authority: Authority
) -> None:
    async def plain(peer: Peer) -> None:
        await peer.send(b"220 smtp ready\r\n")
        await peer.ended()

    server.behaviour = plain
    gateway = make_gateway(url=_url(server), ca_file=str(authority.ca_file))
    outcome = await gateway.call(call())
    assert isinstance(outcome, NeverSent)
    assert outcome.reason == "tls"
    assert server.heads == []


async def test_a_server_that_hangs_in_the_handshake_is_never_sent_a_request(
    make_gateway: MakeGateway, server: FaultServer, authority: Authority
) -> None:
    server.behaviour = lambda peer: peer.ended()
    gateway = make_gateway(url=_url(server), ca_file=str(authority.ca_file), connect_s=0.2)
    outcome = await gateway.call(call())
    assert isinstance(outcome, NeverSent)
    assert outcome.reason == "connect_timeout"
    await eventually(lambda: server.open == 0)
    assert server.heads == []


async def test_a_close_after_the_request_over_tls_is_maybe_sent(
    make_gateway: MakeGateway, tls_server: FaultServer, authority: Authority
) -> None:
    async def closes(peer: Peer) -> None:
        await peer.request()

    tls_server.behaviour = closes
    gateway = make_gateway(url=_url(tls_server), ca_file=str(authority.ca_file))
    assert isinstance(await gateway.call(call(1)), MaybeSent)
    assert tls_server.bodies == [call(1).body]
    tls_server.behaviour = well_behaved
    assert isinstance(await gateway.call(call(2)), Answered)


async def test_a_kept_tls_connection_closed_by_the_server_is_replaced(
    make_gateway: MakeGateway, tls_server: FaultServer, authority: Authority
) -> None:
    async def one_answer(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())

    tls_server.behaviour = one_answer
    gateway = make_gateway(url=_url(tls_server), ca_file=str(authority.ca_file))
    for number in range(3):
        assert isinstance(await gateway.call(call(number)), Answered)
        await eventually(lambda: tls_server.open == 0)
    assert len(tls_server.bodies) == 3


async def test_a_call_cancelled_over_tls_frees_its_connection(
    make_gateway: MakeGateway, tls_server: FaultServer, authority: Authority
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.ended()

    tls_server.behaviour = silent
    gateway = make_gateway(url=_url(tls_server), ca_file=str(authority.ca_file))
    task = asyncio.ensure_future(gateway.call(call(1)))
    await eventually(lambda: len(tls_server.bodies) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: tls_server.open == 0)
