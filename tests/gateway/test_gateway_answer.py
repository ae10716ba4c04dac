"""What an answer means: one table of shapes seen at gateways, one rule a test."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.gateway.answer import (
    Accepted,
    Denied,
    Expect,
    Meaning,
    Refused,
    Unclear,
    read_answer,
)
from bus.gateway.port import Answered

MSGID = "H53010000001202601010101010001"
EFFECTS = ["query", "write", "settle", "cancel", "reverse", "file", "session"]
PLANTED = "530102199001011234"

SETTLED = {"setlinfo": {"setl_id": "S1", "medins_setl_id": MSGID, "medfee_sumamt": "12.30"}}


def expect(effect: str = "query") -> Expect:
    return Expect(
        infno="2207",
        msgid=MSGID,
        effect=effect,
        already_done=("退费结算标志不为未退费",),
        not_found=("不存在",),
        nothing_to_reverse=("原交易不存在",),
        stale_sign_in=("请重新签到",),
        signed_out_today=("已签退",),
        unclear=("系统异常", "超时"),
    )


def read(body: Any, effect: str = "query", *, status: int = 200, charset: str = "utf-8") -> Meaning:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(charset)
    return read_answer(
        Answered(http_status=status, content_type="application/json", body=raw), expect(effect)
    )


@pytest.mark.parametrize("infcode", [0, "0", 0.0, " 0 "])
@pytest.mark.parametrize("effect", EFFECTS)
def test_infcode_zero_is_accepted_as_number_or_text(infcode: Any, effect: str) -> None:
    meaning = read({"infcode": infcode, "inf_refmsgid": "R1", "output": SETTLED}, effect)
    assert isinstance(meaning, Accepted)
    assert (meaning.head.infcode, meaning.head.inf_refmsgid) == ("0", "R1")
    assert json.loads(meaning.output) == SETTLED
    assert meaning.flags == ()


@pytest.mark.parametrize(
    ("output", "expected", "flags"),
    [
        (None, {}, ()),
        ("", {}, ()),
        ("null", {}, ()),
        ({}, {}, ()),
        ([{"a": 1}], [{"a": 1}], ()),
        ('{"a":"1"}', {"a": "1"}, ("output_as_text",)),
        (' [{"a":1}] ', [{"a": 1}], ("output_as_text",)),
        ("成功", "成功", ("output_as_text",)),
    ],
)
def test_output_comes_as_object_list_text_or_nothing(
    output: Any, expected: Any, flags: tuple[str, ...]
) -> None:
    meaning = read({"infcode": "0", "output": output})
    assert isinstance(meaning, Accepted)
    assert json.loads(meaning.output) == expected
    assert meaning.flags == flags


def test_an_answer_without_output_field_is_an_empty_output() -> None:
    meaning = read({"infcode": 0})
    assert isinstance(meaning, Accepted)
    assert meaning.output == b"{}"


def test_amounts_in_the_output_keep_their_spelling() -> None:
    meaning = read(b'{"infcode":0,"output":{"sum":12.30}}')
    assert isinstance(meaning, Accepted)
    assert meaning.output == b'{"sum":12.30}'


@pytest.mark.parametrize(
    ("err_msg", "layer", "rule"),
    [
        ("FSI-文件查询号不能为空[fileBO_156]", "FSI", "fileBO_156"),
        ("FSI-FSI-交易报文不正确：未知交易编号！,异常流水号:1", "FSI-FSI", ""),
        ("MBS-请求失败(trace@10.0.0.1)", "MBS", ""),
        ("FSI-失败[iptPsnSetlMgtBO_4412][outpatientSettleBO_40]", "FSI",
         "iptPsnSetlMgtBO_4412,outpatientSettleBO_40"),
        (f"姓名[{PLANTED}]", "", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_layer_and_rule_are_taken_from_the_text_and_nothing_else_is(
    err_msg: str, layer: str, rule: str
) -> None:
    meaning = read({"infcode": -1, "err_msg": err_msg, "output": None})
    assert isinstance(meaning, Refused)
    assert (meaning.layer, meaning.rule) == (layer, rule)
    assert (meaning.head.layer, meaning.head.rule) == (layer, rule)
    assert meaning.head.err_msg == err_msg


@pytest.mark.parametrize(
    ("err_msg", "kind"),
    [
        ("冲正的结算信息退费结算标志不为未退费，不能办理冲正交易", "already_done"),
        ("FSI-该记录不存在", "not_found"),
        ("原交易不存在", "nothing_to_reverse"),
        ("签到失效,请重新签到", "stale_sign_in"),
        ("操作员已签退,请重新签到", "signed_out_today"),
        ("人员待遇冻结", "other"),
    ],
)
@pytest.mark.parametrize("effect", EFFECTS)
def test_a_refusal_is_sorted_by_the_profiles_texts(err_msg: str, kind: str, effect: str) -> None:
    meaning = read({"infcode": "-1", "err_msg": err_msg}, effect)
    assert isinstance(meaning, Refused)
    assert meaning.kind == kind


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<html><body>502</body></html>", "not_json"),
        (b'{"infcode":0,"output":{"setlin', "not_json"),
        (b'{"infcode":0}}', "not_json"),
        (b"[]", "not_json"),
        (b"null", "not_json"),
        (b"\xff\xfe\x00\x80", "undecodable"),
        (b'{"output":' + b"[" * 200_000, "not_json"),
        (b'{"a":1}', "no_infcode"),
        (b'{"infcode":null,"err_msg":"x"}', "no_infcode"),
        (b'{"infcode":true}', "no_infcode"),
        (b'{"infcode":{"a":0}}', "no_infcode"),
        (b'{"code":0,"message":"ok","data":{}}', "no_infcode"),
        (b'{"success":false,"code":500159,"message":"x"}', "no_infcode"),
        (b'{"code":"999","msg":"x"}', "hub_failure"),
        (b'{"infcode":"999","msg":"x"}', "hub_failure"),
    ],
)
@pytest.mark.parametrize("effect", EFFECTS)
def test_what_is_no_envelope_is_unclear_for_every_effect(
    body: bytes, reason: str, effect: str
) -> None:
    assert read(body, effect) == Unclear(
        reason=reason, head=getattr(read(body, effect), "head", None)
    )


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("status", [201, 302, 400, 404, 500, 502, 504])
def test_another_http_status_is_unclear_even_with_html_or_an_accepting_envelope(
    status: int, effect: str
) -> None:
    for body in (b"<html>", b"", {"infcode": 0, "output": SETTLED}):
        meaning = read(body, effect, status=status)
        assert isinstance(meaning, Unclear)
        assert meaning.reason == "http_status"


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_refusal_under_http_500_counts_for_a_query_only(effect: str) -> None:
    meaning = read({"infcode": -1, "err_msg": "查无此人"}, effect, status=500)
    assert isinstance(meaning, Refused if effect == "query" else Unclear)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b""),
        (403, b"<html>"),
        (200, b'{"code":401,"message":"signature"}'),
        (401, b'{"code":"401"}'),
        (500, b'{"code":403}'),
    ],
)  # fmt: skip
def test_a_gateway_that_does_not_let_us_in_never_asked_the_centre(
    status: int, body: bytes, effect: str
) -> None:
    meaning = read(body, effect, status=status)
    assert isinstance(meaning, Denied)
    assert meaning.http_status == status


def test_401_with_an_envelope_inside_is_not_proof_that_the_centre_was_not_asked() -> None:
    assert isinstance(read({"infcode": 0, "output": SETTLED}, "settle", status=401), Unclear)


@pytest.mark.parametrize("effect", EFFECTS)
def test_gb18030_bytes_are_read_and_flagged(effect: str) -> None:
    accepted = read({"infcode": 0, "output": {**SETTLED, "n": "㐂李"}}, effect, charset="gb18030")
    assert isinstance(accepted, Accepted)
    assert accepted.flags == ("charset_gb18030",)
    assert json.loads(accepted.output)["n"] == "㐂李"
    refused = read({"infcode": -1, "err_msg": "请重新签到"}, effect, charset="gb18030")
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.flags) == ("stale_sign_in", ("charset_gb18030",))


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert isinstance(read(b'\xef\xbb\xbf{"infcode":0}'), Accepted)


@pytest.mark.parametrize("effect", EFFECTS)
def test_zero_with_an_error_text_depends_on_what_is_at_stake(effect: str) -> None:
    bare = read({"infcode": 0, "err_msg": "FSI-失败[fileBO_156]", "output": None}, effect)
    full = read({"infcode": 0, "err_msg": "提示", "output": SETTLED}, effect)
    if effect in ("settle", "cancel", "reverse"):
        assert isinstance(bare, Unclear)
        assert bare.reason == "err_msg_with_zero"
    elif effect == "query":
        assert isinstance(bare, Refused)
        assert bare.rule == "fileBO_156"
    else:
        assert isinstance(bare, Accepted)
    assert isinstance(full, Accepted)
    assert full.flags == ("err_msg_with_zero",)


@pytest.mark.parametrize("output", [None, {}, {"result": {"mdtrt_id": "M1"}}])
def test_a_write_that_can_be_looked_for_is_doubted_when_zero_comes_with_an_error_text_only(
    output: object,
) -> None:
    said = {"infcode": 0, "err_msg": "FSI-失败[fileBO_156]", "output": output}
    answered = Answered(
        http_status=200, content_type="application/json", body=json.dumps(said).encode()
    )
    asked = msgspec.structs.replace(expect("write"), infno="2401", looked_for=True)
    assert isinstance(read_answer(answered, asked), Accepted if output else Unclear)


def test_a_settlement_accepted_without_any_output_is_unclear() -> None:
    assert read({"infcode": 0, "output": None}, "settle") == Unclear(
        reason="no_output", head=getattr(read({"infcode": 0}, "settle"), "head", None)
    )
    assert isinstance(read({"infcode": 0, "output": None}, "cancel"), Accepted)


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("infcode", [0, -1])
def test_an_answer_with_another_msgid_is_never_ours(effect: str, infcode: int) -> None:
    body = {"infcode": infcode, "msgid": MSGID[:-1] + "9", "err_msg": "x", "output": SETTLED}
    meaning = read(body, effect)
    assert isinstance(meaning, Unclear)
    assert meaning.reason == "other_msgid"
    assert not isinstance(read({**body, "msgid": MSGID}, effect), Unclear)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], json.dumps])
def test_a_settlement_of_another_request_is_not_ours(wrap: Any) -> None:
    other = {"setlinfo": {"setl_id": "S9", "medins_setl_id": "another"}}
    meaning = read({"infcode": 0, "output": wrap(other)}, "settle")
    assert isinstance(meaning, Unclear)
    assert meaning.reason == "other_msgid"
    assert isinstance(read({"infcode": 0, "output": wrap(other)}, "query"), Accepted)
    silent = {"setlinfo": {"setl_id": "S9", "medins_setl_id": ""}}
    assert isinstance(read({"infcode": 0, "output": wrap(silent)}, "settle"), Accepted)


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_system_error_is_a_refusal_of_a_query_and_a_doubt_for_the_rest(effect: str) -> None:
    meaning = read({"infcode": -1, "err_msg": "FSI-系统异常,请稍后"}, effect)
    assert isinstance(meaning, Refused if effect == "query" else Unclear)
    business = read({"infcode": -2, "err_msg": "系统异常"}, effect)
    assert isinstance(business, Refused)


@pytest.mark.parametrize("effect", ["settle", "cancel", "reverse"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"infcode": -1, "err_msg": ""}, "no_reason"),
        ({"infcode": 1, "err_msg": "x"}, "odd_infcode"),
        ({"infcode": "ok", "err_msg": "x"}, "odd_infcode"),
        ({"infcode": "-", "err_msg": "x"}, "odd_infcode"),
        ({"infcode": 0.5, "err_msg": "x"}, "odd_infcode"),
    ],
)
def test_money_is_never_called_refused_without_a_documented_code_and_a_reason(
    body: dict[str, Any], reason: str, effect: str
) -> None:
    meaning = read(body, effect)
    assert isinstance(meaning, Unclear)
    assert meaning.reason == reason
    assert isinstance(read(body, "query"), Refused)


def test_the_text_of_a_component_or_hub_is_taken_where_err_msg_is_missing() -> None:
    for field in ("message", "msg"):
        meaning = read({"infcode": -1, field: "请重新签到"})
        assert isinstance(meaning, Refused)
        assert meaning.kind == "stale_sign_in"


def test_no_meaning_shows_the_text_of_the_centre() -> None:
    bodies: list[tuple[dict[str, Any], str]] = [
        ({"infcode": -1, "err_msg": f"{PLANTED}"}, "query"),
        ({"infcode": -1, "err_msg": f"系统异常{PLANTED}"}, "settle"),
        ({"infcode": 0, "err_msg": f"{PLANTED}", "output": {"certno": PLANTED}}, "write"),
    ]
    for body, effect in bodies:
        assert PLANTED not in repr(read(body, effect))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "infcode": JSON_VALUES | st.sampled_from([0, "0", -1, "-1", "-2", "999"]),
        "err_msg": JSON_VALUES | st.sampled_from(["", "系统异常", "FSI-[aBO_1]"]),
        "code": JSON_VALUES | st.sampled_from([401, "999"]),
        "msgid": JSON_VALUES | st.just(MSGID),
        "output": JSON_VALUES | st.just(SETTLED),
        "warn_msg": JSON_VALUES,
        "inf_refmsgid": JSON_VALUES,
    },
)
STATUSES = st.sampled_from([200, 200, 200, 204, 302, 401, 403, 500, 502])


def check(answered: Answered, effect: str) -> None:
    meaning = read_answer(answered, expect(effect))
    assert isinstance(meaning, Accepted | Refused | Unclear | Denied)
    if isinstance(meaning, Accepted):
        assert answered.http_status == 200
        assert meaning.head.infcode == "0"
        json.loads(meaning.output)
    if isinstance(meaning, Refused) and effect in ("settle", "cancel", "reverse"):
        assert answered.http_status == 200
        assert meaning.head.infcode.startswith("-")


@given(st.binary(max_size=200), STATUSES, st.sampled_from(EFFECTS))
def test_any_bytes_have_a_meaning(body: bytes, status: int, effect: str) -> None:
    check(Answered(http_status=status, content_type="", body=body), effect)


@given(
    ENVELOPES,
    STATUSES,
    st.sampled_from(EFFECTS),
    st.sampled_from(["utf-8", "gb18030", "utf-16"]),
    st.booleans(),
)
def test_any_envelope_has_a_meaning(
    envelope: dict[str, Any], status: int, effect: str, charset: str, ascii_only: bool
) -> None:
    text = json.dumps(envelope, ensure_ascii=ascii_only)
    body = text.encode(charset, "surrogatepass" if charset != "gb18030" else "replace")
    check(Answered(http_status=status, content_type="", body=body), effect)


@given(
    st.sampled_from([b'{"infcode":0,"output":', b'{"output":']),
    st.binary(max_size=60),
    st.sampled_from([b"", b"}", b',"infcode":0}', b',"infcode":-1,"err_msg":"x"}']),
    st.sampled_from(EFFECTS),
)
def test_any_output_has_a_meaning(head: bytes, output: bytes, tail: bytes, effect: str) -> None:
    check(Answered(http_status=200, content_type="", body=head + output + tail), effect)


@given(st.integers(0, 200), st.sampled_from(["settle", "cancel", "reverse"]))
def test_a_cut_answer_is_never_taken_for_a_whole_one(cut: int, effect: str) -> None:
    whole = json.dumps({"infcode": -1, "err_msg": "人员待遇冻结", "output": SETTLED}).encode()
    meaning = read_answer(
        Answered(http_status=200, content_type="", body=whole[: min(cut, len(whole) - 1)]),
        expect(effect),
    )
    assert isinstance(meaning, Unclear)
