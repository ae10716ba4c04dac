"""The catalogue: every transaction of a visit, what each does, and when it is built."""

import subprocess
import sys

import pytest

from schemas.catalogue import (
    Catalogue,
    UnknownTransactionError,
    build,
    classified,
    everything,
    load,
)
from schemas.codes import CodeTables
from schemas.data_files import names, parse, read
from schemas.faulty_data import CatalogueError
from schemas.profile import load_profile
from schemas.transaction import Effect, Grade, Lane, Recovery, Where
from tests.schemas.schema_samples import VISIT, every, transaction_of

CAT = load("yunnan")
WHOLE = [everything()[key] for key in classified()]


def of(attribute: str, value: str) -> set[str]:
    return {one.infno for one in every(CAT) if getattr(one, attribute) == value}


def test_every_transaction_of_the_interface_is_there() -> None:
    assert len(WHOLE) == 309
    assert sum(one.listed for one in WHOLE) == 39
    assert set(VISIT) <= set(CAT.infnos())
    assert all(infno in CAT for infno in VISIT)


def test_a_listed_transaction_is_known_by_its_name_and_takes_anything() -> None:
    one = everything()["100001"]
    assert one.listed
    assert one.check(b'{"anything": {"at": ["all"]}}').faults == ()
    assert one.check(b"[1]").faults != ()
    assert one.encode_input({"anything": ["at", 1]}) == b'{"anything":["at",1]}'
    assert not CAT["5101"].listed


def test_every_chapter_holds_what_is_classified_and_nothing_else() -> None:
    chapters = names("transactions")
    held = [key for name in chapters for key in read(f"transactions/{name}.toml")]
    assert sorted(held) == sorted(classified())


def test_every_chapter_of_every_profile_is_sound() -> None:
    for profile in names("profiles"):
        load(profile).load_all()


def test_the_numbers_of_fields_are_those_of_the_specification() -> None:
    counts = {
        infno: sum(len(node.fields) for _, node in CAT[infno].inputs.walk()) for infno in VISIT
    }
    assert counts["2207"] == 26
    assert counts["2301"] == 29
    assert counts["2401"] == 50
    assert len(CAT["2207"].outputs.node("setlinfo").fields) == 43
    assert len(CAT["5204"].outputs.fields) == 56
    assert sum(counts.values()) == 623
    roots = [root for one in WHOLE for root in (one.inputs, one.outputs, one.files)]
    assert sum(len(node.fields) for root in roots for _, node in root.walk()) == 8923


@pytest.mark.parametrize(
    ("recovery", "infnos"),
    [
        (Recovery.REVERSE, "2102 2102A 2103 2207 2208 2304 2304A 2305 2401"),
        (Recovery.VERIFY, "2201 2204 2301 2207A 2601"),
        (Recovery.ESCALATE, "2406"),
    ],
)
def test_the_way_out_of_an_unknown_outcome_is_that_of_the_table(
    recovery: Recovery, infnos: str
) -> None:
    assert of("recovery", recovery) & set(VISIT) == set(infnos.split())


def test_everything_else_may_be_repeated_and_no_settlement_is_among_it() -> None:
    repeated = of("recovery", Recovery.REPEAT)
    assert {"2202", "2203", "2203A", "2205", "2302", "2402", "2403", "2404", "2405"} <= repeated
    assert not repeated & of("effect", Effect.SETTLE)


@pytest.mark.parametrize(
    ("infno", "look"),
    [
        ("2207", ("5204", "5203")),
        ("2304", ("5204", "5203")),
        ("2102", ("5201", "5204", "5203")),
        ("2208", ("5203",)),
        ("2401", ("5303",)),
        ("2201", ("5201",)),
        ("2204", ("5204",)),
        ("2301", ("5204",)),
        ("2601", ("5203",)),
    ],
)
def test_the_truth_is_looked_for_where_it_can_be_found(infno: str, look: tuple[str, ...]) -> None:
    assert CAT[infno].look == look


def test_money_claims_its_visit_and_nothing_else_does() -> None:
    money = of("effect", "settle") | of("effect", "cancel") | of("effect", "reverse")
    assert {one.infno for one in every(CAT) if one.claims_visit} == money
    assert {"2102", "2207", "2304", "2208", "2305", "2103", "2601"} <= money


def test_only_what_2601_takes_back_is_reversed() -> None:
    assert of("recovery", Recovery.REVERSE) == set(CAT.profile.reversible)


def test_lanes_and_places_go_together() -> None:
    assert of("lane", Lane.DESK) == of("where", Where.DESK) == {"1101", "1191", "1192"}
    assert of("lane", Lane.BULK) == {"2301"}
    assert of("lane", Lane.SHARED) & set(VISIT) == set()
    for one in every(CAT):
        assert CAT.lane_of(one.infno) is one.lane, one.infno
        assert Grade.MUST not in one.lines.values() or one.lane is not Lane.SHARED, one.infno
    with pytest.raises(UnknownTransactionError):
        CAT.lane_of("2162")


def test_sign_in_is_needed_by_calls_of_the_centre_only() -> None:
    asked = [one for one in WHOLE if one.where is Where.CENTRE]
    assert {one.infno for one in asked if not one.needs_sign_in} == {"9001", "9002"}
    assert not any(one.needs_sign_in for one in WHOLE if one.where is not Where.CENTRE)


def test_letters_belong_to_the_number() -> None:
    assert CAT["2207A"].name_en.endswith("variant A")
    trial = transaction_of('[input.data]\na = "甲 | text 3"')
    assert trial.infno == "X001"


def test_every_coded_field_of_an_input_takes_the_codes_of_its_table() -> None:
    for one in WHOLE:
        for path, node in one.inputs.walk():
            for field in (field for field in node.fields if field.codes and field.length):
                widest = max(map(len, CAT.codes[field.codes].values), default=0)
                assert widest <= field.length, (one.infno, path, field.name)


def test_an_unknown_number_is_a_key_error_that_names_the_profile() -> None:
    for infno in ("9999", "22", "", "2207a", "../../etc"):
        assert infno not in CAT
        with pytest.raises(UnknownTransactionError, match="in profile yunnan"):
            _ = CAT[infno]
    assert issubclass(UnknownTransactionError, KeyError)
    assert 2207 not in CAT


def test_the_same_transaction_is_built_once() -> None:
    assert CAT["2207"] is CAT["2207"]
    assert load("yunnan") is CAT


def test_a_chapter_is_read_only_when_one_of_its_transactions_is_asked_for() -> None:
    program = (
        "from schemas import data_files; from schemas.catalogue import load; files = [];"
        "read = data_files.read; import schemas.catalogue as c;"
        "c.read = lambda file: files.append(file) or read(file);"
        "load('yunnan')['2207']; print(*files)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(run.stdout.split()) == {"classification.toml", "transactions/22.toml"}


def test_an_unknown_code_table_is_a_fault_that_names_the_line() -> None:
    profile = load_profile("national")
    change = {"changes": [{"infnos": ["2207"], "fields": {"insutype": "codes no_such_table"}}]}
    catalogue = load("national", change)
    with pytest.raises(
        CatalogueError,
        match=r"transactions/22.toml: \[2207.input.data\] insutype: there is no code table",
    ):
        _ = catalogue["2207"]
    assert Catalogue(profile)["2207"].infno == "2207"


def test_a_wrong_fact_is_a_fault_that_names_the_transaction() -> None:
    section = parse('name = "x"\neffect = "steal"', "trial.toml")
    with pytest.raises(CatalogueError, match=r"trial.toml: \[X001\]: "):
        build("X001", section, "trial.toml", load_profile("national"), CodeTables())


def test_facts_are_said_in_our_own_words() -> None:
    for chapter in names("transactions"):
        for infno, section in read(f"transactions/{chapter}.toml").items():
            assert all(len(note) < 160 for note in section.get("notes", [])), infno
