"""A network cable between a HIS and the broker that a test can pull."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import msgspec

from tests.producers.his_access import HisAccess


class Cable:
    """Relays bytes; ``pull`` resets every connection that runs through it."""

    def __init__(self) -> None:
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def pull(self) -> None:
        """Cut all connections at once; new ones may be made."""
        for writer in self._writers:
            writer.transport.abort()

    async def relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        pair = {writer, far_writer}
        self._writers |= pair
        with suppress(OSError):
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        self._writers -= pair


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def through_cable(his: HisAccess) -> AsyncIterator[tuple[Cable, HisAccess]]:
    """The same access by way of a cable."""
    cable = Cable()
    parts = urlsplit(his.url)
    port = parts.port or 0
    server = await asyncio.start_server(
        lambda reader, writer: cable.relay(reader, writer, port), "127.0.0.1", 0
    )
    near = server.sockets[0].getsockname()[1]
    url = parts._replace(netloc=parts.netloc.replace(f":{port}", f":{near}")).geturl()
    try:
        yield cable, msgspec.structs.replace(his, url=url)
    finally:
        server.close()
        cable.pull()
