"""A cable between a journal and its server that can be cut at a chosen word of the client."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from bus.journal.postgres import Address

PREPARED = rb"(_pg3_\d+\0)([A-Z]+)"


class Cable:
    """``cut_at``: the first word of the client's statement at which the cable is cut, once.
    ``delivered``: whether it still reaches the server, whose answer then does not come back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._joined: set[asyncio.Event] = set()
        self.cut_at = b""
        self.delivered = True
        self.cuts = 0

    async def join(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or it is cut."""
        server, forth = await asyncio.open_connection("127.0.0.1", self._port)
        cut = asyncio.Event()
        ways = [self._forth(client, forth, cut), self._back(server, back, cut)]
        tasks = [asyncio.create_task(way) for way in ways]
        self._joined.add(done := asyncio.Event())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for writer in (forth, back):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        done.set()

    async def ended(self) -> None:
        """Wait until every connection has ended by itself."""
        for one in self._joined:
            await one.wait()

    async def _forth(
        self, client: asyncio.StreamReader, forth: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        names: dict[bytes, bytes] = {}
        while data := await client.read(65_536):
            # A statement is said in full once; from then on by the name given to it there.
            names |= {word: name for name, word in re.findall(PREPARED, data)}
            if self.cut_at in names and names[self.cut_at] in data:
                self.cut_at = b""
                self.cuts += 1
                cut.set()
                if not self.delivered:
                    return
            forth.write(data)
            await forth.drain()

    async def _back(
        self, server: asyncio.StreamReader, back: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        while data := await server.read(65_536):
            if cut.is_set():
                return
            back.write(data)
            await back.drain()


@asynccontextmanager
async def cable(address: Address) -> AsyncIterator[tuple[Cable, Address]]:
    """A cable to the server of ``address``, and the address through it."""
    port = int(address.url.rpartition("/")[0].rpartition(":")[2])
    one = Cable(port)
    listener = await asyncio.start_server(one.join, "127.0.0.1", 0)
    here = listener.sockets[0].getsockname()[1]
    try:
        through = address.url.replace(f":{port}/", f":{here}/")
        yield one, msgspec.structs.replace(address, url=through)
    finally:
        listener.close()
        await one.ended()
        await listener.wait_closed()
