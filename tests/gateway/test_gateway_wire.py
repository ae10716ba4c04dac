"""The two ways into a transport: bytes directly, or through httpx's seam."""

import httpx
import pytest

from bus.clock import SystemClock
from bus.config.settings import BreakerSettings
from bus.gateway.breaker import BreakerHolder
from bus.gateway.connection import AnswerLimits
from bus.gateway.guard import Guard
from bus.gateway.http import HttpGateway, HttpParts
from bus.gateway.line import Line, TransportFault
from bus.gateway.port import Answered, MaybeSent, NeverSent
from bus.gateway.secret import Secret
from bus.gateway.signing import Credentials, Draft, NoScheme, Scheme, Signed
from bus.gateway.transport import HttptoolsTransport
from bus.gateway.wire import Headers, OverHttpx, Wire, exchanger, target
from tests.gateway.gateway_calls import MakeGateway, call
from tests.gateway.gateway_fault_server import FaultServer, Peer


class ForgedHeader:
    """Signs with a line break in a value."""

    fixed: Headers | None = None

    async def sign(self, draft: Draft) -> Signed:
        return Signed(headers=((b"x-nonce", b"1\r\nx-forged: 1"),), body=draft.body)


def gateway_over(
    transport: httpx.AsyncBaseTransport, port: int = 1, scheme: Scheme | None = None
) -> HttpGateway:
    clock = SystemClock()
    breaker = BreakerHolder(failures_max=BreakerSettings().failures, open_s=1.0)
    none = NoScheme(Credentials(account="", secret=Secret("")))
    return HttpGateway(
        HttpParts(
            transport=transport,
            scheme=scheme or none,
            address_of=lambda _infno: httpx.URL(f"http://127.0.0.1:{port}/fsi"),
            guard=Guard(breaker, concurrency=4, rate_per_s=0.0, clock=clock),
            clock=clock,
            connect_s=1.0,
        )
    )


def own_transport() -> HttptoolsTransport:
    return HttptoolsTransport(
        ssl_context=None,
        limits=AnswerLimits(body_bytes_max=10_000),
        connections_max=4,
        keepalive_s=10.0,
    )


async def test_the_driver_works_over_any_httpx_transport() -> None:
    def centre(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-length"] == str(len(call().body))
        return httpx.Response(200, headers={"Content-Type": "text/plain"}, content=request.content)

    outcome = await gateway_over(httpx.MockTransport(centre)).call(call())
    assert outcome == Answered(http_status=200, content_type="text/plain", body=call().body)


async def test_a_transport_that_raises_something_strange_is_a_fault_of_the_driver() -> None:
    def centre(request: httpx.Request) -> httpx.Response:
        line = request.extensions["line"]
        line.cross()
        raise KeyError("strange")

    outcome = await gateway_over(httpx.MockTransport(centre)).call(call())
    assert outcome == MaybeSent(reason="driver_fault", detail="KeyError")


async def test_both_ways_put_the_same_request_on_the_wire(server: FaultServer) -> None:
    own = own_transport()
    assert exchanger(own) is own
    wire = Wire(
        target=target(httpx.URL(f"http://127.0.0.1:{server.port}/fsi/2207?x=1")),
        headers=((b"apikey", b"secret"),),
        body=b"{}",
        connect_s=1.0,
        pool_s=1.0,
        line=Line(),
    )
    answers = [await each.exchange(wire) for each in (own, OverHttpx(own))]
    await own.aclose()
    assert answers[0] == answers[1]
    assert answers[0].content_type == "application/json"
    first, second = server.heads
    assert first == second
    assert first.startswith(b"POST /fsi/2207?x=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert first.endswith(b"apikey: secret\r\ncontent-length: 2\r\n\r\n")


async def test_a_line_break_in_a_header_never_leaves(server: FaultServer) -> None:
    own = own_transport()
    outcome = await gateway_over(own, server.port, ForgedHeader()).call(call())
    assert isinstance(outcome, NeverSent)
    assert outcome.reason == "config"
    request = httpx.Request("POST", f"http://127.0.0.1:{server.port}/", content=b"{}")
    request.headers = httpx.Headers([(b"x", b"1\n2")])
    with pytest.raises(TransportFault, match="config"):
        await own.handle_async_request(request)
    assert server.connections == 0


async def test_a_header_given_in_capitals_is_read_all_the_same(
    make_gateway: MakeGateway, server: FaultServer
) -> None:
    async def capitals(peer: Peer) -> None:
        await peer.request()
        await peer.send(
            b"HTTP/1.1 200 OK\r\nCONTENT-TYPE: text/html\r\nCONTENT-LENGTH: 2\r\n\r\n{}"
        )

    server.behaviour = capitals
    outcome = await make_gateway().call(call())
    assert outcome == Answered(http_status=200, content_type="text/html", body=b"{}")
