"""Names on the broker, and the limits of its queues. Binding for every HIS: see the HIS contract.

A tenant is an institution's fixmedins_code, which has no dots.
"""

from typing import Final

REQUESTS_EXCHANGE: Final = "yibao.requests"
EVENTS_EXCHANGE: Final = "yibao.events"
DESKS_EXCHANGE: Final = "yibao.desks"
EXPIRED_EXCHANGE: Final = "yibao.expired"
UNROUTED_EXCHANGE: Final = "yibao.unrouted"

EXPIRED_QUEUE: Final = "yibao.expired"
"""Requests the broker took out of their queue: reason ``expired`` or ``delivery_limit``."""
UNROUTED_QUEUE: Final = "yibao.unrouted"
"""Requests whose routing key no queue takes: an unknown transaction, or a tenant without lane."""
PARKED_QUEUE: Final = "yibao.parked"
"""What nobody could process, its reason in headers."""

RETRY_RUNGS_S: Final = (1, 5, 30, 120, 600)
"""How long a message rests on each rung of the retry ladder, seconds."""


def request_key(infno: str, tenant: str) -> str:
    """Routing key of a request on ``REQUESTS_EXCHANGE``."""
    return f"{infno}.{tenant}"


def request_queue(infno: str, tenant: str = "") -> str:
    """Queue of a transaction; in the bulk lane each tenant has its own."""
    return f"yibao.{infno}.{tenant}" if tenant else f"yibao.{infno}"


def reply_queue(tenant: str) -> str:
    """Durable reply queue of a tenant, used when a request names no ``reply_to``."""
    return f"yibao.replies.{tenant}"


def event_queue(tenant: str) -> str:
    """The tenant's safety copy of late outcomes and batch events, read by its back office."""
    return f"yibao.events.{tenant}"


def desk_queue(tenant: str, desk: str) -> str:
    """Queue of a cashier's desk, bound to ``DESKS_EXCHANGE`` by the key of ``desk_key``."""
    return f"yibao.desk.{tenant}.{desk}"


def desk_key(tenant: str, desk: str) -> str:
    """Routing key of a desk on ``DESKS_EXCHANGE``."""
    return f"{tenant}.{desk}"


def retry_exchange(seconds: int) -> str:
    """Rung of the retry ladder: what is published here comes back to ``REQUESTS_EXCHANGE`` under
    the routing key it was published with."""
    if seconds not in RETRY_RUNGS_S:
        raise ValueError(f"no retry rung of {seconds} s; there are {RETRY_RUNGS_S}")
    return f"yibao.retry.{seconds}"


def retry_queue(seconds: int) -> str:
    """Queue of a rung; nobody consumes it."""
    return retry_exchange(seconds)


def settlement_event(tenant: str, outcome: str) -> str:
    """Routing key on ``EVENTS_EXCHANGE`` of the final outcome of a request that was in doubt, or
    of the news that it is ``held``."""
    return f"settlement.{tenant}.{outcome}"


def batch_event(tenant: str, batch_id: str) -> str:
    """Routing key on ``EVENTS_EXCHANGE`` of the progress of a fee batch."""
    return f"batch.{tenant}.{batch_id}"


def device_event(tenant: str, desk: str, event: str) -> str:
    """Routing key on ``EVENTS_EXCHANGE`` of a card, scan or reader event at a desk."""
    return f"device.{tenant}.{desk}.{event}"


def session_event(tenant: str, event: str) -> str:
    """Routing key on ``EVENTS_EXCHANGE`` of a sign-in or sign-out."""
    return f"session.{tenant}.{event}"


def centre_event(state: str) -> str:
    """Routing key on ``EVENTS_EXCHANGE`` of the centre's state, the same for all tenants."""
    return f"centre.{state}"
