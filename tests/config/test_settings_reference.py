"""The table of settings and the settings themselves say the same."""

import tomllib
from typing import Any

import msgspec
import pytest

from bus.config.forms import FORMS
from bus.config.reference import default_of, example_toml, rules, rules_of, struct_inside
from bus.config.settings import Settings


def structs_inside(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """``kind`` and every settings struct below it."""
    found = [kind]
    for field in msgspec.structs.fields(kind):
        struct, _ = struct_inside(field.type)
        if struct is not None:
            found += structs_inside(struct)
    return found


SECTIONS = [struct for struct in structs_inside(Settings) if struct is not Settings]


@pytest.mark.parametrize("struct", SECTIONS, ids=lambda struct: struct.__name__)
def test_every_setting_is_explained_and_nothing_else_is(struct: type[msgspec.Struct]) -> None:
    plain = [f.name for f in msgspec.structs.fields(struct) if struct_inside(f.type)[0] is None]
    assert list(rules_of(struct)) == plain


def test_every_section_of_the_table_belongs_to_a_struct() -> None:
    assert len(rules()) == len(SECTIONS)


@pytest.mark.parametrize("struct", SECTIONS, ids=lambda struct: struct.__name__)
def test_every_default_keeps_its_own_limits(struct: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(struct):
        if field.required or struct_inside(field.type)[0] is not None:
            continue
        rule, default = rules_of(struct)[field.name], default_of(field)
        if rule.min is not None:
            assert rule.max is not None
            assert rule.min <= default <= rule.max, field.name
        if rule.choices and isinstance(default, str):
            assert default in rule.choices, field.name
        if rule.form:
            assert FORMS[rule.form](default) == "", field.name


def test_every_number_has_bounds() -> None:
    for struct in SECTIONS:
        for field in msgspec.structs.fields(struct):
            if field.type in (int, float):
                assert rules_of(struct)[field.name].bounds, field.name


def test_the_example_is_toml_and_its_shown_defaults_are_too() -> None:
    shown = example_toml().replace("#: ", "")
    data: dict[str, Any] = tomllib.loads(shown)
    assert set(data) == {
        "broker",
        "journal",
        "worker",
        "gateways",
        "institutions",
        "schedules",
    }
    assert data["gateways"]["main"]["breaker"] == {"failures": 10, "open_s": 10.0}
