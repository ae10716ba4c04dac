"""Code tables from downloaded answers to 1901."""

from typing import Any

import pytest

from schemas.catalogue import load
from schemas.dictionary import DictionaryError, code_tables
from schemas.examples import example_input


def entry(kind: str, value: str, label: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "label": label, "valiFlag": "1", **more}


def test_a_downloaded_table_replaces_the_catalogues() -> None:
    answer = {"list": [entry("med_type", "11", "普通门诊"), entry("med_type", "9901", "本地类别")]}
    catalogue = load("yunnan", {"codes": code_tables([answer])})
    assert catalogue.codes["med_type"].values == {"11": "普通门诊", "9901": "本地类别"}
    one = catalogue["2207"]
    value = example_input(one)
    value["data"]["med_type"] = "9901"
    assert one.warnings(value) == ()
    value["data"]["med_type"] = "12"
    assert [warning.path for warning in one.warnings(value)] == ["$.input.data.med_type"]
    assert load("yunnan")["2207"].warnings(value) == ()


def test_a_closed_table_stays_closed_and_a_new_one_is_open() -> None:
    tables = code_tables([[entry("vali_flag", "1", "有效"), entry("mine", "7", "自有")]])
    assert tables["vali_flag"]["closed"]
    assert tables["mine"] == {"label": "mine", "values": {"7": "自有"}}


@pytest.mark.parametrize("form", ["reply", "output", "list"])
def test_a_reply_an_output_and_a_bare_list_are_read_alike(form: str) -> None:
    rows = [entry("gend", "1", "男", parent_value="0")]
    document = {
        "reply": {"status": "succeeded", "output": {"list": rows}},
        "output": {"list": rows},
    }
    assert code_tables([document.get(form, rows)])["gend"]["values"] == {"1": "男"}


def test_an_entry_out_of_use_is_left_out_in_either_spelling() -> None:
    rows = [entry("gend", "1", "男"), entry("gend", "8", "旧值", valiFlag="0")]
    rows.append({"type": "gend", "value": 9, "label": "旧值", "vali_flag": "0"})
    assert code_tables([rows])["gend"]["values"] == {"1": "男"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"list": "x"}, "document 1 holds no list"),
        ("x", "document 1 holds no list"),
        ({"list": [{"type": "gend", "label": "男"}]}, "document 1, entry 1"),
        ({"list": ["x"]}, "document 1, entry 1"),
    ],
)
def test_what_is_no_answer_to_1901_is_refused_by_its_place(document: Any, said: str) -> None:
    with pytest.raises(DictionaryError, match=said):
        code_tables([document])
