"""A private RabbitMQ cluster on loopback, and one address that leads to a living node of it.

Every node has its own name, ports and folders; cookie, password and epmd are shared, and are not
those of any other broker on this machine.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from compose.node import PrivateNode

PIECE_BYTES = 65_536
TRY_S = 2.0
"""A node on loopback takes a connection in milliseconds, or is dead."""


class PrivateCluster:
    """``size`` nodes under ``base``; ``nodes[0]`` was there first."""

    def __init__(self, base: Path, size: int = 3) -> None:
        self.nodes = [PrivateNode(base / "bus0")]
        names = [f"bus{number}" for number in range(1, size)]
        self.nodes += [PrivateNode(base / name, beside=self.nodes[0]) for name in names]

    def start(self) -> Self:
        """All nodes, one after the other: each joins those before it."""
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """The youngest first; the oldest owns the epmd of all."""
        for node in reversed(self.nodes):
            node.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def leader(self, vhost: str, queue: str) -> PrivateNode:
        """The node that leads a quorum queue; ``LookupError`` when there is none."""
        alive = next(node for node in self.nodes if node.pid)
        words = ("list_queues", "-p", vhost, "--formatter", "json", "name", "leader")
        for row in json.loads(alive.ctl(*words)):
            if row["name"] == queue:
                return next(node for node in self.nodes if node.name == row["leader"])
        raise LookupError(f"no queue {queue}")


@asynccontextmanager
async def balanced(nodes: Sequence[PrivateNode]) -> AsyncIterator[int]:
    """A port that leads to the first node that takes the connection, as a load balancer would."""
    tasks: set[asyncio.Task[None]] = set()

    async def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        try:
            await _through(nodes, reader, writer)
        except OSError:
            writer.transport.abort()

    server = await asyncio.start_server(arrived, "127.0.0.1", 0)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _through(
    nodes: Sequence[PrivateNode], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    for node in nodes:
        try:
            async with asyncio.timeout(TRY_S):
                there = await asyncio.open_connection("127.0.0.1", node.port)
        except (OSError, TimeoutError):
            continue
        ways = [
            asyncio.ensure_future(_pass_on(reader, there[1])),
            asyncio.ensure_future(_pass_on(there[0], writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there[1].transport.abort()
            writer.transport.abort()
        return
    writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()
