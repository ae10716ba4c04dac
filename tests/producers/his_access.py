"""The broker user of a HIS, with exactly the permissions docs/his-contract.md lists."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from bus.topology.permissions import SALT_BYTES, Account, Role, definitions, password_hash
from compose.node import PrivateNode
from tests.network.fault_proxy import FaultProxy
from tests.network.fault_proxy import through_proxy as proxied

TENANT = "H53010200001"


class HisAccess(msgspec.Struct, frozen=True):
    """How a HIS reaches the bus: its ``url`` and ``tenant``; ``admin_url`` is the bus's side."""

    url: str
    admin_url: str
    tenant: str = TENANT


def give_access(node: PrivateNode, vhost: str, tenant: str = TENANT) -> HisAccess:
    """Make the broker user of a HIS with exactly the permissions of the contract."""
    user, secret = f"his-{vhost}", os.urandom(8).hex()
    account = Account(
        user=user,
        role=Role.HIS,
        tenant=tenant,
        password_hash=password_hash(secret, os.urandom(SALT_BYTES)),
    )
    node.import_definitions(definitions((), vhost, (account,)))
    return HisAccess(node.url(vhost, user, secret), node.url(vhost), tenant)


def apart(url: str, folder: Path) -> list[str]:
    """The options that name this address without its password on the command line."""
    parts = urlsplit(url)
    secret = folder / "his-password"
    secret.touch(mode=0o600)
    secret.write_text(unquote(parts.password or ""), encoding="utf-8")
    bare = url.replace(f":{parts.password}@", "@")
    return ["--url", bare, "--password-file", str(secret)]


@asynccontextmanager
async def through_proxy(his: HisAccess) -> AsyncIterator[tuple[FaultProxy, HisAccess]]:
    """The same access by way of a proxy."""
    async with proxied(his.url) as (proxy, url):
        yield proxy, msgspec.structs.replace(his, url=url)
