"""Messages of the AsyncAPI document: headers, AMQP properties, bodies, examples."""

from typing import Any

from producers.contracts import payloads
from producers.contracts.samples import headers, reply, request
from schemas.contract import KEY_PATTERN
from schemas.transaction import Transaction

CORRELATION = {
    "location": "$message.header#/idempotency-key",
    "description": "Every reply and event carries the key of its request. The AMQP property "
    "`correlation_id` comes back unchanged as well.",
}

_PROPERTIES = """\
AMQP properties: `user_id` is the broker user (without it nobody's request), `reply_to` where the
reply goes, `type` the transaction number, `correlation_id` comes back, `content_type`
application/json, `delivery_mode` 2. AMQP 属性：`user_id` 必须为登录用户。
"""
_KEY_SCHEMA = {
    "type": "string",
    "pattern": f"^{KEY_PATTERN.pattern}$",
    "description": "The name of the request, made by the HIS and kept before the first send. "
    "幂等键：发送前由 HIS 生成并保存",
}
_TRACE_SCHEMA = {"type": "string", "description": "W3C Trace Context"}


def traits() -> dict[str, Any]:
    """What all requests, and all replies, have in common."""
    return {
        "request": {
            "description": _PROPERTIES,
            "headers": {
                "type": "object",
                "properties": {
                    "idempotency-key": _KEY_SCHEMA,
                    "deadline": {
                        "type": "string",
                        "format": "date-time",
                        "description": "RFC 3339 with offset: later than this nothing is sent. "
                        "截止时间，过后不再发送",
                    },
                    "traceparent": _TRACE_SCHEMA,
                    "reply_to": {
                        "type": "string",
                        "description": "AMQP property, no header: where the reply goes",
                    },
                },
            },
            "correlationId": CORRELATION,
        },
        "reply": {
            "headers": {
                "type": "object",
                "required": ["idempotency-key"],
                "properties": {"idempotency-key": _KEY_SCHEMA, "traceparent": _TRACE_SCHEMA},
            },
            "correlationId": CORRELATION,
        },
    }


COMMON_MESSAGES: dict[str, Any] = {
    "settlement": {
        "name": "settlement",
        "title": "Final outcome of a request that was in doubt 疑账最终结果",
        "description": "The body is the reply the HIS would have got. Comes at least once.",
        "traits": [{"$ref": "#/components/messageTraits/reply"}],
        "payload": {"$ref": payloads.PLACE + "Reply"},
    },
    "anyReply": {
        "name": "anyReply",
        "title": "Reply of any transaction 任一交易的应答",
        "traits": [{"$ref": "#/components/messageTraits/reply"}],
        "payload": {"$ref": payloads.PLACE + "Reply"},
    },
    "anyRequest": {
        "name": "anyRequest",
        "title": "Request of any transaction 任一交易的请求",
        "traits": [{"$ref": "#/components/messageTraits/request"}],
        "payload": {"$ref": payloads.PLACE + "RequestBody"},
    },
    "parked": {
        "name": "parked",
        "title": "A message nobody could process 停放的消息",
        "description": "Any bytes; the headers say why and where it came from.",
        "headers": {
            "type": "object",
            "properties": {
                "x-park-reason": {"type": "string"},
                "x-original-queue": {"type": "string"},
            },
        },
        "payload": {},
    },
    "announced": {
        "name": "announced",
        "title": "An event of a later version 后续版本的事件",
        "payload": {"type": "object"},
    },
}


def request_message(one: Transaction) -> dict[str, Any]:
    """The request of one transaction."""
    return {
        "name": f"{one.infno}.request",
        "title": f"{one.infno} {one.name}",
        "summary": one.name_en,
        "traits": [{"$ref": "#/components/messageTraits/request"}],
        "tags": [{"name": one.group}],
        "bindings": {"amqp": {"messageType": one.infno}},
        "payload": payloads.request_payload(one),
        "examples": [
            {"name": "request", "headers": headers(one, asked=True), "payload": request(one)}
        ],
    }


def reply_message(one: Transaction) -> dict[str, Any]:
    """Its reply."""
    return {
        "name": f"{one.infno}.reply",
        "title": f"{one.infno} {one.name}: reply 应答",
        "traits": [{"$ref": "#/components/messageTraits/reply"}],
        "tags": [{"name": one.group}],
        "bindings": {"amqp": {"messageType": one.infno}},
        "payload": payloads.reply_payload(one),
        "examples": [
            {"name": "succeeded", "headers": headers(one, asked=False), "payload": reply(one)}
        ],
    }
