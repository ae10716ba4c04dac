"""A record together with its decoded request, so that nothing is decoded twice on the way."""

from typing import Any, NamedTuple

from bus.lifecycle.record import Record
from consumers.centre import Caller
from consumers.order import Order
from schemas.jsontext import reread
from schemas.views import Keys, keys_of


class Work(NamedTuple):
    """``data`` is the decoded ``input`` of the order, ``keys`` what it is about."""

    record: Record
    order: Order
    data: Any
    keys: Keys
    caller: Caller | None = None
    """The signed-in caller of the first attempt, where it is known already."""

    @classmethod
    def of(cls, record: Record) -> "Work":
        """From what the journal keeps."""
        order = Order.from_bytes(record.request)
        data = reread(bytes(order.input))
        return cls(record, order, data, keys_of(data))

    def at(self, record: Record) -> "Work":
        """The same request, its record moved on."""
        return self._replace(record=record, caller=None)
