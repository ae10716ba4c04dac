"""Calls as the tests make them."""

from collections.abc import Callable
from typing import Any

from bus.gateway.http import HttpGateway
from bus.gateway.port import GatewayCall

MakeGateway = Callable[..., HttpGateway]
"""Settings by keyword (url from the fixture unless named), plus ``path_table`` and ``clock``."""


def call(number: int = 0, **changes: Any) -> GatewayCall:
    """A call whose body names it."""
    values: dict[str, Any] = {
        "tenant": "H53010000001",
        "infno": "2207",
        "msgid": f"H5301000000120260101000000{number:04}",
        "body": b'{"infno":"2207","number":%d}' % number,
        "deadline_s": 5.0,
        **changes,
    }
    return GatewayCall(**values)
