"""The lock file, the package and the set-up agree with each other."""

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Name -> version of the lock file."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_every_direct_dependency_is_pinned_and_locked_at_that_version(
    project: dict[str, Any], locked: dict[str, str]
) -> None:
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["dev"], *extras["bench"]]
    wanted += project["build-system"]["requires"]
    for line in wanted:
        match = re.match(r"([a-z0-9-]+)(?:\[\w+\])?==([^;\s]+)", line)
        assert match, f"{line} is not pinned"
        assert locked[match[1]] == match[2], line


def test_every_locked_package_has_a_hash_and_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_the_command_is_installed_and_the_data_files_are_in_the_package(
    project: dict[str, Any],
) -> None:
    scripts = metadata.entry_points(group="console_scripts", name="yibao")
    assert [script.value for script in scripts] == [project["project"]["scripts"]["yibao"]]
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {entry.parent.name for entry in ROOT.glob("*/__init__.py")} - {
        "bench",
        "compose",
    } == set(packages)


def test_the_licence_is_there_in_full() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_shell_scripts_are_sound() -> None:
    for script in ("scripts/setup.sh", ".ci/run"):
        subprocess.run(["/bin/bash", "-n", str(ROOT / script)], check=True)
        text = (ROOT / script).read_text("utf-8")
        assert "set -eu" in text
