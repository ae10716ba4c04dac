"""The head of a call: its fields and the part a HIS supplies."""

import msgspec
import pytest

from schemas.catalogue import load
from schemas.contract import RequestBody
from schemas.envelope import CALLER_FIELDS, answer_fields, caller_faults, head_faults, head_fields

YUNNAN = load("yunnan").profile
HUNAN = load("hunan").profile


def body(infno: str = "2207", **fields: str) -> RequestBody:
    given = {"opter": "0001", "opter_name": "王收费", "insuplc_admdvs": "530100"} | fields
    return msgspec.convert({"infno": infno, "input": msgspec.Raw(b"{}"), **given}, RequestBody)


def found(request: RequestBody) -> list[tuple[str, str]]:
    return [(one.path, one.problem) for one in caller_faults(request, YUNNAN)]


def test_the_fields_of_the_head_are_in_the_order_of_the_specification() -> None:
    names = [field.name for field in head_fields()]
    assert names[:4] == ["infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs"]
    assert names.index("inf_time") < names.index("fixmedins_code") < names.index("sign_no")
    limits = {field.name: field.length for field in head_fields()}
    assert (limits["msgid"], limits["opter"], limits["opter_name"]) == (30, 30, 50)
    assert {"infcode", "inf_refmsgid", "err_msg"} <= {field.name for field in answer_fields()}


def test_a_right_head_has_no_fault() -> None:
    assert found(body()) == []
    assert found(body(insuplc_admdvs="")) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"opter": ""}, ("$.opter", "missing")),
        ({"opter_name": ""}, ("$.opter_name", "missing")),
        ({"opter_type": ""}, ("$.opter_type", "missing")),
        ({"opter": "x" * 31}, ("$.opter", "too_long")),
        ({"opter_name": "王" * 51}, ("$.opter_name", "too_long")),
        ({"opter_type": "1234"}, ("$.opter_type", "too_long")),
        ({"insuplc_admdvs": "5301000"}, ("$.insuplc_admdvs", "too_long")),
    ],
)
def test_a_wrong_head_is_named_field_by_field(
    fields: dict[str, str], fault: tuple[str, str]
) -> None:
    assert found(body(**fields)) == [fault]


def test_all_faults_of_the_head_come_at_once_with_labels() -> None:
    faults = caller_faults(body(opter="", opter_name="", opter_type="9999"), YUNNAN)
    assert [one.label for one in faults] == ["经办人类别", "经办人", "经办人姓名"]
    assert faults[0].zh == "经办人类别超长，最多3个字符"


def test_a_region_may_demand_the_place_of_insurance_for_some_transactions() -> None:
    bare = body("1192", insuplc_admdvs="")
    assert found(bare) == [("$.insuplc_admdvs", "missing")]
    assert caller_faults(bare, HUNAN) == ()


def test_a_whole_head_is_checked_with_what_the_region_demands() -> None:
    head = {
        "infno": "2207", "msgid": "H53010000001202402291011120001", "mdtrtarea_admvs": "530100",
        "recer_sys_code": "mbs", "infver": "1.0", "opter_type": "1", "opter": "1",
        "opter_name": "王", "inf_time": "2024-02-29 10:11:12", "fixmedins_code": "H53010000001",
        "fixmedins_name": "某医院", "sign_no": "",
    }  # fmt: skip
    assert head_faults(head, YUNNAN) == ()
    for name in YUNNAN.header_required:
        (fault,) = head_faults(head | {name: ""}, YUNNAN)
        assert (fault.path, fault.problem) == (f"$.{name}", "missing")
    (late,) = head_faults(head | {"inf_time": "2024-02-29T10:11:12"}, YUNNAN)
    assert late.problem == "bad_time"
    (wrong,) = head_faults(head | {"msgid": 5}, YUNNAN)
    assert wrong.problem == "wrong_type"


def test_what_a_caller_supplies_are_fields_of_the_head_and_of_the_contract() -> None:
    assert set(CALLER_FIELDS) <= {field.name for field in head_fields()}
    assert set(CALLER_FIELDS) <= set(RequestBody.__struct_fields__)


def test_a_call_about_a_person_names_the_insured_area() -> None:
    unnamed = body(insuplc_admdvs="")
    (missing,) = caller_faults(unnamed, YUNNAN, names_person=True)
    assert (missing.path, missing.problem) == ("$.insuplc_admdvs", "missing")
    assert caller_faults(unnamed, YUNNAN) == ()
