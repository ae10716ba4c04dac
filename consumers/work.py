"""A record together with its decoded request, so that nothing is decoded twice on the way."""

from typing import Any, NamedTuple

from bus.lifecycle.record import Record
from consumers.order import Order
from schemas.jsontext import reread


class Work(NamedTuple):
    """``data`` is the decoded ``input`` of the order."""

    record: Record
    order: Order
    data: Any

    @classmethod
    def of(cls, record: Record) -> "Work":
        """From what the journal keeps."""
        order = Order.from_bytes(record.request)
        return cls(record, order, reread(bytes(order.input)))

    def at(self, record: Record) -> "Work":
        """The same request, its record moved on."""
        return Work(record, self.order, self.data)
