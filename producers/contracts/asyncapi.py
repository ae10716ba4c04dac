"""One AsyncAPI 3.0 document of the whole bus: what a HIS sends and receives, what the worker does.

Operations are named after who performs them (``his.``, ``worker.``). Queues, exchanges and bindings
come from ``bus.topology``, so the document holds what is declared on the broker and nothing else.
"""

from collections.abc import Iterator
from typing import Any

from bus import topology
from producers.contracts import channels, payloads
from producers.contracts.messages import COMMON_MESSAGES, reply_message, request_message, traits
from producers.contracts.structure import requested
from schemas.catalogue import Catalogue
from schemas.contract import CONTRACT_VERSION
from schemas.transaction import Lane, Transaction

ASYNCAPI = "3.0.0"

_ADDRESS = {"$ref": "#/components/replyAddresses/reply_to"}
_DESCRIPTION = """\
A hospital information system (HIS) publishes one message per transaction of the medical-insurance
interface and gets one reply with one final outcome. `his.*` operations are what a HIS performs,
`worker.*` operations what the bus performs. AMQP properties that are no headers (`reply_to`,
`correlation_id`, `type`, `user_id`) are described with the messages.

医院信息系统（HIS）每笔交易发布一条消息，并得到一个最终结果。
`his.*` 为 HIS 的操作，`worker.*` 为总线的操作。
"""


def document(catalogue: Catalogue) -> dict[str, Any]:
    """The document of one region. Every object in it is new."""
    every = requested(catalogue)
    return {
        "asyncapi": ASYNCAPI,
        "id": f"urn:yibao-bus:{catalogue.profile.name}",
        "info": _info(catalogue),
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": channels.channels(every),
        "operations": dict(_operations(every)),
        "components": {
            "schemas": _schemas(catalogue, every),
            "messages": _messages(every),
            "messageTraits": traits(),
            "replyAddresses": {
                "reply_to": {
                    "description": channels.REPLY_ADDRESS,
                    "location": "$message.header#/reply_to",
                }
            },
            "securitySchemes": {"user": {"type": "userPassword"}},
        },
    }


def _info(catalogue: Catalogue) -> dict[str, Any]:
    region = catalogue.profile
    return {
        "title": f"yibao-bus: {region.title} ({region.name})",
        "version": f"{CONTRACT_VERSION}.0.0",
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0"},
        "tags": [{"name": "his"}, {"name": "worker"}, {"name": "operator"}],
    }


def _servers() -> dict[str, Any]:
    common = {
        "pathname": "/{vhost}",
        "protocolVersion": "0-9-1",
        "security": [{"$ref": "#/components/securitySchemes/user"}],
        "variables": {"host": {"default": "127.0.0.1"}, "vhost": {"default": "yibao"}},
    }
    clear = {"host": "{host}:5672", "protocol": "amqp", **common}
    sealed = {"host": "{host}:5671", "protocol": "amqps", **common}
    return {
        "tls": {"description": "between machines", **sealed},
        "local": {"description": "on one machine", **clear},
    }


def _schemas(catalogue: Catalogue, every: list[Transaction]) -> dict[str, Any]:
    found = payloads.frame_schemas(catalogue.codes) | payloads.code_schemas(every)
    for one in every:
        found |= payloads.transaction_schemas(one)
    return found


def _messages(every: list[Transaction]) -> dict[str, Any]:
    found: dict[str, Any] = dict(COMMON_MESSAGES)
    for one in every:
        found[f"request.{one.infno}"] = request_message(one)
        found[f"reply.{one.infno}"] = reply_message(one)
    return found


def _operations(every: list[Transaction]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in every:
        yield f"his.{one.infno}", _his_call(one)
        if one.lane is not Lane.SHARED:
            yield f"worker.{one.infno}", _worker_call(one)
    shared = {"$ref": "#/channels/replies.shared"}
    yield "his.sharedReplies", _operation("receive", shared, "his", "Read the shared reply queue")
    event = {"$ref": "#/channels/events.settlement"}
    copy = {"$ref": "#/channels/queue.events"}
    yield "his.settlementEvents", _operation("receive", event, "his", "Learn late outcomes at once")
    yield "his.eventCopies", _operation("receive", copy, "his", "Read the kept copy of events")
    yield (
        "worker.settlementEvents",
        _operation("send", event, "worker", "Tell the final outcome of what was in doubt"),
    )
    aside = {
        "expired": (topology.EXPIRED_QUEUE, "Answer what expired, or was handed out too often"),
        "shared": (topology.UNROUTED_QUEUE, "Answer what is rarely asked for, or unknown"),
    }
    for what, (queue, text) in aside.items():
        place = {"$ref": f"#/channels/{channels.queue_id(queue)}"}
        call = _operation("receive", place, "worker", text)
        yield f"worker.{what}", {**call, "reply": {"address": _ADDRESS}}
    parked = {"$ref": f"#/channels/{channels.queue_id(topology.PARKED_QUEUE)}"}
    yield "worker.park", _operation("send", parked, "worker", "Put aside what nobody can process")
    text = "List, replay or drop what was put aside (`yibao parked`)"
    yield "operator.parked", _operation("receive", parked, "operator", text)


def _his_call(one: Transaction) -> dict[str, Any]:
    channel = channels.request_id(one.infno)
    call = _operation("send", {"$ref": f"#/channels/{channel}"}, "his", f"{one.name}: ask")
    call["messages"] = [{"$ref": f"#/channels/{channel}/messages/request"}]
    call["bindings"] = {"amqp": {"deliveryMode": 2, "mandatory": True}}
    return {**call, "reply": _reply(one)}


def _worker_call(one: Transaction) -> dict[str, Any]:
    channel = channels.queue_id(topology.request_queue(one.infno))
    if one.lane is Lane.BULK:
        channel = channels.queue_id(topology.request_queue(one.infno, channels.TENANT))
    call = _operation("receive", {"$ref": f"#/channels/{channel}"}, "worker", f"{one.name}: answer")
    call["messages"] = [{"$ref": f"#/channels/{channel}/messages/request"}]
    call["bindings"] = {"amqp": {"ack": True}}
    return {**call, "reply": _reply(one)}


def _reply(one: Transaction) -> dict[str, Any]:
    channel = f"#/channels/{channels.reply_id(one.infno)}"
    return {
        "address": _ADDRESS,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/reply"}],
    }


def _operation(action: str, channel: dict[str, Any], who: str, text: str) -> dict[str, Any]:
    return {"action": action, "channel": channel, "summary": text, "tags": [{"name": who}]}
