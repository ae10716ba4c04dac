"""From the bytes of an answer to its head fields and its raw output. Pure, never raises."""

import msgspec

from schemas.contract import Json

EMPTY_OUTPUT = b"{}"

BOM = b"\xef\xbb\xbf"

VALUES_MAX = 2_000_000
"""Values of one answer. Each costs up to 110 bytes of memory once decoded, whatever it cost on the
wire: 32 MiB of "1.5,1.5," would be a gigabyte. An honest answer of that size has a million."""


class _Wire(msgspec.Struct):
    """The head fields of an answer; any type is taken, since gateways disagree on types."""

    infcode: Json = None
    inf_refmsgid: Json = None
    err_msg: Json = None
    warn_msg: Json = None
    message: Json = None
    msg: Json = None
    code: Json = None
    msgid: Json = None
    output: msgspec.Raw = msgspec.Raw(b"null")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Head fields as text (empty when absent), output as raw JSON, flags of how it was read."""

    infcode: str
    code: str
    msgid: str
    err_msg: str
    warn_msg: str
    inf_refmsgid: str
    output: bytes
    flags: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Document({len(self.output)} bytes of output)"


_wire_decoder = msgspec.json.Decoder(_Wire)
_any_decoder = msgspec.json.Decoder()

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def read_document(body: bytes) -> Document | str:
    """The fields of an answer, or why there are none: empty, undecodable, not_json,
    too_many_values.

    UTF-8 first, then GB18030: Windows components answer in it, often without saying so.
    """
    if not body.strip():
        return "empty"
    if body.count(b",") + body.count(b"[") + body.count(b"{") > VALUES_MAX:
        return "too_many_values"
    flags: tuple[str, ...] = ()
    text = body.removeprefix(BOM)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = body.decode("gb18030").encode("utf-8")
        except UnicodeError:
            return "undecodable"
        flags = ("charset_gb18030",)
    try:
        wire = _wire_decoder.decode(text)
        return _document(wire, flags)
    except _UNREADABLE:
        return "not_json"


def _document(wire: _Wire, flags: tuple[str, ...]) -> Document:
    output = bytes(wire.output)
    if output[:1] == b'"':
        output = _from_text(_any_decoder.decode(output))
        flags = (*flags, "output_as_text") if output != EMPTY_OUTPUT else flags
    return Document(
        infcode=_text(wire.infcode),
        code=_text(wire.code),
        msgid=_text(wire.msgid),
        err_msg=_text(wire.err_msg) or _text(wire.message) or _text(wire.msg),
        warn_msg=_text(wire.warn_msg),
        inf_refmsgid=_text(wire.inf_refmsgid),
        output=EMPTY_OUTPUT if output == b"null" else output,
        flags=flags,
    )


def _from_text(text: str) -> bytes:
    """An output sent as text: the JSON inside; text that is none stays a JSON text."""
    inner = text.strip().encode("utf-8")
    if not inner or inner == b"null":
        return EMPTY_OUTPUT
    try:
        value = _any_decoder.decode(inner)
    except _UNREADABLE:
        return msgspec.json.encode(text)
    return inner if isinstance(value, dict | list) else msgspec.json.encode(text)


def _text(value: Json) -> str:
    """A field as text: numbers without a fraction point, anything that is no scalar is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value)


class _Settled(msgspec.Struct):
    """The usual shape, of which two fields are of interest; the rest is skipped, not decoded."""

    setl_id: str = ""
    medins_setl_id: str = ""


class _Usual(msgspec.Struct):
    setlinfo: _Settled


_usual_decoder = msgspec.json.Decoder(_Usual)


def setlinfo(output: bytes) -> dict[str, str]:
    """``setl_id`` and ``medins_setl_id`` of the settlement in an output, where they are not empty:
    in its ``setlinfo`` (object or list), or in the output itself where that node is left out."""
    try:
        usual = msgspec.structs.asdict(_usual_decoder.decode(output).setlinfo)
        return {name: text.strip() for name, text in usual.items() if text.strip()}
    except _UNREADABLE:
        return _unusual_setlinfo(output)


def _unusual_setlinfo(output: bytes) -> dict[str, str]:
    try:
        outer = _first(_any_decoder.decode(output))
        inner = _first(outer.get("setlinfo")) or _first(outer.get("data")) or outer
        fields = ((name, _text(inner.get(name))) for name in _Settled.__struct_fields__)
        return {name: text for name, text in fields if text}
    except _UNREADABLE:
        return {}


def has_setl_id(output: bytes) -> bool:
    """Whether the output names a settlement."""
    return "setl_id" in setlinfo(output)


def _first(value: Json) -> dict[str, Json]:
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}
