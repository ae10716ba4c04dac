"""The proxy does to a connection what it says, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.gateway.gateway_fault_server import eventually
from tests.network.fault_proxy import NO_LINGER, FaultProxy, fault_proxy, reused, through_proxy

LONG = bytes(range(256)) * 4096


class Echo:
    """A server that says everything back, and remembers how each connection ended."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ends: asyncio.Queue[str] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None] | None] = set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        try:
            while data := await reader.read(65_536):
                self.heard.append(data)
                writer.write(data)
                await writer.drain()
            writer.write(b"bye")
            self.ends.put_nowait("fin")
        except ConnectionResetError:
            self.ends.put_nowait("reset")
        finally:
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    one = Echo()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()
    await asyncio.gather(*(task for task in one.tasks if task))


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(echo.port) as one:
        yield one


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def client(proxy: FaultProxy) -> AsyncIterator[Ends]:
    """A connection through the proxy that has been used once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    yield reader, writer
    writer.close()


async def comes(reader: asyncio.StreamReader, within_s: float = 0.2) -> bytes:
    """What arrives in a short time; nothing when nothing does."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read(65_536)
    except TimeoutError:
        return b""


async def test_without_a_fault_everything_passes_unchanged_the_ends_too(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        writer.write(LONG)
        assert await reader.readexactly(len(LONG)) == LONG
        writer.write_eof()
        assert await reader.read() == b"bye"
        assert await echo.ends.get() == "fin"
        await proxy.idle()
    assert (proxy.made, proxy.connections) == (1, 0)


async def test_a_reset_reaches_both_ends_and_the_next_connection_works(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, _):
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert await echo.ends.get() == "reset"
    async with client(proxy):
        assert proxy.made == 2


async def test_a_cut_ends_both_ways_in_order(proxy: FaultProxy, echo: Echo) -> None:
    async with client(proxy) as (reader, _):
        proxy.cut()
        assert await reader.read() == b""
        assert await echo.ends.get() == "fin"


async def test_an_unplugged_cable_takes_no_connection_until_it_is_plugged_in_again(
    proxy: FaultProxy, echo: Echo
) -> None:
    proxy.unplug()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert echo.heard == []
    proxy.heal()
    async with client(proxy):
        assert echo.heard == [b"hello"]


async def test_a_way_that_is_held_lets_nothing_through_and_loses_nothing(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.out.hold()
        writer.write(b"one")
        writer.write_eof()
        assert await comes(reader) == b""
        assert echo.heard == [b"hello"]
        proxy.heal()
        assert await reader.read() == b"onebye"


async def test_what_was_held_is_not_delivered_after_its_sender_has_reset_the_connection(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (_, writer):
        proxy.out.hold()
        writer.write(b"one")
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.transport.abort()
        await eventually(lambda: proxy.deserted == 1)
        proxy.heal()
        assert await echo.ends.get() == "reset"
    assert echo.heard == [b"hello"]


async def test_the_ways_are_held_one_by_one(proxy: FaultProxy, echo: Echo) -> None:
    async with client(proxy) as (reader, writer):
        proxy.back.hold()
        writer.write(b"one")
        assert await comes(reader) == b""
        assert echo.heard == [b"hello", b"one"]
        proxy.heal()
        assert await reader.readexactly(3) == b"one"


async def test_a_dripping_way_delivers_everything_in_small_pieces(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.out.drip_bytes, proxy.out.delay_s = 3, 0.001
        writer.write(LONG[:100])
        assert await reader.readexactly(100) == LONG[:100]
        assert len(echo.heard) > 5
        assert b"".join(echo.heard[1:]) == LONG[:100]


async def test_a_delayed_way_delivers_later(proxy: FaultProxy) -> None:
    async with client(proxy) as (reader, writer):
        proxy.back.delay_s = 0.3
        writer.write(b"one")
        assert await comes(reader, 0.1) == b""
        assert await reader.readexactly(3) == b"one"


async def test_a_half_close_towards_the_client_leaves_the_way_to_the_server(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.half_close(client=True)
        assert await reader.read() == b""
        writer.write(b"one")
        writer.write_eof()
        assert await echo.ends.get() == "fin"
        assert b"".join(echo.heard) == b"helloone"


async def test_a_half_close_towards_the_server_leaves_the_way_of_its_answer(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.half_close(client=False)
        assert await echo.ends.get() == "fin"
        writer.write(b"one")
        assert await reader.read() == b"bye"
        assert echo.heard == [b"hello"]


async def test_the_first_bytes_on_a_used_connection_spring_the_trap(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.trap = reused
        writer.write(b"one")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        async with client(proxy):
            assert proxy.sprung == 1
    assert echo.heard == [b"hello", b"hello"]


async def test_what_springs_the_trap_may_be_delivered_and_its_answer_lost(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with client(proxy) as (reader, writer):
        proxy.trap, proxy.after_delivery = reused, True
        writer.write(b"one")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert echo.heard == [b"hello", b"one"]


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with fault_proxy(1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_an_address_leads_through_the_proxy() -> None:
    async with through_proxy("amqp://u:p@127.0.0.1:5672/v?heartbeat=1") as (proxy, url):
        assert url == f"amqp://u:p@127.0.0.1:{proxy.port}/v?heartbeat=1"
        assert proxy.to_port == 5672
