"""A record together with its decoded request, so that nothing is decoded twice on the way."""

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bus.lifecycle.record import Record
from consumers.order import Order

_decoder = msgspec.json.Decoder(float_hook=Decimal)


def json_of(raw: bytes | msgspec.Raw) -> Any:
    """JSON as Python values, numbers with a fraction as ``Decimal``."""
    return _decoder.decode(raw)


class Work(NamedTuple):
    """``data`` is the decoded ``input`` of the order."""

    record: Record
    order: Order
    data: Any

    @classmethod
    def of(cls, record: Record) -> "Work":
        """From what the journal keeps."""
        order = Order.from_bytes(record.request)
        return cls(record, order, json_of(order.input))

    def at(self, record: Record) -> "Work":
        """The same request, its record moved on."""
        return Work(record, self.order, self.data)
