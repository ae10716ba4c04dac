"""A raw TCP server on loopback that misbehaves as told, and counts what it saw."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

BODY = b'{"infcode":0,"output":{}}'


def answer(body: bytes = BODY, *, status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    """A well-formed answer with content-length."""
    return (
        b"HTTP/1.1 "
        + status
        + b"\r\ncontent-type: application/json\r\n"
        + extra
        + b"content-length: %d\r\n\r\n" % len(body)
        + body
    )


class Peer:
    """One connection, from the server's side."""

    def __init__(
        self, server: "FaultServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The body of the next whole request; counted."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        self._server.heads.append(head)
        _, _, rest = head.lower().partition(b"content-length:")
        body = await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        self._server.bodies.append(body)
        return body

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """End with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    async def ended(self) -> None:
        """Return when the client has gone."""
        while await self._reader.read(65536):
            pass


Behaviour = Callable[[Peer], Awaitable[None]]


class _CountingProtocol(asyncio.StreamReaderProtocol):
    """Counts every byte of plain text that reached the server, read by somebody or not."""

    def __init__(self, server: "FaultServer") -> None:
        self._server = server
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(loop=loop), server.serve, loop=loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._server.connections += 1
        self._server.open += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._server.bytes_seen += len(data)
        self._server.starts.append(data[:200])
        super().data_received(data)


class FaultServer:
    """``behaviour`` is run for every connection; set it before the call."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = well_behaved
        self.connections = 0
        self.open = 0
        self.bytes_seen = 0
        self.starts: list[bytes] = []
        """The beginning of every piece of bytes that arrived."""
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _CountingProtocol(self), "127.0.0.1", 0, ssl=context, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.behaviour(Peer(self, reader, writer))
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await eventually(lambda: self.open == 0)


async def well_behaved(peer: Peer) -> None:
    """Answers every request on the connection."""
    while True:
        await peer.request()
        await peer.send(answer())


def answers(*parts: bytes, close: bool = True) -> Behaviour:
    """Read one request, send the parts one by one, then close (or wait for the client to)."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        for part in parts:
            await peer.send(part)
            await asyncio.sleep(0)
        if not close:
            await peer.ended()

    return behave


async def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not condition():
        assert loop.time() < end, "the condition did not come true in time"
        await asyncio.sleep(0.005)
