"""Shapes that break the rule of one object with nodes: each works on the way out and back."""

import json
from typing import Any

import pytest

from schemas.catalogue import UnknownTransactionError, everything, load
from schemas.examples import example_input, example_output
from schemas.faulty_data import CatalogueError
from tests.schemas.schema_samples import raw

WHOLE = everything()


def test_dotted_nodes_are_nested_and_refused_at_their_own_place() -> None:
    one = WHOLE["3101"]
    value = example_input(one)
    visits = value["data"]["patient_dtos"][0]["fsi_encounter_dtos"]
    assert one.check(raw(value)).faults == ()
    del visits[0]["fsi_order_dtos"][0]["rx_id"]
    (fault,) = one.check(raw(value)).faults
    place = "$.input.data.patient_dtos[0].fsi_encounter_dtos[0].fsi_order_dtos[0].rx_id"
    assert (fault.path, fault.problem) == (place, "missing")
    assert one.inputs.node("data").node("patient_dtos").repeat


def test_a_list_one_level_deeper_than_usual() -> None:
    one = WHOLE["4102"]
    assert list(example_input(one)) == ["data"]
    assert isinstance(example_input(one)["data"]["stastinfo"], list)


@pytest.mark.parametrize("infno", ["4203", "4206", "3262", "3701"])
def test_fields_directly_under_input(infno: str) -> None:
    one = WHOLE[infno]
    value = example_input(one)
    name = next(field.name for field in one.inputs.fields if field.required)
    assert one.check(raw(value)).faults == ()
    del value[name]
    assert [fault.path for fault in one.faults(value)] == [f"$.input.{name}"]


@pytest.mark.parametrize("infno", ["5204", "3508", "3702"])
def test_an_output_that_is_a_list_itself(infno: str) -> None:
    one = WHOLE[infno]
    rows = example_output(one)
    assert isinstance(rows, list)
    assert one.decode_output(rows[0]) == rows
    assert one.decode_output({"data": rows}) == rows
    assert one.decode_output("") == []


def test_answers_with_fields_beside_nodes() -> None:
    reply = example_output(WHOLE["1304"])
    assert isinstance(reply["data"], list)
    assert set(reply) > {"data"}
    assert set(example_output(WHOLE["1301"])) == {
        field.name for field in WHOLE["1301"].outputs.fields
    }


def test_one_object_where_a_list_is_meant_goes_out_as_a_list_and_comes_back_as_one() -> None:
    one = WHOLE["4505"]
    value = example_input(one)
    single = {"data": value["data"][0]}
    assert one.check(raw(single)).faults == ()
    assert json.loads(one.encode_input(single)) == value
    grouped = WHOLE["3607"]
    reply = example_output(grouped)
    detail = reply["data"][0]["detl_list"][0]
    assert grouped.decode_output({"data": {**reply["data"][0], "detl_list": detail}}) == reply


def test_a_place_may_take_one_row_as_an_object() -> None:
    change = {"infnos": ["4701"], "node": "coursrinfo", "single": True}
    here = load("yunnan", {"changes": [change], "limits": {"input_chars_max": 0}})["4701"]
    value = example_input(here)
    assert here.faults(value) == ()
    assert isinstance(json.loads(here.encode_input(value))["coursrinfo"], dict)
    value["coursrinfo"] *= 2
    assert isinstance(json.loads(here.encode_input(value))["coursrinfo"], list)
    assert isinstance(json.loads(WHOLE["4701"].encode_input(value))["coursrinfo"], list)
    with pytest.raises(CatalogueError, match="there is no list 'adminfo'"):
        _ = load("yunnan", {"changes": [{**change, "node": "adminfo"}]})["4701"]


@pytest.mark.parametrize(("infno", "name"), [("2691", "psnName"), ("7101", "hospRxno")])
def test_camel_case_chapters_keep_their_spelling(infno: str, name: str) -> None:
    one = WHOLE[infno]
    value = example_input(one)
    assert name in value["data"]
    assert json.loads(one.encode_input(value))["data"][name] == value["data"][name]


def test_names_of_older_editions_are_read_as_the_present_ones() -> None:
    one = load("hunan")["1901"]
    entry: dict[str, Any] = {"type": "gend", "parent_value": "0", "Vali_Flag": "1"}
    (row,) = one.decode_output({"list": [entry]})["list"]
    assert (row["parentValue"], row["valiFlag"]) == ("0", "1")


def test_a_place_gets_its_own_spelling() -> None:
    value = example_input(load("hunan")["1901"])
    sent = json.loads(load("hunan")["1901"].encode_input(value))["data"]
    assert sent["parent_value"] == value["data"]["parentValue"]
    assert "Vali_Flag" in sent
    assert "valiFlag" not in sent
    assert json.loads(load("yunnan")["1901"].encode_input(value)) == value
    assert "parentValue" in value["data"]


def test_numbers_of_other_than_four_digits_are_numbers_too() -> None:
    for infno in ("2203A", "3501A", "100001", "13203", "D001", "rxSetlStockQuery"):
        assert WHOLE[infno].infno == infno


def test_a_number_with_two_meanings_has_the_one_of_its_place_or_edition() -> None:
    assert load("yunnan")["1161"].edition == "yunnan"
    assert load("yunnan")["1161"].where == "component"
    assert WHOLE["1161"].where == "desk"
    with pytest.raises(UnknownTransactionError):
        _ = load("hunan")["1161"]
    older = load("hunan", {"editions": ["7101@2021"]})["7101"]
    assert (older.infno, older.edition, older.name) == ("7101", "2021", "电子处方上传")
    assert load("hunan")["7101"].name == "电子处方上传预核验"


def test_an_empty_number_arrives_as_empty_text_and_leaves_as_nought() -> None:
    one = WHOLE["5203"]
    reply = example_output(one)
    reply["setlinfo"]["balc"] = ""
    assert one.decode_output(reply)["setlinfo"]["balc"] == ""
    given = example_input(WHOLE["3505"])
    given["selinfo"]["finl_trns_pric"] = ""
    sent = json.loads(WHOLE["3505"].encode_input(given))
    assert sent["selinfo"]["finl_trns_pric"] == "0"


def test_text_files_have_their_columns_in_order() -> None:
    (columns,) = WHOLE["1301"].files.nodes
    assert (columns.name, len(columns.fields)) == ("catalogue", 97)
    assert columns.fields[0].name == "med_list_codg"
    assert [node.name for node in WHOLE["3202"].files.nodes] == ["upload", "result"]
