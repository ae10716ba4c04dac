"""The data files: invented people, and tables that fit the code."""

import re
from pathlib import Path

import pytest

import sandbox
from sandbox.facts import plans, seed_people, told_as_uploaded, traits
from sandbox.refusals import RefusedError, refusal_texts
from sandbox.rules import lifecycle
from sandbox.transactions import HANDLERS
from schemas.catalogue import load
from tests.sandbox.sandbox_hospital import ROLES

CODE = Path(sandbox.__file__).parent
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_digit(certno: str) -> str:
    """The right check digit of an ID number (GB 11643)."""
    return "10X98765432"[sum(int(d) * w for d, w in zip(certno, _WEIGHTS, strict=False)) % 11]


@pytest.mark.parametrize("person", seed_people(), ids=ROLES)
def test_no_id_number_can_belong_to_a_real_person(person: sandbox.facts.SeedPerson) -> None:
    assert len(person.certno) == 18
    assert person.certno[:6] == "539900"
    assert person.certno[17] != check_digit(person.certno[:17])
    assert person.certno[6:14] == person.brdy.replace("-", "")


def test_every_transaction_is_answered_and_has_its_traits() -> None:
    assert set(HANDLERS) == set(traits().effects)
    assert traits().reversible <= set(HANDLERS)
    assert traits().no_sign_in <= set(HANDLERS)


def test_the_traits_agree_with_the_catalogue_where_it_is_about_the_same() -> None:
    catalogue = load("yunnan")
    for infno, effect in traits().effects.items():
        told = catalogue[infno].effect.value
        assert told == effect or (told, infno) in {("query", "1191"), ("query", "1192")}


def test_every_refusal_is_raised_somewhere_and_its_rule_is_its_own() -> None:
    source = "".join(path.read_text("utf-8") for path in CODE.rglob("*.py"))
    assert [slug for slug in refusal_texts() if f'"{slug}"' not in source] == []
    rules = [rule for _, rule, _ in refusal_texts().values()]
    assert len(set(rules)) == len(rules)
    assert all(re.fullmatch(r"sbx[A-Z][a-z]+BO_\d{3}", rule) for rule in rules)


def test_a_refusal_carries_layer_text_and_rule() -> None:
    text = RefusedError("batch_unknown", batch="B1").err_msg
    assert text == "FSI-未找到收费批次[B1][sbxFeeBO_505]"


def test_the_reasons_of_the_life_cycle_are_for_steps_it_refuses() -> None:
    for (kind, state, event), slug in lifecycle.REASONS.items():
        assert lifecycle.step(kind, state, event) is None, (kind, state, event)
        assert slug in refusal_texts()


def test_every_state_of_the_life_cycle_is_reached_and_leads_on() -> None:
    for kind, table in lifecycle.TABLES.items():
        reached = {state for row in table.values() for state in row.values()}
        assert reached == set(table), kind


def test_every_plan_of_the_seeded_people_exists() -> None:
    offered = {(one.insutype, one.kind) for one in plans().plans}
    for person in seed_people():
        for insured in person.insured:
            assert (insured.insutype, "outpatient") in offered
            assert (insured.insutype, "inpatient") in offered


@pytest.mark.parametrize("infno", ["5201", "5203", "5204"])
def test_fields_told_as_uploaded_exist_in_the_reply(infno: str) -> None:
    names = {f.name for _, node in load("yunnan")[infno].outputs.walk() for f in node.fields}
    assert set(told_as_uploaded(infno)) <= names


def test_the_sandbox_imports_schemas_only() -> None:
    source = "".join(path.read_text("utf-8") for path in CODE.rglob("*.py"))
    rooms = "bus|consumers|producers|device_bridge|compose"
    assert not re.search(rf"^\s*(from|import) ({rooms})\b", source, re.MULTILINE)
