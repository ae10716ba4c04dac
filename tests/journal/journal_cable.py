"""A cable between a journal and its server that can be cut at a chosen word of the client."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from bus.journal.postgres import Address
from tests.network.fault_proxy import Connection, FaultProxy, through_proxy

PREPARED = rb"(_pg3_\d+\0)([A-Z]+)"


class Cable:
    """``cut_at``: the first word of the client's statement at which the cable is cut, once.
    Whether the word still reaches the server is ``proxy.after_delivery``."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.cut_at = b""
        self._names: dict[Connection, dict[bytes, bytes]] = {}
        proxy.trap = self._sprung
        proxy.after_delivery = True

    def _sprung(self, connection: Connection, data: bytes) -> bool:
        # A statement is said in full once; from then on by the name given to it there.
        names = self._names.setdefault(connection, {})
        names |= {word: name for name, word in re.findall(PREPARED, data)}
        found = self.cut_at in names and names[self.cut_at] in data
        if found:
            self.cut_at = b""
        return found


@asynccontextmanager
async def cable(address: Address) -> AsyncIterator[tuple[Cable, Address]]:
    """A cable to the server of ``address``, and the address through it."""
    async with through_proxy(address.url) as (proxy, url):
        yield Cable(proxy), msgspec.structs.replace(address, url=url)
