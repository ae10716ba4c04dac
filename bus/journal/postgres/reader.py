"""Reads on a bounded number of connections of their own: they neither wait for the writer nor hold
it."""

import asyncio
from collections.abc import Sequence

import psycopg

from bus.journal.port import JournalUnavailableError
from bus.journal.postgres.connect import ENDED, Address, unavailable
from bus.journal.postgres.link import Answer, Ask, Link


class Reader:
    """Sees every commit that was made before the read began. Connections are opened when they are
    first needed, and the one used last is used next."""

    def __init__(self, address: Address, connections_max: int) -> None:
        self._address = address
        self._room = asyncio.Semaphore(connections_max)
        self._idle: list[Link] = []
        self._closed = False

    async def read(self, asks: Sequence[Ask]) -> list[Answer]:
        """The answers; ``JournalUnavailableError`` when the server cannot be read, ``ValueError``
        for terms that no database can hold."""
        async with self._room:
            if self._closed:
                raise JournalUnavailableError("journal: closed")
            try:
                return await self._read(asks)
            except (psycopg.Error, OSError) as error:
                raise unavailable(error) from None

    async def close(self) -> None:
        """Disconnect; reads that are on their way end first."""
        self._closed = True
        idle, self._idle = self._idle, []
        for link in idle:
            await link.close()

    async def _read(self, asks: Sequence[Ask]) -> list[Answer]:
        while self._idle:
            # What was idle may belong to a server that was restarted since.
            try:
                return await self._through(self._idle.pop(), asks)
            except psycopg.OperationalError as error:
                if error.sqlstate not in ENDED:
                    raise
        return await self._through(await Link.open(self._address), asks)

    async def _through(self, link: Link, asks: Sequence[Ask]) -> list[Answer]:
        try:
            answers = await link.run(asks)
        except BaseException:
            await link.close()
            raise
        if self._closed:
            await link.close()
        else:
            self._idle.append(link)
        return answers
