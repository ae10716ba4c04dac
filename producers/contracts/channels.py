"""Channels of the AsyncAPI document: every exchange and queue the bus declares, and who may use it.

Drawn from ``bus.topology.declaration`` for a tenant that is a parameter.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bus import topology
from bus.topology import Binding, Exchange, Item, Queue
from schemas.contract import Status
from schemas.transaction import Transaction

TENANT = "{tenant}"
REPLY_ADDRESS = (
    "The AMQP property reply_to: `yibao.replies.{tenant}.<name>` (a durable queue of its own, for "
    "everything that moves money), empty or `yibao.replies.{tenant}` (the shared queue), "
    "`amq.rabbitmq.reply-to`, or a broker-named queue. Anything else is answered `invalid`."
)

_PARAMETERS = {
    "tenant": {"description": "fixmedins_code of the institution 定点医药机构编号"},
    "status": {
        "description": "final status 最终状态",
        "enum": [str(status) for status in Status if status.is_final],
    },
    "batch": {"description": "number of a fee batch 费用批次"},
    "desk": {"description": "a cashier's desk 收费窗口"},
    "event": {"description": "what happened 事件"},
    "state": {"description": "state of the centre 中心状态"},
}
_LATER = "The routing key is reserved; this version publishes nothing here. 本版本尚未发布此类事件"


def request_id(infno: str) -> str:
    """Channel into which a HIS publishes a transaction."""
    return f"request.{infno}"


def reply_id(infno: str) -> str:
    """Channel of the replies to a transaction, wherever they were asked for."""
    return f"reply.{infno}"


def queue_id(queue: str) -> str:
    """Channel of a queue, by its name on the broker."""
    own = queue.removeprefix("yibao.").replace(f".{TENANT}", "")
    return f"queue.{own}"


def channels(every: Iterable[Transaction]) -> dict[str, Any]:
    """All channels by identifier."""
    listed = list(every)
    declared = topology.declaration({one.infno: one.lane for one in listed}, [TENANT])
    exchanges = {item.name: item for item in declared if isinstance(item, Exchange)}
    found = dict(_requests(listed, exchanges[topology.REQUESTS_EXCHANGE]))
    found |= dict(_queues(declared))
    found |= dict(_events(exchanges[topology.EVENTS_EXCHANGE]))
    found |= dict(_exchanges(exchanges))
    found |= dict(_replies(listed))
    shared = found.pop(queue_id(topology.reply_queue(TENANT)))
    found["replies.shared"] = {**shared, "messages": {"reply": _message("anyReply")}}
    return found


def _requests(every: list[Transaction], exchange: Exchange) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in every:
        key = topology.request_key(one.infno, TENANT)
        channel = _routed(key, exchange, f"{one.infno} {one.name}")
        yield (
            request_id(one.infno),
            {**channel, "messages": {"request": _message(f"request.{one.infno}")}},
        )


def _replies(every: list[Transaction]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One channel for each transaction: with one for all, what a parser makes of the document
    grows with the square of their number."""
    for one in every:
        yield (
            reply_id(one.infno),
            {
                "address": None,
                "title": f"{one.infno} {one.name}: replies 应答",
                "messages": {"reply": _message(f"reply.{one.infno}")},
            },
        )


def _queues(declared: Iterable[Item]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every queue. A request queue takes the requests of its binding, the others any."""
    items = list(declared)
    keys = {item.queue: item for item in items if isinstance(item, Binding)}
    for queue in (item for item in items if isinstance(item, Queue)):
        binding = keys.get(queue.name)
        own = binding is not None and binding.exchange == topology.REQUESTS_EXCHANGE
        name = binding.key.partition(".")[0] if own and binding else ""
        held = {"request": _message(f"request.{name}")} if own else _others(queue.name)
        yield queue_id(queue.name), {**_queue(queue), "messages": held}


def _others(queue: str) -> dict[str, Any]:
    if queue == topology.event_queue(TENANT):
        return {"settlement": _message("settlement")}
    if queue == topology.PARKED_QUEUE:
        return {"parked": _message("parked")}
    return {"request": _message("anyRequest")}


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "address": queue.name,
        "title": queue.name,
        **_parameters(queue.name),
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": queue.name,
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                    "x-arguments": queue.arguments(),
                },
            }
        },
    }


def _events(exchange: Exchange) -> Iterator[tuple[str, dict[str, Any]]]:
    key = topology.settlement_event(TENANT, "{status}")
    settled = _routed(key, exchange, "Late final outcomes 迟到的最终结果")
    yield "events.settlement", {**settled, "messages": {"settlement": _message("settlement")}}
    later = {
        "batch": topology.batch_event(TENANT, "{batch}"),
        "device": topology.device_event(TENANT, "{desk}", "{event}"),
        "session": topology.session_event(TENANT, "{event}"),
        "centre": topology.centre_event("{state}"),
    }
    for name, key in later.items():
        channel = _routed(key, exchange, f"Events of kind {name}")
        held = {"announced": _message("announced")}
        yield f"events.{name}", {**channel, "description": _LATER, "messages": held}


def _exchanges(exchanges: dict[str, Exchange]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Exchanges of the bus itself: a HIS has no right on them."""
    public = {topology.REQUESTS_EXCHANGE, topology.EVENTS_EXCHANGE}
    for name in sorted(exchanges.keys() - public):
        key = topology.desk_key(TENANT, "{desk}") if name == topology.DESKS_EXCHANGE else "*"
        channel = _routed(key, exchanges[name], f"{name} (inside the bus 总线内部)")
        yield (
            f"exchange.{name.removeprefix('yibao.')}",
            {
                **channel,
                "messages": {"request": _message("anyRequest")},
            },
        )


def _routed(key: str, exchange: Exchange, title: str) -> dict[str, Any]:
    return {
        "address": key,
        "title": title,
        **_parameters(key),
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": exchange.name,
                    "type": exchange.kind,
                    "durable": True,
                    "autoDelete": False,
                },
            }
        },
    }


def _parameters(address: str) -> dict[str, Any]:
    named = {name: text for name, text in _PARAMETERS.items() if f"{{{name}}}" in address}
    return {"parameters": named} if named else {}


def _message(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}
