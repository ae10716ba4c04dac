"""What a whole HTTP answer means: accepted, refused, unclear, or not let in. Pure.

Only the head is decoded; ``output`` stays raw. When in doubt about money the answer is ``Unclear``:
a needless look costs seconds, a wrong "refused" costs a patient a payment nobody knows of. Texts
of the centre may hold identities: they travel in ``head`` only, never in a reason or a repr.
"""

import re
from collections.abc import Sequence

import msgspec

from bus.gateway.answer_text import EMPTY_OUTPUT, Document, has_setl_id, read_document, setlinfo
from bus.gateway.port import Answered
from schemas.contract import CentreAnswer

MONEY = frozenset({"settle", "cancel", "reverse"})
"""Effects whose outcome must be certain."""

HUB_FAILURE = "999"
"""A hub in front of the centre failed; the centre may or may not have been asked."""

DENIED_STATUSES = frozenset({401, 403})
DENIED_CODES = frozenset({"401", "403"})

CODE_CHARS_MAX = 12
"""Longest infcode repeated in a head: documented codes have 4 characters."""

_LAYER = re.compile(r"(?:[A-Z]{2,5}-){1,3}")
_RULE = re.compile(r"\[([A-Za-z]{1,60}BO_[0-9]{1,8})\]")


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """The call an answer belongs to, and the profile's texts (any substring of one counts)."""

    infno: str
    msgid: str
    effect: str
    """query, write, settle, cancel, reverse, file, session."""
    names_settlement: bool = False
    """Whether an acceptance names its settlement (setl_id): one that does not is none."""
    looked_for: bool = False
    """Whether a look can tell if it took effect: then doubt costs little, and is preferred."""
    already_done: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    nothing_to_reverse: tuple[str, ...] = ()
    stale_sign_in: tuple[str, ...] = ()
    signed_out_today: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """infcode 0. ``output`` is JSON (object or list; ``{}`` when there was none)."""

    output: bytes
    head: CentreAnswer
    flags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Accepted({len(self.output)} bytes, flags={self.flags})"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The centre said no. ``kind``: already_done, not_found, nothing_to_reverse, stale_sign_in,
    signed_out_today, other. ``layer`` and ``rule`` are fit for metric labels."""

    head: CentreAnswer
    layer: str
    rule: str
    kind: str
    flags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Refused({self.kind}, layer={self.layer!r}, rule={self.rule!r})"


class Unclear(msgspec.Struct, frozen=True, kw_only=True):
    """Not an answer to go by. ``reason``: http_status, empty, not_json, undecodable,
    too_many_values, no_infcode, odd_infcode, other_msgid, system_error, hub_failure, no_reason,
    err_msg_with_zero, no_output."""

    reason: str
    head: CentreAnswer | None = None

    def __repr__(self) -> str:
        return f"Unclear({self.reason})"


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway did not accept our credentials; the centre was not asked."""

    http_status: int
    code: str = ""


Meaning = Accepted | Refused | Unclear | Denied


def read_answer(answered: Answered, expect: Expect) -> Meaning:
    """What the answer means for the call it belongs to. Never raises, whatever the bytes."""
    document = read_document(answered.body)
    if isinstance(document, str):
        return _without_envelope(answered.http_status, "", document)
    infcode = document.infcode
    if not infcode:
        return _without_envelope(answered.http_status, document.code, "no_infcode")
    head = _head(document)
    if answered.http_status != 200 and not (expect.effect == "query" and infcode.startswith("-")):
        return Unclear(reason="http_status", head=head)
    if document.msgid and document.msgid != expect.msgid:
        return Unclear(reason="other_msgid", head=head)
    if infcode == "0":
        return _zero(document, head, expect)
    if infcode == HUB_FAILURE:
        return Unclear(reason="hub_failure", head=head)
    return _negative(document, head, expect)


def _without_envelope(http_status: int, code: str, reason: str) -> Unclear | Denied:
    if http_status in DENIED_STATUSES or code in DENIED_CODES:
        return Denied(http_status=http_status, code=code if code in DENIED_CODES else "")
    if code == HUB_FAILURE:
        return Unclear(reason="hub_failure")
    return Unclear(reason=reason if http_status == 200 else "http_status")


def _zero(document: Document, head: CentreAnswer, expect: Expect) -> Meaning:
    output, flags = document.output, document.flags
    settle = expect.effect == "settle"
    if settle and setlinfo(output).get("medins_setl_id", expect.msgid) != expect.msgid:
        return Unclear(reason="other_msgid", head=head)
    if not head.err_msg:
        missing = expect.names_settlement and not has_setl_id(output)
        if settle and (output == EMPTY_OUTPUT or missing):
            return Unclear(reason="no_output", head=head)
        return Accepted(output=output, head=head, flags=flags)
    nothing_made = expect.effect == "write" and expect.looked_for and output == EMPTY_OUTPUT
    if nothing_made or (expect.effect in MONEY and not has_setl_id(output)):
        return Unclear(reason="err_msg_with_zero", head=head)
    if expect.effect == "query" and output == EMPTY_OUTPUT:
        return _refused(document, head, expect)
    return Accepted(output=output, head=head, flags=(*flags, "err_msg_with_zero"))


def _negative(document: Document, head: CentreAnswer, expect: Expect) -> Meaning:
    if expect.effect != "query":
        if not re.fullmatch(r"-[0-9]+", document.infcode):
            return Unclear(reason="odd_infcode", head=head)
        if document.infcode == "-1" and _any_in(head.err_msg, expect.unclear):
            return Unclear(reason="system_error", head=head)
        if expect.effect in MONEY and not head.err_msg:
            return Unclear(reason="no_reason", head=head)
    return _refused(document, head, expect)


def _refused(document: Document, head: CentreAnswer, expect: Expect) -> Refused:
    return Refused(
        head=head,
        layer=head.layer,
        rule=head.rule,
        kind=_kind(head.err_msg, expect),
        flags=document.flags,
    )


def _kind(err_msg: str, expect: Expect) -> str:
    for kind, texts in (
        ("signed_out_today", expect.signed_out_today),
        ("stale_sign_in", expect.stale_sign_in),
        ("nothing_to_reverse", expect.nothing_to_reverse),
        ("already_done", expect.already_done),
        ("not_found", expect.not_found),
    ):
        if _any_in(err_msg, texts):
            return kind
    return "other"


def _any_in(text: str, parts: Sequence[str]) -> bool:
    return any(part in text for part in parts if part)


def _head(document: Document) -> CentreAnswer:
    text = document.err_msg
    layer = _LAYER.match(text) if text else None
    return CentreAnswer(
        infcode=document.infcode[:CODE_CHARS_MAX],
        err_msg=text,
        inf_refmsgid=document.inf_refmsgid,
        warn_msg=document.warn_msg,
        layer=layer.group().rstrip("-") if layer else "",
        rule=",".join(_RULE.findall(text)[:3]) if text else "",
    )
