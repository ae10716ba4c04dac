"""The check of the lock finds what it should, and what it found of the real one is nothing."""

import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

from scripts.check_lock import FIXES, below, direct, form_of, locked, pin, unlike, yanked

REAL = Path("requirements.lock")
HASH = f"--hash=sha256:{'0' * 64}"
GOOD = (
    f"idna==3.20 \\\n    {HASH} \\\n    {HASH}\nuvloop==0.23.0 ; sys_platform != 'win32' {HASH}\n"
)
FIXED = {"idna": {"3.7": "CVE-2024-3651"}}


def test_a_lock_of_pins_with_hashes_is_in_order() -> None:
    assert list(form_of(GOOD)) == []
    assert locked(GOOD) == {"idna": Version("3.20"), "uvloop": Version("0.23.0")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("idna==3.20", "idna 3.20: no sha256 hash"),
        (f"idna==3.20 --hash=md5:{'0' * 32}", "not pinned"),
        (f"idna>=3.20 {HASH}", "not pinned"),
        (f"idna==3.* {HASH}", "not pinned"),
        (f"idna @ https://example.com/idna.whl {HASH}", "not pinned"),
        ("-e .", "not pinned"),
        ("--extra-index-url https://example.com", "not pinned"),
        (f"idna==3.19 {HASH}\nidna==3.20 {HASH}", "pinned twice"),
    ],
)
def test_what_leaves_open_what_is_installed_is_found(line: str, said: str) -> None:
    (breach,) = form_of(line)
    assert said in breach


@pytest.mark.parametrize(("version", "count"), [("3.6", 1), ("3.7", 0), ("3.20", 0)])
def test_a_version_below_a_known_fix_is_found(version: str, count: int) -> None:
    breaches = list(below(f"idna=={version} {HASH}", FIXED))
    assert len(breaches) == count
    assert all("CVE-2024-3651" in each for each in breaches)


def test_a_lock_older_than_the_project_is_found() -> None:
    project = {"dependencies": ["idna==3.21"], "optional-dependencies": {"dev": ["ruff==1"]}}
    said = list(unlike(GOOD, direct(project)))
    assert len(said) == 2
    assert "pyproject.toml says 3.21, the lock 3.20" in said[0]


def test_a_withdrawn_version_is_found() -> None:
    item = {"is_yanked": True, "metadata": {"name": "idna", "version": "3.20"}}
    fine = {"is_yanked": False, "metadata": {"name": "uvloop", "version": "0.23.0"}}
    assert list(yanked({"install": [item, fine]})) == ["idna 3.20 was withdrawn from the index"]


def test_the_list_of_fixes_is_about_packages_of_the_real_lock_and_names_advisories() -> None:

    fixes = tomllib.loads(FIXES.read_text("utf-8"))
    assert set(fixes) <= set(locked(REAL.read_text("utf-8")))
    assert all(said.startswith("CVE-") for each in fixes.values() for said in each.values())
    assert pin("gmssl==3.2.2") == ("gmssl", Version("3.2.2"))
