"""The broker user of a HIS, with exactly the permissions docs/his-contract.md lists."""

import os

import msgspec

from bus.topology.permissions import SALT_BYTES, Account, Role, definitions, password_hash
from compose.node import PrivateNode

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
