"""Faults as small pieces: each does one thing to one call; they compose in the order scripted.

Four moments, all no-ops unless a piece says otherwise: ``before`` (nothing is done yet; may give
the final answer), ``instead`` (an answer without the business), ``shape`` (the answer object, after
the commit), ``wire`` (its bytes and how they travel).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from sandbox.centre import Centre, Received
from sandbox.envelope import accepted, refused
from sandbox.fields import Json
from sandbox.refusals import RefusedError

JSON_TYPE = "application/json;charset=UTF-8"


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer and how it travels: whole, cut after ``cut_at`` bytes, dropped, or never.
    ``is_answer`` is false for a page that only stands in its place."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    cut_at: int | None = None
    is_answer: bool = True
    drop: bool = False
    hang: bool = False


SILENCE = Wire(body=b"", hang=True)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The call a fault acts on. ``client_left`` returns when the caller is gone; ``later`` keeps a
    piece of work alive that outlives the call."""

    received: Received
    centre: Centre
    client_left: Callable[[], Awaitable[None]]
    later: Callable[[Awaitable[None]], None]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all faults; its fields are the parameters a script may give."""

    name: ClassVar[str] = ""
    en: ClassVar[str] = ""
    zh: ClassVar[str] = ""

    async def before(self, scene: Scene) -> Wire | None:
        """Before anything is done."""
        return None

    def instead(self, scene: Scene) -> Json | None:
        """An answer given without doing the business."""
        return None

    def shape(self, scene: Scene, answer: Json) -> Json:
        """The answer object after the business."""
        return answer

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        """The bytes of the answer."""
        return wire


class Delay(Fault, frozen=True):
    name = "delay"
    en = "waits `s` seconds of real time, then goes on as usual"
    zh = "延迟 s 秒后照常办理"
    s: float = 1.0

    async def before(self, scene: Scene) -> Wire | None:
        await asyncio.sleep(self.s)
        return None


class TimeoutBeforeCommit(Fault, frozen=True):
    name = "timeout_before_commit"
    en = "never answers and does nothing; the connection stays open until the caller leaves"
    zh = "不应答、不办理，连接保持到对方离开"

    async def before(self, scene: Scene) -> Wire | None:
        return SILENCE


class Http502Before(Fault, frozen=True):
    name = "http_502_before"
    en = "answers HTTP 502 and does nothing"
    zh = "未办理，返回 HTTP 502"

    async def before(self, scene: Scene) -> Wire | None:
        return _bad_gateway()


class LateCommit(Fault, frozen=True):
    name = "late_commit"
    en = (
        "never answers; does the business `after_s` seconds later, by the sandbox's clock or by"
        " real time (`clock`: sandbox, real)"
    )
    zh = "不应答，after_s 秒后才办理（clock: sandbox 或 real）"
    after_s: float = 5.0
    clock: str = "sandbox"

    async def before(self, scene: Scene) -> Wire | None:
        scene.later(self._commit(scene))
        return SILENCE

    async def _commit(self, scene: Scene) -> None:
        if self.clock == "real":
            await asyncio.sleep(self.after_s)
        else:
            due_ms = scene.received.at_ms + round(self.after_s * 1000)
            await scene.centre.clock.sleep_until(due_ms)
        scene.centre.carry_out(scene.received)


class RefuseWith(Fault, frozen=True):
    name = "refuse_with"
    en = "refuses the call with the words given in `err_msg`"
    zh = "以 err_msg 给出的文字拒绝"
    err_msg: str = "FSI-业务处理失败[sbxSysBO_998]"

    def instead(self, scene: Scene) -> Json | None:
        return refused(scene.centre.stamp(scene.received), self.err_msg)


class RefuseReversal(Fault, frozen=True):
    name = "refuse_reversal"
    en = "refuses the call (meant for 2601) without looking at it"
    zh = "拒绝办理（用于 2601）"

    def instead(self, scene: Scene) -> Json | None:
        text = RefusedError("reversal_scripted").err_msg
        return refused(scene.centre.stamp(scene.received), text)


class ReversalNotDone(Fault, frozen=True):
    name = "reversal_not_done"
    en = "accepts the call (meant for 2601) and does nothing"
    zh = "受理成功但实际未办理（用于 2601）"

    def instead(self, scene: Scene) -> Json | None:
        return accepted(scene.centre.stamp(scene.received), {})


class ZeroWithErrMsg(Fault, frozen=True):
    name = "zero_with_err_msg"
    en = "infcode 0 with an err_msg; done only with `committed` true, otherwise a refusal"
    zh = "infcode 为 0 但带 err_msg；committed 为 true 时已办理，否则未办理"
    committed: bool = False
    err_msg: str = "FSI-业务处理失败[sbxSysBO_998]"

    def instead(self, scene: Scene) -> Json | None:
        if self.committed:
            return None
        said = accepted(scene.centre.stamp(scene.received), {})
        return said | {"err_msg": self.err_msg}

    def shape(self, scene: Scene, answer: Json) -> Json:
        return answer | {"err_msg": self.err_msg}


class SystemErrorText(Fault, frozen=True):
    name = "system_error"
    en = "does the business, then answers infcode -1 with a system-error text"
    zh = "已办理，但返回 -1 系统异常"

    def shape(self, scene: Scene, answer: Json) -> Json:
        return refused(scene.centre.stamp(scene.received), RefusedError("system_error").err_msg)


class StringInfcode(Fault, frozen=True):
    name = "string_infcode"
    en = "infcode as text"
    zh = "infcode 为字符串"

    def shape(self, scene: Scene, answer: Json) -> Json:
        return answer | {"infcode": str(answer["infcode"])}


class OtherMsgid(Fault, frozen=True):
    name = "other_msgid"
    en = "does the business, then gives the answer of another message (medins_setl_id, msgid)"
    zh = "已办理，但应答属于另一报文"

    def shape(self, scene: Scene, answer: Json) -> Json:
        other = _neighbour(scene.received.msgid)
        stamp = msgspec.structs.replace(
            scene.centre.stamp(scene.received), serial=scene.received.n + 5000
        )
        answer = answer | {"inf_refmsgid": stamp.inf_refmsgid, "msgid": other}
        return _reworded(answer, lambda name, value: other if name == "medins_setl_id" else value)


class AmountsAsNumbers(Fault, frozen=True):
    name = "amounts_as_numbers"
    en = "amounts as JSON numbers instead of texts"
    zh = "金额为数字而非字符串"

    def shape(self, scene: Scene, answer: Json) -> Json:
        return _reworded(
            answer, lambda name, value: Decimal(value) if _is_amount(name, value) else value
        )


class EmptyAmountTexts(Fault, frozen=True):
    name = "empty_amount_texts"
    en = "amounts of zero as empty texts"
    zh = "为零的金额返回空字符串"

    def shape(self, scene: Scene, answer: Json) -> Json:
        return _reworded(
            answer,
            lambda name, value: "" if _is_amount(name, value) and not Decimal(value) else value,
        )


class LoseAnswer(Fault, frozen=True):
    name = "lose_answer"
    en = "does the business, then cuts the connection without a byte"
    zh = "已办理，随即断开连接，不返回任何字节"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        return msgspec.structs.replace(wire, drop=True)


class CommitThenHang(Fault, frozen=True):
    name = "commit_then_hang"
    en = "does the business, then never answers"
    zh = "已办理，但不应答"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        return SILENCE


class Http502AfterCommit(Fault, frozen=True):
    name = "http_502_after_commit"
    en = "does the business, then answers HTTP 502"
    zh = "已办理，但返回 HTTP 502"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        return _bad_gateway()


class HalfBody(Fault, frozen=True):
    name = "half_body"
    en = "does the business, then cuts the connection in the middle of the answer"
    zh = "已办理，应答只发出一半即断开"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        return msgspec.structs.replace(wire, cut_at=len(wire.body) // 2)


class Html(Fault, frozen=True):
    name = "html"
    en = "does the business, then answers HTTP 200 with an HTML page"
    zh = "已办理，但返回 HTML 页面"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        page = "<html><body><h1>系统维护中</h1></body></html>".encode()
        return Wire(body=page, content_type="text/html;charset=UTF-8", is_answer=False)


class GbkBytes(Fault, frozen=True):
    name = "gbk_bytes"
    en = "answers in GB18030; `told` is the content type"
    zh = "应答为 GB18030 编码"
    told: str = "text/plain;charset=GBK"

    def wire(self, scene: Scene, wire: Wire) -> Wire:
        body = wire.body.decode("utf-8").encode("gb18030")
        return msgspec.structs.replace(wire, body=body, content_type=self.told)


FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        Delay,
        TimeoutBeforeCommit,
        Http502Before,
        LateCommit,
        RefuseWith,
        RefuseReversal,
        ReversalNotDone,
        ZeroWithErrMsg,
        SystemErrorText,
        StringInfcode,
        OtherMsgid,
        AmountsAsNumbers,
        EmptyAmountTexts,
        LoseAnswer,
        CommitThenHang,
        Http502AfterCommit,
        HalfBody,
        Html,
        GbkBytes,
    )
}
"""Every fault by its name; the table of ``docs/sandbox.md`` is checked against it."""


def _neighbour(msgid: str) -> str:
    last = msgid[-4:]
    return f"{msgid[:-4]}{(int(last) + 5000) % 10000:04d}" if last.isdigit() else ""


def _bad_gateway() -> Wire:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Wire(body=page, status=502, content_type="text/html", is_answer=False)


_AMOUNT_NAME = re.compile(r"(_amt|_sumamt|_pay|_payamt|_dedc|_selfpay|_prop|^balc|^cnt|^pric)$")
_AMOUNT_TEXT = re.compile(r"-?\d+\.\d{2,6}")


def _is_amount(name: str, value: str) -> bool:
    return bool(_AMOUNT_NAME.search(name) and _AMOUNT_TEXT.fullmatch(value))


def _reworded(answer: Json, change: Callable[[str, str], Any]) -> Json:
    return {key: _each_text(inner, change, key) for key, inner in answer.items()}


def _each_text(value: Any, change: Callable[[str, str], Any], name: str) -> Any:
    if isinstance(value, dict):
        return {key: _each_text(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each_text(inner, change, name) for inner in value]
    return change(name, value) if isinstance(value, str) else value
