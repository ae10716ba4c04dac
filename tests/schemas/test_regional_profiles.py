"""Profiles: a region is its differences, an institution's settings come last."""

from typing import Any

import pytest

from schemas import profile as profiles
from schemas.catalogue import load
from schemas.faulty_data import CatalogueError
from schemas.profile import UnknownProfileError, load_profile
from tests.schemas.schema_samples import right_input

NATIONAL = load_profile("national")
YUNNAN = load_profile("yunnan")
HUNAN = load_profile("hunan")


def test_a_region_inherits_what_it_does_not_say() -> None:
    assert YUNNAN.reversible == HUNAN.reversible == NATIONAL.reversible
    assert YUNNAN.texts == NATIONAL.texts
    assert YUNNAN.path("2207") == NATIONAL.path("2207")
    assert (YUNNAN.name, YUNNAN.title) == ("yunnan", "云南省")


def test_yunnan_is_as_its_guide_says() -> None:
    assert (YUNNAN.infver, YUNNAN.recer_sys_code) == ("1.0", "mbs")
    assert YUNNAN.mdtrtarea.startswith("53")
    assert YUNNAN.token_life_s == 180
    assert (YUNNAN.limits.input_chars_max, YUNNAN.limits.request_bytes_max) == (40_000, 409_600)
    assert YUNNAN.limits.centre_timeout_s == 600
    (rule,) = YUNNAN.check_before_settle
    assert (rule.mdtrt_cert_type, rule.check, rule.before) == ("02", "1192", ("2207", "2304"))
    assert {"infno", "msgid", "opter", "inf_time", "fixmedins_name"} <= set(YUNNAN.header_required)


def test_where_a_transaction_runs_and_whether_it_exists_is_regional() -> None:
    assert load("yunnan")["1101"].where == "desk"
    assert load("national")["1101"].where == "centre"
    assert load("hunan")["1101"].where == "centre"
    assert {"1191", "1192"} <= set(load("yunnan").infnos())
    assert not {"1191", "1192"} & set(load("hunan").infnos())
    assert "1191" not in load("hunan")


@pytest.mark.parametrize("infno", ["2201", "2206", "2207", "2303", "2304", "2101", "2102", "1101"])
def test_hunan_always_wants_the_certificate(infno: str) -> None:
    there, elsewhere = load("hunan")[infno], load("national")[infno]
    value = right_input(there)
    node = value[there.inputs.nodes[0].name]
    node["certno"] = ""
    assert [one.label for one in there.faults(value)] == ["证件号码"]
    assert elsewhere.faults(value) == ()


def test_hunan_wants_digits_in_feedetl_sn() -> None:
    there = load("hunan", {"limits": {"input_chars_max": 0}})["2301"]
    value = right_input(there)
    assert there.faults(value) == ()
    for wrong in ("A1", "0", "1" * 16, ""):
        value["feedetail"][0]["feedetl_sn"] = wrong
        (fault,) = there.faults(value)
        assert fault.path == "$.input.feedetail[0].feedetl_sn"
    value["feedetail"][0]["feedetl_sn"] = "A1"
    assert load("national", {"limits": {"input_chars_max": 0}})["2301"].faults(value) == ()


def test_hunan_has_one_address_and_its_own_code_table() -> None:
    assert HUNAN.path("2207") == HUNAN.path("9001") == "/fsi/api/rsfComIfsService/callService"
    assert NATIONAL.path("2207") == "/fsi/api/outpatientSettleService/saveSettletmentV2"
    assert NATIONAL.path("9999") == ""
    assert load("hunan").codes["clr_way"].values["3"] == "按床日"
    assert load("national").codes["clr_way"].values["3"] == "按病种分值"
    assert not HUNAN.fund_includes_acct


def test_texts_tell_reversed_before_from_never_heard_of() -> None:
    known = "FSI-调用业务基础子系统冲正失败:冲正的结算信息退费结算标志不为未退费，不能办理冲正交易"
    assert any(text in known for text in NATIONAL.texts.already_done)
    assert not any(text in known for text in NATIONAL.texts.nothing_to_reverse)
    assert all(getattr(NATIONAL.texts, name) for name in NATIONAL.texts.__struct_fields__)


def test_overrides_of_an_institution_come_last() -> None:
    ours = load("yunnan", {"where": {"1101": "centre"}, "recovery": {"2207A": "escalate"}})
    assert ours["1101"].where == "centre"
    assert ours["1101"].lane == "call"
    assert ours["2207A"].recovery == "escalate"
    assert load("yunnan")["2207A"].recovery == "verify"
    rows = load("yunnan", {"rows_max": {"2301": 50}, "limits": {"input_chars_max": 30_000}})
    assert rows["2301"].inputs.node("feedetail").rows_max == rows["2301"].rows_max == 50
    assert rows["2301"].input_chars_max == 30_000
    assert rows.profile.limits.request_bytes_max == 409_600


def test_a_table_may_be_replaced_as_a_whole() -> None:
    ours = load_profile("yunnan", {"replace": ["paths"], "paths": {"*": "/bus"}})
    assert ours.path("2207") == "/bus"


def test_changes_of_an_institution_come_on_top_of_those_of_its_place() -> None:
    own = {"infnos": ["2207"], "fields": {"invono": "required | text 12"}}
    ours = load("hunan", {"changes": [own]})["2207"].inputs.node("data")
    assert (ours.field("invono").required, ours.field("invono").length) == (True, 12)
    assert ours.field("invono").label == "发票号"
    assert ours.field("certno").required
    alone = load("hunan", {"replace": ["changes"], "changes": [own]})["2207"].inputs.node("data")
    assert not alone.field("certno").required


def test_a_change_may_add_a_field_or_replace_its_line() -> None:
    change = {
        "infnos": ["2207"],
        "node": "data",
        "fields": {"mdtrt_mode": "就诊方式 | text 2 | required", "invono": "票号 | digits 8"},
    }
    ours = load("national", {"changes": [change]})["2207"]
    data = ours.inputs.node("data")
    assert data.field("mdtrt_mode").required
    assert (data.field("invono").label, data.field("invono").length) == ("票号", 8)
    answer = {"infnos": ["2202"], "part": "output", "node": "", "fields": {}}
    assert load("national", {"changes": [answer]})["2202"].outputs.fields == ()


@pytest.mark.parametrize(
    "overrides",
    [
        {"no_such_setting": 1},
        {"limits": {"input_bytes_max": 5}},
        {"token_life_s": "long"},
        {"texts": {"already_done": "x"}},
    ],
)
def test_a_setting_nobody_knows_is_refused(overrides: dict[str, Any]) -> None:
    with pytest.raises(CatalogueError, match=r"profiles/yunnan.toml with overrides"):
        load("yunnan", overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"where": {"2207": "moon"}},
        {"recovery": {"2207": "hope"}},
        {"changes": [{"infnos": ["2207"], "fields": {"no_such_field": "required"}}]},
        {"changes": [{"infnos": ["2207"], "fields": {"psn_no": "requierd"}}]},
        {"changes": [{"infnos": ["2207"], "fields": {"mine": "我的 | text 3"}}]},
    ],
)
def test_a_wrong_difference_is_refused_when_its_transaction_is_built(
    overrides: dict[str, Any],
) -> None:
    with pytest.raises(CatalogueError, match="2207"):
        _ = load("yunnan", overrides)["2207"]


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(UnknownProfileError, match="hunan, national, yunnan"):
        load("atlantis")


def test_profiles_that_inherit_in_a_circle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "names", lambda _: ("a", "b"))
    tables = {"profiles/a.toml": {"inherits": "b"}, "profiles/b.toml": {"inherits": "a"}}
    monkeypatch.setattr(profiles, "read", tables.__getitem__)
    with pytest.raises(CatalogueError, match="circle"):
        load_profile("a")
