"""The one place that says what exists on the broker. Pure: transactions and tenants in, items
out."""

from collections.abc import Iterable, Iterator, Mapping

from bus.topology import names
from bus.topology.items import Binding, Exchange, Item, Queue

DAY_MS = 86_400_000
REPLY_TTL_MS = 7 * DAY_MS
"""A reply nobody fetched for a week is not fetched any more; the journal still has it."""
REQUESTS_MAX = 50_000
"""Messages waiting for one transaction. More means that no worker runs: the HIS is told at once
(its publish is refused) instead of waiting behind a queue nobody serves."""
REPLIES_MAX = 200_000
"""Replies kept for a tenant that does not read; then the oldest goes, which the journal has."""
EVENTS_MAX = 100_000
PARKED_MAX = 100_000
RUNG_MAX = 50_000
DELIVERIES_MAX = 20
"""RabbitMQ 4's default, written out because 3.10 has none."""
DELIVERIES_ENDLESS = 1_000_000_000
"""Parked and fetched messages may be looked at any number of times. 4.x has -1 for this, which 3.10
refuses."""

REJECT = "reject-publish"
DROP = "drop-head"


def declaration(lanes: Mapping[str, str], tenants: Iterable[str]) -> tuple[Item, ...]:
    """Every exchange, queue and binding, in an order in which they can be declared.

    ``lanes``: infno -> lane of the catalogue; ``bulk`` has a queue per tenant, ``shared`` none of
    its own (what is rarely asked for waits with the unrouted: 200 queues need not be kept for it),
    every other lane one queue. ``tenants``: fixmedins_codes.
    """
    listed = tuple(tenants)
    return (
        *_exchanges(),
        *_requests(lanes, listed),
        *_aside(),
        *_ladder(),
        *(item for tenant in listed for item in tenant_items(tenant)),
    )


def _exchanges() -> Iterator[Item]:
    yield Exchange(name=names.EXPIRED_EXCHANGE, kind="fanout")
    yield Exchange(name=names.UNROUTED_EXCHANGE, kind="fanout")
    yield Exchange(name=names.REQUESTS_EXCHANGE, kind="topic", alternate=names.UNROUTED_EXCHANGE)
    yield Exchange(name=names.EVENTS_EXCHANGE, kind="topic")
    yield Exchange(name=names.DESKS_EXCHANGE, kind="direct")


def _requests(lanes: Mapping[str, str], tenants: tuple[str, ...]) -> Iterator[Item]:
    for infno, lane in sorted(lanes.items()):
        if lane == "shared":
            continue
        owners = tenants if lane == "bulk" else ("",)
        for tenant in owners:
            queue = names.request_queue(infno, tenant)
            yield Queue(
                name=queue,
                messages_max=REQUESTS_MAX,
                overflow=REJECT,
                deliveries_max=DELIVERIES_MAX,
                dead_letter_exchange=names.EXPIRED_EXCHANGE,
            )
            key = names.request_key(infno, tenant or "*")
            yield Binding(queue=queue, exchange=names.REQUESTS_EXCHANGE, key=key)


def _aside() -> Iterator[Item]:
    """Where requests go that no transaction's consumer will see."""
    for queue, exchange in (
        (names.EXPIRED_QUEUE, names.EXPIRED_EXCHANGE),
        (names.UNROUTED_QUEUE, names.UNROUTED_EXCHANGE),
        (names.PARKED_QUEUE, ""),
    ):
        yield Queue(
            name=queue,
            messages_max=PARKED_MAX,
            overflow=REJECT,
            deliveries_max=DELIVERIES_ENDLESS,
        )
        if exchange:
            yield Binding(queue=queue, exchange=exchange, key="")


def _ladder() -> Iterator[Item]:
    for seconds in names.RETRY_RUNGS_S:
        rung = names.retry_exchange(seconds)
        yield Exchange(name=rung, kind="fanout")
        yield Queue(
            name=names.retry_queue(seconds),
            messages_max=RUNG_MAX,
            overflow=REJECT,
            deliveries_max=DELIVERIES_ENDLESS,
            ttl_ms=seconds * 1000,
            # No dead-letter routing key: the message keeps the one it was published with.
            dead_letter_exchange=names.REQUESTS_EXCHANGE,
        )
        yield Binding(queue=names.retry_queue(seconds), exchange=rung, key="")


def tenant_items(tenant: str) -> tuple[Item, ...]:
    """The queues of one tenant: replies, and the safety copy of its events."""
    events = names.event_queue(tenant)
    keys = (f"settlement.{tenant}.#", f"batch.{tenant}.#")
    return (
        Queue(
            name=names.reply_queue(tenant),
            messages_max=REPLIES_MAX,
            overflow=DROP,
            deliveries_max=DELIVERIES_ENDLESS,
            ttl_ms=REPLY_TTL_MS,
        ),
        Queue(
            name=events,
            messages_max=EVENTS_MAX,
            overflow=DROP,
            deliveries_max=DELIVERIES_ENDLESS,
            ttl_ms=REPLY_TTL_MS,
        ),
        *(Binding(queue=events, exchange=names.EVENTS_EXCHANGE, key=key) for key in keys),
    )
