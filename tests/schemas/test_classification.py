"""Classification: what each transaction is and does, and what the data may never leave out."""

from collections import Counter

import pytest

from schemas.catalogue import build, classified, everything
from schemas.codes import CodeTables
from schemas.data_files import parse, read
from schemas.faulty_data import CatalogueError
from schemas.profile import load_profile
from schemas.transaction import MONEY, Effect, Grade, Lane, Line, Recovery, Transaction, Where

WHOLE = [everything()[key] for key in classified()]
NATIONAL = load_profile("national")
HEAD = """
name = "试验"
name_en = "trial"
group = "query"
where = "centre"
effect = "query"
recovery = "repeat"
confidence = "high"
origin = ["recalled"]
lines = {}
"""


def trial(head: str) -> Transaction:
    return build("X001", parse(head, "trial.toml"), "trial.toml", NATIONAL, CodeTables())


def fact_of(line: str) -> str:
    return line.partition(" = ")[0]


def without(*names: str) -> str:
    return "\n".join(line for line in HEAD.splitlines() if fact_of(line) not in names)


@pytest.mark.parametrize(
    "name", [line.partition(" = ")[0] for line in HEAD.splitlines() if " = " in line]
)
def test_a_transaction_without_one_of_its_facts_is_refused(name: str) -> None:
    assert trial(HEAD).infno == "X001"
    with pytest.raises(CatalogueError, match=rf"trial.toml: \[X001\]: .*`{name}`"):
        trial(without(name))


@pytest.mark.parametrize(
    "line",
    [
        'confidence = "certain"',
        'lines = { bakery = "1" }',
        'lines = { clinic = "3" }',
        'where = "moon"',
        'recovery = "hope"',
    ],
)
def test_a_fact_nobody_knows_is_refused(line: str) -> None:
    with pytest.raises(CatalogueError, match=r"trial.toml: \[X001\]: "):
        trial(without(fact_of(line)) + "\n" + line)


def test_a_fact_that_is_said_in_both_places_is_refused() -> None:
    section = parse(HEAD, "trial.toml")
    with pytest.raises(CatalogueError, match=r"\[2207\] .*is said in classification.toml too"):
        build("2207", section, "trial.toml", NATIONAL, CodeTables())


def test_money_always_has_a_way_out_that_ends_in_proof() -> None:
    for one in WHOLE:
        if one.effect is Effect.SETTLE:
            assert one.recovery is not Recovery.REPEAT, one.infno
        if one.recovery in {Recovery.REVERSE, Recovery.VERIFY} or (
            one.effect in MONEY and one.recovery is Recovery.REPEAT
        ):
            assert one.look, one.infno
        assert all(everything()[infno].effect is Effect.QUERY for infno in one.look), one.infno
        assert one.effect is not Effect.QUERY or one.recovery is Recovery.REPEAT, one.infno


def test_only_what_2601_takes_back_is_reversed() -> None:
    reversed_ = {one.infno for one in WHOLE if one.recovery is Recovery.REVERSE}
    assert reversed_ == set(NATIONAL.reversible)


def test_every_group_and_every_origin_has_its_names() -> None:
    groups, editions = read("groups.toml"), read("editions.toml")
    assert {one.group for one in WHOLE} == set(groups)
    assert {origin for one in WHOLE for origin in one.origin} <= set(editions)
    assert all(one.origin for one in WHOLE)
    assert all(len(pair) == 2 and all(pair) for pair in (*groups.values(), *editions.values()))


def test_every_field_and_transaction_has_its_label() -> None:
    for one in WHOLE:
        assert one.name, one.infno
        assert one.name_en, one.infno
        for root in (one.inputs, one.outputs, one.files):
            for path, node in root.walk():
                assert all(field.label.strip() for field in node.fields), (one.infno, path)


def graded(line: Line, grade: Grade) -> set[str]:
    return {one.infno for one in WHOLE if one.lines.get(line) == grade}


def test_the_business_lines_hold_what_the_guide_asks_for() -> None:
    assert {"2101", "2102", "2103", "2601", "3501", "9001"} <= graded(Line.PHARMACY, Grade.MUST)
    assert {"2201", "2204", "2207", "2208"} <= graded(Line.CLINIC, Grade.MUST)
    assert {"2201", "2203A", "2207", "3201"} <= graded(Line.OUTPATIENT, Grade.MUST)
    assert {"2301", "2304", "2401", "2405", "4101A"} <= graded(Line.INPATIENT, Grade.MUST)
    assert {f"350{number}" for number in range(1, 8)} <= graded(Line.INVENTORY, Grade.MUST)
    assert {"1303", "1307", "5101"} <= graded(Line.OUTPATIENT, Grade.NOT_IN_PHARMACIES)
    assert Line.PHARMACY not in everything()["2304"].lines
    counts = Counter(line.value for one in WHOLE for line in one.lines)
    assert counts == {
        "clinic": 76,
        "pharmacy": 56,
        "outpatient": 87,
        "inpatient": 82,
        "inventory": 31,
    }


def test_what_the_centre_or_a_component_asks_is_never_ours_to_send() -> None:
    inbound = {one.infno for one in WHOLE if one.where is Where.INBOUND}
    assert inbound == {"7102", "7103", "7108", "7109", "6302"}
    component = [one for one in WHOLE if one.where is Where.COMPONENT]
    assert len(component) == 13
    assert {one.region for one in component} == {"yunnan"}


def test_rows_are_split_only_in_a_list_of_the_input() -> None:
    split = {one.infno: one for one in WHOLE if one.row_node}
    assert {"2204", "2301", "3301", "3505A", "4402"} <= set(split)
    for one in split.values():
        assert one.inputs.node(one.row_node).repeat, one.infno
    assert split["2204"].together == "chrg_bchno"
    with pytest.raises(CatalogueError, match="together"):
        trial(HEAD + 'row_node = "a"\ntogether = "b"\n[input."a[]"]\nx = "甲 | text 3"')
    with pytest.raises(CatalogueError, match="row_node"):
        trial(HEAD + 'row_node = "a"\n[input.a]\nx = "甲 | text 3"')


def test_a_large_input_may_be_longer_than_the_profile_allows() -> None:
    limits = {one.infno: one.input_chars_max for one in WHOLE}
    assert limits["2207"] == 40_000
    assert limits["9601"] > 1_048_576
    assert {one.lane for one in WHOLE if one.infno == "9601"} == {Lane.SHARED}
