"""A TCP proxy whose way out and way back can be spoilt, each by itself, while it runs.

What one end says reaches the other unchanged and in order, its end of stream included, unless a
fault says otherwise. Bytes that were taken are never left out of a stream that goes on: TCP would
not do that either. So a way that is ``hold``-ing delivers late what it has, or its connection dies.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

PIECE_BYTES = 65_536
ACCEPT_TURNS = 4
"""Turns of the loop from accepting a connection to its first task, and one."""
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket whose close is a reset."""

Trap = Callable[["Connection", bytes], bool]
"""Sees every piece on its way out; ``True`` springs it: the connection is reset there."""


class Way:
    """One direction of all connections. ``delay_s``: per piece; ``drip_bytes``: pieces no longer
    than that (0: as they come), and at most ``delay_s`` apart."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.drip_bytes = 0
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """Let nothing through, not even an end or a reset: the cable is cut, one way."""
        self._free.clear()

    def heal(self) -> None:
        """Let everything through as it comes; what was held first."""
        self.delay_s, self.drip_bytes = 0.0, 0
        self._free.set()

    async def passage(self) -> None:
        """Wait until something may pass."""
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._free.wait()

    def pieces(self, data: bytes) -> list[bytes]:
        """As what ``data`` travels."""
        size = self.drip_bytes or len(data)
        return [data[at : at + size] for at in range(0, len(data), size)]


class End:
    """One end of a connection, as it is spoken to. ``over``: nothing more can be said to it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.over = False

    async def say(self, data: bytes) -> None:
        """Pass bytes on; nothing when it is over."""
        if not self.over:
            self._writer.write(data)
            await self._writer.drain()

    def finish(self) -> None:
        """FIN, after what was said; this end may go on talking."""
        if not self.over:
            self.over = True
            with suppress(OSError):
                self._writer.write_eof()

    def reset(self) -> None:
        """RST."""
        self.over = True
        with suppress(OSError):
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._writer.transport.abort()


class Connection:
    """One connection through the proxy."""

    def __init__(
        self,
        near: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
    ) -> None:
        self._near = near
        self.client, self.server = End(client), End(server)
        self.answered = False
        """Whether the server has said anything on it."""
        self.deaf = False
        """Whether the next thing the server says resets it instead of reaching the client."""

    @property
    def deserted(self) -> bool:
        """Whether the client has ended its side, or reset it."""
        return self._near.at_eof() or self._near.exception() is not None

    def reset(self) -> None:
        """RST to both ends; what is under way is lost."""
        self.client.reset()
        self.server.reset()


class FaultProxy:
    """``port`` on ``host`` leads to ``to_port`` of this machine. ``out``: client to server;
    ``back``: the way of the answers. ``made`` counts connections, ``sprung`` how often the trap
    was."""

    def __init__(self, to_port: int, host: str = "127.0.0.1") -> None:
        self.to_port = to_port
        self._host = host
        self.port = 0
        self.out, self.back = Way(), Way()
        self.plugged = True
        self.trap: Trap | None = None
        self.after_delivery = False
        """Whether what springs the trap still reaches the server, whose answer then does not come
        back."""
        self.made = 0
        self.sprung = 0
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def deserted(self) -> int:
        """How many of them their client has left, though the way may not let that be known."""
        return sum(one.deserted for one in self._open)

    # -- faults ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """RST on every connection; new ones may be made."""
        for one in tuple(self._open):
            one.reset()

    def cut(self) -> None:
        """FIN on every connection, both ways; new ones may be made."""
        for one in tuple(self._open):
            one.client.finish()
            one.server.finish()

    def unplug(self) -> None:
        """RST on every connection, and on every new one as soon as it is made."""
        self.plugged = False
        self.reset()

    def half_close(self, *, client: bool) -> None:
        """FIN towards the clients, or towards the servers; the other way goes on. What was still to
        come is thrown away."""
        for one in tuple(self._open):
            (one.client if client else one.server).finish()

    def heal(self) -> None:
        """No fault any more. Connections that have ended stay ended."""
        self.plugged, self.trap, self.after_delivery = True, None, False
        self.out.heal()
        self.back.heal()

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for _ in range(ACCEPT_TURNS):  # what was accepted a moment ago begins
            await asyncio.sleep(0)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until every connection has ended by itself."""
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            pass  # a server's own callback reports a cancelled task as a fault
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _relay(self, near: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.made += 1
        if not self.plugged:
            End(client).reset()
            return
        try:
            far, server = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            End(client).reset()
            return
        one = Connection(near, client, server)
        self._open.add(one)
        ways = [
            asyncio.create_task(_carry(near, one.server, self.out, self._on_the_way_out(one))),
            asyncio.create_task(_carry(far, one.client, self.back, self._on_the_way_back(one))),
        ]
        try:
            await asyncio.gather(*ways)
        except OSError:
            one.reset()
        finally:
            server.transport.abort()  # before anything that may be cancelled
            self._open.discard(one)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _on_the_way_out(self, one: Connection) -> Callable[[bytes], bool]:
        def look(data: bytes) -> bool:
            if self.trap is None or not self.trap(one, data):
                return True
            self.sprung += 1
            if self.after_delivery:
                one.deaf = True
                return True
            one.reset()
            return False

        return look

    def _on_the_way_back(self, one: Connection) -> Callable[[bytes], bool]:
        def look(_data: bytes) -> bool:
            one.answered = True
            if one.deaf:
                one.reset()
            return not one.deaf

        return look


async def _carry(
    reader: asyncio.StreamReader, to: End, way: Way, look: Callable[[bytes], bool]
) -> None:
    """One direction of one connection, until its end has been passed on."""
    while data := await reader.read(PIECE_BYTES):
        if not look(data):
            return
        for piece in way.pieces(data):
            await way.passage()
            if (gone := reader.exception()) is not None:
                raise gone  # after a reset TCP delivers nothing more either
            await to.say(piece)
    await way.passage()
    to.finish()


def reused(one: Connection, _data: bytes) -> bool:
    """A trap: the first bytes on a connection that has been used before."""
    return one.answered


@asynccontextmanager
async def fault_proxy(to_port: int, host: str = "127.0.0.1") -> AsyncIterator[FaultProxy]:
    """A proxy to a port of this machine."""
    proxy = FaultProxy(to_port, host)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@asynccontextmanager
async def through_proxy(url: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A proxy to the server of an address, and the same address through it."""
    parts = urlsplit(url)
    async with fault_proxy(parts.port or 0) as proxy:
        netloc = f"{parts.netloc.rpartition(':')[0]}:{proxy.port}"
        yield proxy, parts._replace(netloc=netloc).geturl()
