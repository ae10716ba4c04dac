"""The baseline of the contract: what `make lint` holds every change to."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.contracts.baseline import (
    BASELINE,
    BREAKS,
    Break,
    FaultyContractError,
    baseline_text,
    judge,
    patch,
    patched,
    read_baseline,
    read_breaks,
)
from producers.contracts.structure import Contract
from scripts import check_contract
from tests.contracts.contract_mutations import MUTATIONS, mutated

ROOT = Path(__file__).resolve().parents[2]
TODAY = check_contract.contracts()
VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


def without(contract: Contract, infno: str) -> Contract:
    left = {name: entry for name, entry in contract.transactions.items() if name != infno}
    return msgspec.structs.replace(contract, transactions=left)


def test_todays_contract_breaks_no_his_undeclared() -> None:
    folder = ROOT / check_contract.FOLDER
    standing = judge(read_baseline(folder / BASELINE), TODAY, read_breaks(folder / BREAKS))
    assert standing.is_sound, check_contract.report(standing)


def test_a_baseline_holds_every_region_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / BASELINE
    file.write_text(baseline_text(TODAY), "utf-8")
    assert read_baseline(file) == {each.profile: each for each in TODAY}


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=2), VALUES), st.dictionaries(st.text(max_size=2), VALUES))
def test_a_patch_makes_the_new_of_the_old(old: object, new: object) -> None:
    assert patched(old, patch(old, new)) == new
    assert patch(old, old) == {}


def test_a_break_has_to_be_declared_for_its_path_and_kind() -> None:
    old = {each.profile: each for each in TODAY}
    new = [without(TODAY[0], "5204"), TODAY[1]]
    bare = judge(old, new, ())
    assert [change.path for change in bare.undeclared["yunnan"]] == ["5204"]
    assert "5204 transaction_removed" in check_contract.report(bare)
    named = Break(path="52*", kind="transaction_removed", why="nobody asks for it")
    assert judge(old, new, (named,)).is_sound
    other = Break(path="52*", kind="request_required", why="")
    standing = judge(old, new, (named, other))
    assert (standing.is_sound, standing.idle, standing.declared) == (False, (other,), 1)


def test_a_region_that_is_gone_is_a_break_of_all_of_it() -> None:
    standing = judge({each.profile: each for each in TODAY}, TODAY[:1], ())
    assert len(standing.undeclared["hunan"]) == len(TODAY[1].transactions)


def test_what_is_new_since_the_baseline_breaks_nothing() -> None:
    old = {"yunnan": without(TODAY[0], "5204")}
    standing = judge(old, TODAY, ())
    assert standing.is_sound
    assert standing.harmless == 1


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, in which the check runs."""
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_check_passes_after_a_renewal_and_fails_after_a_break(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_contract.main([]) == 1
    assert check_contract.main(["--renew"]) == 0
    assert check_contract.main([]) == 0
    broken = mutated(TODAY[0], MUTATIONS[0], ("transactions", "2207"))
    monkeypatch.setattr(check_contract, "contracts", lambda: [broken, TODAY[1]])
    capsys.readouterr()
    assert check_contract.main([]) == 1
    told = capsys.readouterr().out
    assert "yunnan: 2207 transaction_removed" in told
    assert "breaks.toml" in told
    declared = '[[break]]\npath = "2207"\nkind = "transaction_removed"\nwhy = "a trial"\n'
    (tree / check_contract.FOLDER / BREAKS).write_text(declared, "utf-8")
    assert check_contract.main([]) == 0
    monkeypatch.undo()


@pytest.mark.parametrize("text", ["[[break]]\npath = 1", "no toml", '[[break]]\nother = "x"'])
def test_a_faulty_list_of_breaks_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / BREAKS).write_text(text, "utf-8")
    with pytest.raises(FaultyContractError, match=BREAKS):
        read_breaks(tmp_path / BREAKS)
