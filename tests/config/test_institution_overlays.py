"""An institution's own differences, from files its settings name."""

import json
from pathlib import Path

import msgspec
import pytest

from bus.config.faults import SettingsError
from bus.config.overlays import catalogue_for
from bus.config.settings import InstitutionSettings

ENTRY = {"type": "gend", "value": "1", "label": "男", "valiFlag": "1"}


def institution(**changes: object) -> InstitutionSettings:
    settings = {"name": "示例市第一医院", "gateway": "main", **changes}
    return msgspec.convert(settings, InstitutionSettings)


def test_without_files_the_profile_is_shared() -> None:
    assert catalogue_for(institution()) is catalogue_for(institution(name="示例市第二医院"))


def test_the_overlay_changes_the_profile_and_the_settings_change_the_overlay(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(
        'token_life_s = 60\nabsent = ["2103"]\n[where]\n1101 = "centre"\n1191 = "centre"\n'
        '[limits]\ninput_chars_max = 9000\n[[changes]]\ninfnos = ["2207"]\n'
        'fields = { invono = "required | text 8" }\n',
        "utf-8",
    )
    catalogue = catalogue_for(institution(overlay=str(file), where={"1101": "desk"}))
    assert catalogue.profile.token_life_s == 60
    assert catalogue["2207"].input_chars_max == 9000
    assert catalogue["2207"].inputs.node("data").field("invono").length == 8
    assert "2103" not in catalogue
    assert (catalogue["1101"].where, catalogue["1191"].where) == ("desk", "centre")


@pytest.mark.parametrize("text", [json.dumps({"list": [ENTRY]}), json.dumps([ENTRY], indent=1)])
def test_the_dictionary_replaces_code_tables(tmp_path: Path, text: str) -> None:
    file = tmp_path / "codes.json"
    file.write_text(text, "utf-8")
    codes = catalogue_for(institution(dictionary=str(file))).codes
    assert codes["gend"].values == {"1": "男"}
    assert len(codes["vali_flag"].values) > 1


@pytest.mark.parametrize(
    ("setting", "text", "said"),
    [
        ("overlay", "limits = ", "is no TOML"),
        ("overlay", "no_such_setting = 1", "no_such_setting"),
        ("dictionary", "{", "is no JSON"),
        ("dictionary", '{"list": [{}]}', "entry 1"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, setting: str, text: str, said: str) -> None:
    file = tmp_path / "faulty"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=said) as caught:
        catalogue_for(institution(**{setting: str(file)}))
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        catalogue_for(institution(overlay=str(tmp_path / "none.toml")))


@pytest.mark.parametrize("page", ["catalogue.md", "catalogue.zh-CN.md"])
def test_the_example_of_the_document_works(tmp_path: Path, page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "ours.toml"
    file.write_text(example, "utf-8")
    catalogue = catalogue_for(institution(overlay=str(file)))
    assert catalogue["2301"].rows_max == 50
    assert catalogue["2207"].inputs.node("data").field("invono").required
    assert catalogue["4701"].inputs.node("coursrinfo").single
