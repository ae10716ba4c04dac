"""The door: what arrives from the broker becomes an order, a refusal with reasons, or is parked.

Pure: no clock, no journal, no broker. Garbage of any kind ends here and never raises.
"""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from bus.broker.port import Delivery
from bus.broker.received import UNREADABLE_HEADERS
from bus.clock import from_rfc3339
from bus.config.settings import InstitutionSettings
from bus.topology import reply_queue
from consumers.order import DIRECT_REPLY, Order
from schemas.contract import KEY_PATTERN, Fault, RequestBody
from schemas.jsontext import JsonTextError, decode
from schemas.problems import Limit, fault

BROKER_NAMED = "amq.gen-"
SENDER = "x-original-user-id"
"""Who first sent a message that one of ours sends on."""
DEADLINE_DEFAULT_S = 120
DEADLINE_EXAMPLE = "2026-11-23T10:15:00+08:00"
KEY_ALLOWED = Limit("1至128个可见ASCII字符", "1-128 printable ASCII characters")
OBJECT, TEXT = Limit("JSON对象", "a JSON object"), Limit("文本", "text")
MEMBER_LABELS = {
    "infno": "交易编号",
    "input": "交易输入",
    "opter": "经办人",
    "opter_name": "经办人姓名",
    "opter_type": "经办人类别",
    "insuplc_admdvs": "参保地医保区划",
    "desk": "收费窗口",
    "after_batch": "依赖批次",
}

_body = msgspec.json.Decoder(RequestBody)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was sent. Answered when it has somewhere to go, else parked with the same reason.

    ``input`` is that of a body that could be read, so that its faults are told with the others.
    """

    code: str
    faults: tuple[Fault, ...] = ()
    infno: str = ""
    input: bytes = b""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer goes, known before the body is looked at. ``tenant`` is '' when unknown."""

    tenant: str
    infno: str
    key: str
    reply_to: str
    correlation_id: str
    traceparent: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one message: bytes of the body, depth of its nesting."""

    body_bytes_max: int
    nesting_max: int


def address(delivery: Delivery, institutions: Mapping[str, InstitutionSettings]) -> Envelope:
    """Read routing key and properties; the reply address falls back to the tenant's own queue.

    An address the tenant may not use is replaced by that queue, so that a refusal reaches the
    institution itself and never a stranger.
    """
    infno, _, tenant = delivery.routing_key.partition(".")
    known = tenant if tenant in institutions else ""
    reply_to = delivery.reply_to
    if known and not reply_allowed(reply_to, known):
        reply_to = reply_queue(known)
    key = delivery.headers.get("idempotency-key") or delivery.message_id
    return Envelope(
        tenant=known,
        infno=infno,
        key=key if isinstance(key, str) else "",
        reply_to=reply_to,
        correlation_id=delivery.correlation_id or delivery.message_id,
        traceparent=text_header(delivery, "traceparent"),
    )


def reply_allowed(reply_to: str, tenant: str) -> bool:
    """Direct reply-to, a broker-named queue, or the tenant's own reply queues; nothing else."""
    own = reply_queue(tenant)
    return reply_to == own or reply_to.startswith((DIRECT_REPLY, BROKER_NAMED, own + "."))


def text_header(delivery: Delivery, name: str) -> str:
    """A header as text; '' when absent or of another type."""
    value = delivery.headers.get(name, "")
    return value if isinstance(value, str) else ""


def sender(delivery: Delivery, trusted: Collection[str]) -> str:
    """The broker user who published the request; '' when nothing proves it.

    Only ``user_id`` does: the broker lets no other user's through. The routing key does not: a HIS
    may declare an exchange of its own and bind ``yibao.requests`` to it, name ``yibao.requests`` as
    its alternate, or let a queue dead-letter there, and the broker checks topic permissions on none
    of these ways. ``trusted``: users of the bus itself, who name the first sender in a header.
    """
    if delivery.user_id in trusted:
        return text_header(delivery, SENDER)
    return delivery.user_id


def read(delivery: Delivery, envelope: Envelope, limits: Limits, now_ms: int) -> Order | Refusal:
    """The order in the message, or every fault of its frame at once."""
    if delivery.reply_to and not reply_allowed(delivery.reply_to, envelope.tenant):
        return Refusal(code="bad_reply_to", infno=envelope.infno)
    faults = list(property_faults(delivery, envelope))
    deadline_ms = deadline(delivery, now_ms, faults)
    body = read_body(delivery.body, limits, faults)
    if body is not None and body.infno != envelope.infno:
        faults.append(fault("$.infno", "other_than_routing_key", "交易编号", envelope.infno[:10]))
    if body is None or faults:
        content = b"" if body is None else bytes(body.input)
        listed = tuple(faults)
        return Refusal(code="malformed", faults=listed, infno=envelope.infno, input=content)
    return Order(
        tenant=envelope.tenant,
        infno=envelope.infno,
        key=envelope.key,
        input=body.input,
        opter=body.opter,
        opter_name=body.opter_name,
        opter_type=body.opter_type,
        insuplc_admdvs=body.insuplc_admdvs,
        desk=body.desk,
        after_batch=body.after_batch,
        reply_to=envelope.reply_to or reply_queue(envelope.tenant),
        correlation_id=envelope.correlation_id,
        message_id=delivery.message_id,
        traceparent=envelope.traceparent,
        deadline_ms=deadline_ms,
        received_ms=now_ms,
    )


def property_faults(delivery: Delivery, envelope: Envelope) -> tuple[Fault, ...]:
    """Faults of the properties: the key and the type."""
    faults = []
    if UNREADABLE_HEADERS in delivery.headers:
        # The key may be among them; falling back to message_id could execute a request twice.
        faults.append(fault("headers", "unreadable_headers", "消息头"))
    if not KEY_PATTERN.fullmatch(envelope.key):
        faults.append(fault("headers.idempotency-key", "bad_key", "幂等键", KEY_ALLOWED))
    if delivery.type and delivery.type != envelope.infno:
        named = envelope.infno[:10]
        faults.append(fault("properties.type", "other_than_routing_key", "交易编号", named))
    return tuple(faults)


def deadline(delivery: Delivery, now_ms: int, faults: list[Fault]) -> int:
    """The deadline in ms; a default when none is given; a fault when it cannot be read."""
    given = delivery.headers.get("deadline")
    if given is None or given == "":
        return now_ms + DEADLINE_DEFAULT_S * 1000
    try:
        return from_rfc3339(given) if isinstance(given, str) else not_a_time()
    except (ValueError, OverflowError):
        faults.append(fault("headers.deadline", "bad_deadline", "截止时间", DEADLINE_EXAMPLE))
        return 0


def not_a_time() -> int:
    """Raise as a time that cannot be read does."""
    raise ValueError("deadline is not text")


def read_body(body: bytes, limits: Limits, faults: list[Fault]) -> RequestBody | None:
    """The decoded body; ``None`` with a fault added when it is none.

    Only the frame is judged here; ``input`` stays raw and is judged once, against the catalogue.
    """
    if len(body) > limits.body_bytes_max:
        faults.append(fault("$", "too_large", "报文", str(limits.body_bytes_max)))
        return None
    try:
        read = _body.decode(body)
        decode(body.replace(bytes(read.input), b"0", 1), limits.nesting_max)
    except JsonTextError as error:
        faults.append(fault("$", error.reason, "报文"))
    except msgspec.ValidationError:
        faults.extend(shape_faults(body, limits))
    except (msgspec.DecodeError, UnicodeDecodeError):
        faults.append(fault("$", why_not_json(body, limits), "报文"))
    except RecursionError:
        faults.append(fault("$", "too_deep", "报文", str(limits.nesting_max)))
    else:
        return read
    return None


def shape_faults(body: bytes, limits: Limits) -> list[Fault]:
    """Every member of the frame that is missing or not text; else why the body is no object."""
    try:
        members = _members.decode(body)
    except msgspec.ValidationError:
        return [fault("$", "wrong_shape", "报文", OBJECT)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [fault("$", why_not_json(body, limits), "报文")]
    return list(member_faults(members)) or [fault("$", "wrong_shape", "报文", OBJECT)]


def member_faults(members: Mapping[str, msgspec.Raw]) -> Iterator[Fault]:
    """The members one by one; ``input`` itself is judged by the catalogue."""
    for field in msgspec.structs.fields(RequestBody):
        path, label = f"$.{field.name}", MEMBER_LABELS[field.name]
        value = members.get(field.name)
        if value is None and field.required:
            yield fault(path, "missing", label, TEXT if field.type is str else OBJECT)
        elif value is not None and field.type is str and bytes(value)[:1] != b'"':
            yield fault(path, "wrong_type", label, TEXT)


def why_not_json(body: bytes, limits: Limits) -> str:
    """The slug of what is wrong with a text that did not decode."""
    try:
        decode(body, limits.nesting_max)
    except JsonTextError as error:
        return error.reason
    return "not_json"
