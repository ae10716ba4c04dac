"""Whatever the centre answers: the worker goes on, and says ``succeeded`` only when it was said."""

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bus.gateway.port import Answered
from bus.journal.memory import MemoryJournal
from bus.lifecycle.record import FINAL
from schemas.contract import Status
from tests.consumers.scripted_centre import (
    NOON_MS,
    Parts,
    ScriptedCentre,
    settle,
    settlement,
)
from tests.gateway.gateway_manual_clock import ManualClock

VISIT = {"data": {"psn_no": "1", "mdtrt_id": "2"}}
texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
deep = st.integers(20, 3000).map(lambda n: b'{"infcode":0,"output":' + b"[" * n + b"]" * n + b"}")
places = st.sampled_from(["infcode", "err_msg", "output", "msgid", "setlinfo", "setldetail", "x"])


class Odd(ScriptedCentre):
    """Answers everything but sign-ins with something made of the usual answer by ``spoil``."""

    def __init__(self, spoil: Any) -> None:
        super().__init__()
        self._spoil = spoil
        self.bodies: dict[str, list[tuple[int, bytes]]] = {}

    async def call(self, call: Any) -> Any:
        usual = await super().call(call)
        if call.infno == "9001" or not isinstance(usual, Answered):
            return usual
        status, body = self._spoil(usual.body)
        self.bodies.setdefault(call.msgid, []).append((status, body))
        return Answered(http_status=status, content_type="", body=body)


@st.composite
def spoilers(draw: st.DrawFn) -> Any:
    """How an answer is changed: other bytes, a cut, a member of the envelope or the output."""
    status = draw(st.sampled_from([200, 200, 200, 200, 500, 502]))
    kind = draw(st.sampled_from(["bytes", "deep", "cut", "member", "inner", "bits"]))
    name, value = draw(places), draw(values)
    raw, at, nested = draw(st.binary(max_size=60)), draw(st.integers(0, 600)), draw(deep)

    def spoil(body: bytes) -> tuple[int, bytes]:
        answer = json.loads(body)
        if kind == "member":
            return status, json.dumps(answer | {name: value}).encode()
        if kind == "inner" and isinstance(answer["output"], dict):
            answer["output"] |= {name: value}
            return status, json.dumps(answer).encode()
        other = {"bytes": raw, "deep": nested, "cut": body[:at]}
        return status, other.get(kind, body[:at] + raw[:2] + body[at + 2 :])

    return spoil


def says_yes(status: int, body: bytes, msgid: str) -> bool:
    """Whether an answer can be read as the acceptance of this settlement at all."""
    try:
        answer = json.loads(body.decode("utf-8", "ignore"))
        said = str(answer["infcode"]).strip() in {"0", "0.0", "-0.0"}
        return status == 200 and said and (msgid in body.decode() or "setl_id" in body.decode())
    except (ValueError, KeyError, TypeError, RecursionError):
        return b"setl_id" in body  # only our reader knows other character sets


@given(spoilers())
@settings(max_examples=80)
def test_money_is_told_as_moved_only_when_the_centre_said_so(spoil: Any) -> None:
    async def story() -> None:
        centre, clock = Odd(spoil), ManualClock(NOON_MS)
        centre.always("2601", lambda _: Answered(http_status=502, content_type="", body=b"{}"))
        worker = Parts(centre, clock, MemoryJournal())
        order = worker.order("2207", settle())
        for _ in range(40):
            told = await worker.answer(order)
            record = await worker.record(order.key)
            if record.state in FINAL or record.state == "held":
                break
            clock.move(600)
        assert told.status in {Status.SUCCEEDED, Status.REJECTED, Status.IN_DOUBT, Status.REVERSED}
        heard = [one for each in centre.bodies.values() for one in each]
        if told.status is Status.SUCCEEDED:
            assert any(says_yes(*one, record.msgid) for one in heard)
        if told.status is Status.REJECTED:
            assert told.centre is not None
            assert told.centre.infcode.startswith("-")

    asyncio.run(story())


@given(spoilers())
@settings(max_examples=80)
def test_a_query_is_answered_whatever_comes_back(spoil: Any) -> None:
    async def story() -> None:
        told = await Parts(Odd(spoil)).ask("5204", VISIT)
        assert told.status in {Status.SUCCEEDED, Status.REJECTED, Status.UNAVAILABLE}

    asyncio.run(story())


def test_an_answer_deeper_than_a_request_may_be_is_none() -> None:
    async def story() -> None:
        envelope = {"msgid": "m"}
        body = json.dumps({"infcode": 0, "output": settlement(envelope)}).encode()
        nested = body.replace(b'"S1"', b"[" * 40 + b"]" * 40)
        worker = Parts(Odd(lambda _: (200, nested)))
        assert (await worker.ask("5204", VISIT)).code == "no_answer"
        assert (await worker.ask("2207", settle())).status is Status.IN_DOUBT

    asyncio.run(story())
