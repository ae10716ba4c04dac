"""The envelope's bytes: order, texts, the centre's clock."""

import json

import pytest

from bus.gateway.envelope import EnvelopeHead, build_envelope, inf_time

HEAD = EnvelopeHead(
    infno="2207",
    msgid="H53010000001202601010101010001",
    mdtrtarea_admvs="530100",
    recer_sys_code="mbs",
    infver="1.0",
    opter_type="1",
    opter="0001",
    opter_name='李"四\\',
    inf_time=inf_time(1_767_225_599_999),
    fixmedins_code="H53010000001",
    fixmedins_name="某某医院",
    sign_no="530000G0000001",
)

ORDER = [
    "infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "dev_no",
    "dev_safe_info", "cainfo", "signtype", "infver", "opter_type", "opter", "opter_name",
    "inf_time", "fixmedins_code", "fixmedins_name", "sign_no", "input",
]  # fmt: skip


def test_fields_are_sent_in_the_order_of_the_specification() -> None:
    sent = json.loads(build_envelope(HEAD, b'{"data":{"psn_no":"1"}}'))
    assert list(sent) == ORDER
    assert sent["input"] == {"data": {"psn_no": "1"}}
    assert sent["opter_name"] == '李"四\\'
    assert sent["insuplc_admdvs"] == ""


def test_chinese_is_sent_as_utf_8_and_the_input_is_not_touched() -> None:
    odd = b'{ "b":1.50, "a":"\xe6\x9d\x8e" }'
    sent = build_envelope(HEAD, odd)
    assert sent.endswith(b',"input":' + odd + b"}")
    assert "某某医院".encode() in sent


def test_the_time_is_that_of_the_centres_clock() -> None:
    assert HEAD.inf_time == "2026-01-01 07:59:59"


def test_the_encryption_kind_is_sent_where_a_province_wants_it() -> None:
    head = EnvelopeHead(**{name: getattr(HEAD, name) for name in ORDER[:-1]}, enc_type="SM4")
    assert list(json.loads(build_envelope(head, b"{}")))[-2:] == ["enc_type", "input"]


@pytest.mark.parametrize("bad", [b"", b"null", b"[]", b'"{}"', b"{"])
def test_an_input_that_is_no_object_is_our_own_mistake(bad: bytes) -> None:
    with pytest.raises(ValueError, match="not an encoded JSON object"):
        build_envelope(HEAD, bad)


def test_a_head_shows_no_names() -> None:
    assert "李" not in repr(HEAD)
