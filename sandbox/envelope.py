"""The centre's side of the national envelope: read a request strictly, word an answer."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.facts import traits
from sandbox.fields import Json, maybe, moment
from sandbox.refusals import RefusedError

MANDATORY = (
    "infno",
    "msgid",
    "mdtrtarea_admvs",
    "infver",
    "opter_type",
    "opter",
    "opter_name",
    "fixmedins_code",
    "fixmedins_name",
    "recer_sys_code",
    "inf_time",
)
"""What the Yunnan component refuses to send empty."""

LENGTHS = {
    "msgid": 30,
    "mdtrtarea_admvs": 6,
    "insuplc_admdvs": 6,
    "recer_sys_code": 10,
    "infver": 6,
    "opter_type": 3,
    "opter": 30,
    "opter_name": 50,
    "fixmedins_code": 30,
    "fixmedins_name": 200,
    "sign_no": 30,
}
"""Longest text of each field, in characters."""

MSGID_CHARS = 30

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose mandatory fields are present; ``input`` is an object."""

    infno: str
    msgid: str
    mdtrtarea_admvs: str
    fixmedins_code: str
    fixmedins_name: str
    opter: str
    opter_name: str
    opter_type: str
    insuplc_admdvs: str
    sign_no: str
    input: Json


def decode(body: bytes) -> Json:
    """The request object; refuses what is not a JSON object in UTF-8 or is too long."""
    limit = traits().limits.request_bytes_max
    if len(body) > limit:
        raise RefusedError("too_large", limit=str(limit))
    try:
        raw = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError("not_json") from None
    if not isinstance(raw, dict):
        raise RefusedError("not_json")
    return raw


def peek(raw: Json, name: str) -> str:
    """A field of a request that is not checked yet, for the call log; never raises."""
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def check(raw: Json) -> Envelope:
    """The envelope of ``raw`` as the component checks it; refuses the first fault."""
    for name in MANDATORY:
        if not maybe(raw, name):
            raise RefusedError("field_empty", field=name)
    for name, limit in LENGTHS.items():
        if len(maybe(raw, name)) > limit:
            raise RefusedError("field_format", field=name)
    moment(raw, "inf_time")
    msgid, code = maybe(raw, "msgid"), maybe(raw, "fixmedins_code")
    if len(msgid) != MSGID_CHARS or not msgid.startswith(code):
        raise RefusedError("msgid_shape")
    given = raw.get("input")
    if not isinstance(given, dict):
        raise RefusedError("field_empty" if not given else "field_format", field="input")
    names = [n for n in Envelope.__struct_fields__ if n != "input"]
    return Envelope(input=given, **{name: maybe(raw, name) for name in names})


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says about its own message."""

    area: str
    serial: int
    received: datetime
    answered: datetime

    @property
    def inf_refmsgid(self) -> str:
        """Area (6) + time (14) + serial (10)."""
        return f"{self.area:0<6.6}{self.received:%Y%m%d%H%M%S}{self.serial % 10**10:010d}"


def _millis(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def accepted(stamp: Stamp, output: object) -> Json:
    """infcode 0 with an output."""
    return {
        "infcode": 0,
        "inf_refmsgid": stamp.inf_refmsgid,
        "refmsg_time": _millis(stamp.received),
        "respond_time": _millis(stamp.answered),
        "err_msg": "",
        "warn_msg": "",
        "output": output,
    }


def refused(stamp: Stamp, err_msg: str) -> Json:
    """infcode -1; the output is null."""
    return accepted(stamp, None) | {"infcode": -1, "err_msg": err_msg}


def unknown_transaction(serial: int) -> Json:
    """The short shape for an infno nobody knows."""
    text = f"FSI-FSI-交易报文不正确：未知交易编号！,异常流水号:{serial}"
    return {"type": "error", "infcode": -1, "err_msg": text}
