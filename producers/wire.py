"""The HIS side of the wire contract, pure: options to request, reply bytes to answer."""

import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypedDict

import msgspec

from bus.clock import rfc3339
from producers.errors import BadRequestError
from producers.keys import Request
from schemas.contract import KEY_PATTERN, Reply, RequestBody

DEADLINE_S = 60.0
"""Default: nothing goes to the centre later than this after the call; a cashier waits a minute."""
ANSWER_S = 180.0
"""Default wait for the reply after the deadline: a money call may last 120 s at the centre, then
the bus tries 25 s to resolve a doubt before it says ``in_doubt``; the rest is margin."""

_INFNO = re.compile(r"[0-9A-Z]{4,8}|rxSetlStockQuery")
_encoder = msgspec.json.Encoder(decimal_format="string", order=None)
_sorted_encoder = msgspec.json.Encoder(decimal_format="string", order="sorted")
_any_decoder = msgspec.json.Decoder(float_hook=Decimal)
_object_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class CallOptions(TypedDict, total=False):
    """What may be said with a call; also the client's defaults.

    ``key``: idempotency key (made when absent). ``deadline_s``: seconds from now after which
    nothing is sent to the centre. ``wait_s``: seconds this program waits for the reply. The rest
    are fields of the request body, and the W3C ``traceparent``.
    """

    key: str
    deadline_s: float
    wait_s: float
    opter: str
    opter_name: str
    opter_type: str
    insuplc_admdvs: str
    desk: str
    after_batch: str
    traceparent: str


class Answer(Reply, kw_only=True):
    """A reply together with the idempotency key it answers. ``output`` is JSON text, ``null`` when
    the reply has none."""

    output: msgspec.Raw = msgspec.Raw(b"null")
    key: str = ""

    def decoded(self) -> Any:
        """The centre's output as Python values; amounts stay text."""
        return _any_decoder.decode(self.output)


def new_key() -> str:
    """A fresh idempotency key."""
    return str(uuid.uuid4())


def build_request(
    infno: str, content: Mapping[str, object] | bytes, options: CallOptions, now_ms: int
) -> Request:
    """The request to keep and send. ``content`` is the ``input`` object, or its JSON text.

    ``BadRequestError`` for a key, transaction number or input no message can be made of. Whether
    the input follows the specification is judged by the bus.
    """
    key = options.get("key") or new_key()
    if not KEY_PATTERN.fullmatch(key):
        raise BadRequestError("an idempotency key is 1 to 128 printable ASCII characters")
    if not _INFNO.fullmatch(infno):
        raise BadRequestError("a transaction number looks like 2207 or 2203A", key)
    body = RequestBody(
        infno=infno,
        input=_input(content, key),
        opter=options.get("opter", ""),
        opter_name=options.get("opter_name", ""),
        opter_type=options.get("opter_type", "1"),
        insuplc_admdvs=options.get("insuplc_admdvs", ""),
        desk=options.get("desk", ""),
        after_batch=options.get("after_batch", ""),
    )
    deadline_ms = now_ms + round(options.get("deadline_s", DEADLINE_S) * 1000)
    return Request(
        key=key,
        infno=infno,
        body=_encoder.encode(body),
        deadline=rfc3339(deadline_ms),
        traceparent=options.get("traceparent", ""),
    )


def same_content(one: Request, other: Request) -> bool:
    """Whether two requests ask for the same: transaction number and body; deadlines may differ."""
    return one.infno == other.infno and (
        one.body == other.body or _canonical(one.body) == _canonical(other.body)
    )


def wait_s(options: CallOptions) -> float:
    """How long a call waits for its reply."""
    return options.get("wait_s", options.get("deadline_s", DEADLINE_S) + ANSWER_S)


def read_reply(body: bytes, key: str) -> Answer:
    """The answer in a reply's body; ``msgspec.MsgspecError`` or ``ValueError`` when it is none."""
    answer = msgspec.json.decode(body, type=Answer)
    answer.key = key
    return answer


def _input(content: Mapping[str, object] | bytes, key: str) -> msgspec.Raw:
    try:
        if isinstance(content, bytes):
            _object_decoder.decode(content)
            return msgspec.Raw(content)
        if _has_float(content):
            raise BadRequestError("amounts are text or Decimal, never float", key)
        return msgspec.Raw(_encoder.encode(content))
    except (TypeError, ValueError, RecursionError):
        raise BadRequestError("input must be one JSON object in UTF-8", key) from None


def _has_float(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)


def _canonical(body: bytes) -> bytes:
    return _sorted_encoder.encode(_object_decoder.decode(body))
