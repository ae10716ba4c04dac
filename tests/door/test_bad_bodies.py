"""Bodies that are no request: each is answered with its reasons, and nothing is sent."""

import gzip
import json
from typing import Any

import pytest

from tests.door.raw_his import INSTITUTION, SETTLEMENT, RawHis, frame, settlement

MIB = 1 << 20


def deep(levels: int) -> Any:
    """Lists within lists."""
    return json.loads("[" * levels + "]" * levels)


def number(literal: bytes) -> bytes:
    """A 2207 whose amount is a JSON number written so."""
    return settlement(medfee_sumamt="X").replace(b'"X"', literal)


AMOUNT = "$.input.data.medfee_sumamt"
FRAMES: dict[str, tuple[bytes, dict[str, str]]] = {
    "not JSON": (b"hello", {"$": "not_json"}),
    "empty": (b"", {"$": "not_json"}),
    "cut off": (frame()[:-5], {"$": "not_json"}),
    "wrong and cut off": (frame(opter=5)[:-1], {"$": "not_json"}),
    "two values": (frame() + frame(), {"$": "not_json"}),
    "GBK": (frame(opter_name="张").decode().encode("gbk"), {"$": "bad_utf8"}),
    "UTF-16": (frame().decode().encode("utf-16"), {"$": "not_json"}),
    "bad UTF-8 in the frame": (
        frame(opter_name="X").replace(b'"X"', b'"\xff\xfe"'),
        {"$": "bad_utf8"},
    ),
    "byte order mark": (b"\xef\xbb\xbf" + frame(), {"$": "byte_order_mark"}),
    "8 MiB of anything": (b"x" * (8 * MIB), {"$": "too_large"}),
    "8 MiB of JSON": (frame(note="x" * (8 * MIB)), {"$": "too_large"}),
    "a name twice in the frame": (frame()[:-1] + b',"opter":"2"}', {"$": "duplicate_name"}),
    "deep frame": (frame(note=deep(40)), {"$": "too_deep"}),
    "very deep frame": (frame(note="X").replace(b'"X"', b"[" * MIB), {"$": "too_deep"}),
    "very deep input": (
        frame(content="X").replace(b'"X"', b"[" * MIB + b"]" * MIB),
        {"$": "too_deep"},
    ),
    "NaN": (number(b"NaN"), {"$": "not_json"}),
    "Infinity": (number(b"-Infinity"), {"$": "not_json"}),
    "a huge number in the frame": (
        frame(note="X").replace(b'"X"', b"9" * 5000),
        {"$": "number_out_of_range"},
    ),
    "a list": (b"[1]", {"$": "wrong_shape"}),
    "null": (b"null", {"$": "wrong_shape"}),
    "a text": (b'"2207"', {"$": "wrong_shape"}),
    "very deep list": (b"[" * MIB, {"$": "wrong_shape"}),
    "nothing in it": (b"{}", {"$.infno": "missing", "$.input": "missing"}),
    "wrong types in the frame": (
        frame(opter=5, opter_type=None, desk=[], after_batch={"a": 1}),
        {
            "$.opter": "wrong_type",
            "$.opter_type": "wrong_type",
            "$.desk": "wrong_type",
            "$.after_batch": "wrong_type",
        },
    ),
}
INPUTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "input is a list": (frame(content=[1]), {"$.input": "wrong_type"}),
    "input is a text": (frame(content="x"), {"$.input": "wrong_type"}),
    "deep input": (frame(content={"data": deep(40)}), {"$.input": "too_deep"}),
    "a name twice in the input": (
        frame().replace(b'"medinsinfo": {', b'"medinsinfo": {"fixmedins_type": "2",'),
        {"$.input": "duplicate_name"},
    ),
    "bad UTF-8 in the input": (
        frame().replace("示".encode(), b"\xff\xfe"),
        {"$.input": "bad_utf8"},
    ),
    "a number of 5000 digits": (number(b"9" * 5000), {"$.input": "number_out_of_range"}),
    "1e30": (number(b"1e30"), {AMOUNT: "too_many_digits"}),
    "1e999999999": (number(b"1e999999999"), {AMOUNT: "bad_number"}),
    "1e-999999999": (number(b"1e-999999999"), {AMOUNT: "bad_number"}),
    "NaN as text": (number(b'"NaN"'), {AMOUNT: "bad_number"}),
    "Infinity as text": (number(b'"Infinity"'), {AMOUNT: "bad_number"}),
    "a text of 100,000 digits": (
        settlement(medfee_sumamt="9" * 100_000),
        {AMOUNT: "too_many_digits"},
    ),
    "an amount with mills": (settlement(medfee_sumamt="126.401"), {AMOUNT: "too_many_decimals"}),
    "an amount as a flag": (settlement(medfee_sumamt=True), {AMOUNT: "wrong_type"}),
    "too long by one": (settlement(psn_no="1" * 31), {"$.input.data.psn_no": "too_long"}),
    "missing": (settlement(mdtrt_id=None), {"$.input.data.mdtrt_id": "missing"}),
    "empty though required": (settlement(mdtrt_id=""), {"$.input.data.mdtrt_id": "missing"}),
    "a code of no table": (
        settlement(mdtrt_cert_type="77"),
        {"$.input.data.mdtrt_cert_type": "not_in_codes"},
    ),
    "no insured area": (
        frame("2207", SETTLEMENT, insuplc_admdvs=""),
        {"$.insuplc_admdvs": "missing"},
    ),
    "batches, which come later": (frame(after_batch="b-1"), {"$.after_batch": "unsupported"}),
    "an operator too long by one": (frame(opter="1" * 31), {"$.opter": "too_long"}),
    "no operator": (frame(opter=""), {"$.opter": "missing", "$.opter_name": "missing"}),
}


@pytest.mark.parametrize("name", FRAMES)
async def test_a_body_that_is_no_request_is_refused_with_its_reasons(
    outside: RawHis, name: str
) -> None:
    body, wanted = FRAMES[name]
    heard = await outside.ask(body)
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == wanted
    assert all(fault.label and not fault.label.isascii() for fault in heard.reply.faults)


@pytest.mark.parametrize("name", INPUTS)
async def test_an_input_against_the_specification_is_refused_with_its_reasons(
    outside: RawHis, name: str
) -> None:
    body, wanted = INPUTS[name]
    heard = await outside.ask(body, "2207" if b'"2207"' in body else "1201")
    assert heard.outcome == ("invalid", "fields")
    assert heard.faults == wanted


async def test_every_fault_is_listed_at_once_with_path_label_and_what_is_allowed(
    outside: RawHis,
) -> None:
    body = json.loads(
        settlement(psn_no="1" * 31, mdtrt_cert_type="77", medfee_sumamt="12,5", med_type=None)
    )
    body.update(opter="1" * 31, after_batch="b-1")
    heard = await outside.ask(json.dumps(body).encode(), "2207")
    assert heard.outcome == ("invalid", "fields")
    told = {fault.path: (fault.label, fault.problem, fault.allowed) for fault in heard.reply.faults}
    assert told == {
        "$.input.data.psn_no": ("人员编号", "too_long", "30"),
        "$.input.data.mdtrt_cert_type": (
            "就诊凭证类型",
            "not_in_codes",
            told["$.input.data.mdtrt_cert_type"][2],
        ),
        "$.input.data.med_type": ("医疗类别", "missing", "文本（最多6个字符）"),
        "$.input.data.medfee_sumamt": (
            "医疗费总额",
            "bad_number",
            "整数部分最多14位、小数最多2位的数值",
        ),
        "$.opter": ("经办人", "too_long", "30"),
        "$.after_batch": ("依赖批次", "unsupported", ""),
    }
    assert "01" in told["$.input.data.mdtrt_cert_type"][2]
    assert all(fault.message and fault.message_en for fault in heard.reply.faults)


async def test_faults_of_properties_frame_and_input_are_told_together(outside: RawHis) -> None:
    heard = await outside.ask(
        settlement(psn_no=None),
        "2207",
        message_type="2208",
        headers={"idempotency-key": "a b", "deadline": "tomorrow"},
    )
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == {
        "headers.idempotency-key": "bad_key",
        "properties.type": "other_than_routing_key",
        "headers.deadline": "bad_deadline",
        "$.input.data.psn_no": "missing",
    }


async def test_a_value_never_comes_back_in_a_fault(outside: RawHis) -> None:
    heard = await outside.ask(settlement(psn_no="SECRET" * 6, mdtrt_cert_type="PRIVATE"), "2207")
    text = str(heard.reply)
    assert "SECRET" not in text
    assert "PRIVATE" not in text


@pytest.mark.parametrize("literal", [b"1e999999999", b"1e-999999999", b"1e30", b"0.1e1"])
async def test_a_number_nobody_specified_is_passed_on_and_harms_nobody(
    his: RawHis, literal: bytes
) -> None:
    body = frame(content={"medinsinfo": {**INSTITUTION["medinsinfo"], "local_field": "X"}})
    heard = await his.ask(body.replace(b'"X"', literal))
    assert heard.outcome == ("succeeded", "ok")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "no such thing"])
async def test_a_compressed_request_is_not_unpacked(outside: RawHis, encoding: str) -> None:
    body = gzip.compress(frame(note="x" * (64 * MIB)))
    heard = await outside.ask(body, content_encoding=encoding)
    assert heard.outcome == ("invalid", "malformed")
    assert heard.faults == {"$": "not_json"}
