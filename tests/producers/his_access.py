"""The broker user of a HIS, with exactly the permissions docs/his-contract.md lists."""

import os
from typing import Any

import msgspec

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
    own = rf"yibao\.replies\.{tenant}(\..*)?"
    permissions = {
        "configure": f"^{own}$",
        "write": rf"^(yibao\.requests|{own})$",
        "read": rf"^(yibao\.events|{own})$",
    }
    topics: list[dict[str, Any]] = [
        {"exchange": "yibao.requests", "write": rf"^[^.]+\.{tenant}$", "read": "^$"},
        {"exchange": "yibao.events", "write": "^$", "read": rf"^[^.]+\.{tenant}(\..*)?$"},
    ]
    node.import_definitions(
        {
            "users": [{"name": user, "password": secret, "tags": ""}],
            "permissions": [{"user": user, "vhost": vhost, **permissions}],
            "topic_permissions": [{"user": user, "vhost": vhost, **row} for row in topics],
        }
    )
    return HisAccess(node.url(vhost, user, secret), node.url(vhost), tenant)
