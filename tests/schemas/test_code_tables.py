"""Code tables: closed where a stray value is a fault, open where regions extend them."""

import pytest

from schemas.codes import CodeTables
from schemas.faulty_data import CatalogueError

CODES = CodeTables()


def test_all_tables_of_the_specification_are_there_and_read() -> None:
    assert len(CODES.names()) == 329
    assert all(CODES[name].label for name in CODES.names())


def test_small_structural_tables_are_closed_and_large_ones_open() -> None:
    assert CODES["mdtrt_cert_type"].closed
    assert list(CODES["mdtrt_cert_type"].values) == ["01", "02", "03"]
    assert CODES["vali_flag"].closed
    for name in ("med_type", "insutype", "psn_type", "psn_setlway", "acct_used_flag", "clr_way"):
        assert not CODES[name].closed
        assert CODES[name].values


def test_a_table_may_be_the_same_as_another() -> None:
    assert CODES["caty"].values == CODES["dept"].values
    assert CODES["caty"].label == "科室代码"


def test_an_unknown_table_is_a_key_error() -> None:
    for name in ("no_such", "", "1", "zzz"):
        assert name not in CODES
        with pytest.raises(KeyError):
            _ = CODES[name]
    assert 5 not in CODES


def test_a_profile_may_replace_a_table() -> None:
    ours = CodeTables({"gend": {"label": "性别", "values": {"1": "男"}}, "mine": {"label": "自有"}})
    assert ours["gend"].values == {"1": "男"}
    assert "mine" in ours
    assert "mine" in ours.names()
    assert len(CODES["gend"].values) == 4


@pytest.mark.parametrize(
    "row",
    [
        {"label": "x", "closed": True},
        {"label": "x", "values": {"1": 5}},
        {"values": {}},
        {"label": "x", "colour": "red"},
    ],
)
def test_a_wrong_table_is_refused_by_name(row: dict[str, object]) -> None:
    with pytest.raises(CatalogueError, match=r"trial: codes: \[mine\]"):
        CodeTables({"mine": row}, "trial")
