"""A real sandbox process per test, and a hospital that talks to it over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_process import CentreProcess
from sandbox_hospital import Hospital


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    """A sandbox on free ports with fresh books."""
    with CentreProcess(tmp_path / "books") as process:
        yield process


@pytest.fixture
def hospital(centre: CentreProcess) -> Iterator[Hospital]:
    """A hospital that has signed in."""
    with Hospital(centre) as one:
        one.sign_in()
        yield one
