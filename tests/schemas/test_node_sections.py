"""Sections of a data file: objects, lists, nested nodes, blocks; a fault names file and key."""

import pytest

from schemas.faulty_data import CatalogueError
from tests.schemas.schema_samples import raw, right_input, transaction_of

NESTED = """
[input]
psn_no = "人员编号 | text 30 | required"
[input.data]
"hcv-ab" = "丙肝抗体 | text 3 | required"
[input."data.rows[]"]
cnt = "数量 | number 16,4 | required"
[input."data.rows.inner"]
memo = "备注 | text 4"
[output."[]"]
setl_id = "结算ID | text 30"
"""


def test_nodes_nest_and_fields_may_lie_directly_under_input() -> None:
    trial = transaction_of(NESTED)
    paths = [path for path, _ in trial.inputs.walk()]
    assert paths == ["input", "input.data", "input.data.rows", "input.data.rows.inner"]
    assert trial.inputs.field("psn_no").required
    assert trial.inputs.node("data").node("rows").repeat
    assert trial.outputs.repeat


def test_nested_nodes_are_checked_with_their_full_path() -> None:
    trial = transaction_of(NESTED)
    good = right_input(trial)
    assert trial.check(raw(good)).faults == ()
    good["data"]["rows"][1]["cnt"] = "1.23456"
    good["data"]["rows"][0]["inner"]["memo"] = "too long"
    good["data"]["hcv-ab"] = "long"
    faults = trial.check(raw(good)).faults
    assert [(fault.path, fault.problem) for fault in faults] == [
        ("$.input.data['hcv-ab']", "too_long"),
        ("$.input.data.rows[0].inner.memo", "too_long"),
        ("$.input.data.rows[1].cnt", "too_many_decimals"),
    ]


def test_a_node_is_required_when_one_of_its_fields_is() -> None:
    trial = transaction_of(
        '[input.a]\nx = "甲 | text 3 | required"\n[input.b]\ny = "乙 | text 3"\n'
        '[input."c[]?"]\nz = "丙 | text 3 | required"'
    )
    assert [node.required for node in trial.inputs.nodes] == [True, False, False]
    assert [fault.path for fault in trial.faults({})] == ["$.input.a"]
    assert trial.faults({"a": {"x": "1"}, "c": []}) == ()


def test_a_block_is_taken_over_with_fields_left_out_replaced_and_added() -> None:
    trial = transaction_of(
        '[output.setlinfo]\n"+" = "setlinfo"\n"-" = ["setl_id"]\n'
        'age = "年龄 | whole 3"\nmine = "自有 | text 3"'
    )
    node = trial.outputs.node("setlinfo")
    names = [field.name for field in node.fields]
    assert "setl_id" not in names
    assert names[-1] == "mine"
    assert names.index("age") < names.index("medfee_sumamt")
    assert node.field("age").type_text == "whole 3"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[input.data]\npsn_no = "人员编号 | txt 30"', r"trial.toml: \[X001.input.data\] psn_no: "),
        ("[input.data]\npsn_no = 30", r"\[X001.input.data\] psn_no: is not a line"),
        ('[input.data]\n"+" = "nothing"', r"\[X001.input.data\] \+: there is no block nothing"),
        ('[input.data]\n"-" = ["x"]', r"\[X001.input.data\] x: is not in the block"),
        ('[input.data]\na = "甲 | text 3 | required when b=1"', r"a: depends on b"),
        ('[input.data]\na = "甲 | text 3 | was b"\nb = "乙 | text 3"', r"a: its old name b"),
        ('[input]\na = "甲 | text 3"\n[input."a[]"]\nb = "乙 | text 3"', r"a: is a field and a"),
        ('[input.data]\na = "甲 | text 3"\n[input."data[]"]\na = "甲 | text 3"', r"given twice"),
        ("[input]\ndata = 3", r"\[X001.input\] data: is neither"),
        ('rows_max = 5\nrow_node = "data"\n[input.data]\na = "甲 | text 3"', r"row_node: there is"),
        ('colour = "red"', r"\[X001\]: Object contains unknown field"),
    ],
)
def test_a_fault_in_the_data_names_file_section_and_key(text: str, where: str) -> None:
    with pytest.raises(CatalogueError, match=where):
        transaction_of(text)


def test_a_key_given_twice_is_refused_with_the_file() -> None:
    with pytest.raises(CatalogueError, match=r"trial\.toml: Cannot overwrite a value"):
        transaction_of('[input.data]\na = "甲 | text 3"\na = "乙 | text 3"')
