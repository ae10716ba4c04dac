"""Real sandbox processes, and hospitals that talk to them over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.sandbox_hospital import Hospital
from tests.sandbox.sandbox_process import CentreProcess


@pytest.fixture(scope="session")
def shared_centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentreProcess]:
    """One sandbox for all tests that leave its clock alone and bring their own people."""
    with CentreProcess(tmp_path_factory.mktemp("sandbox") / "books") as process:
        yield process


@pytest.fixture(scope="session")
def plain_centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentreProcess]:
    """Like the shared one, but without the field checks of the catalogue: its own rules only."""
    folder = tmp_path_factory.mktemp("sandbox")
    with CentreProcess(folder / "books", "--profile", "none") as process:
        yield process


@pytest.fixture
def plain_hospital(plain_centre: CentreProcess) -> Iterator[Hospital]:
    """A signed-in hospital at the sandbox without field checks."""
    with Hospital(plain_centre) as one:
        one.receive("employee")
        one.sign_in()
        yield one


@pytest.fixture
def hospital(shared_centre: CentreProcess) -> Iterator[Hospital]:
    """A hospital nobody else uses, signed in, with a patient of its own."""
    with Hospital(shared_centre) as one:
        one.receive("employee")
        one.sign_in()
        yield one


@pytest.fixture
def own_centre(tmp_path: Path) -> Iterator[CentreProcess]:
    """A sandbox of the test's own: its clock may be moved, it may be killed."""
    with CentreProcess(tmp_path / "books") as process:
        yield process


@pytest.fixture
def own_hospital(own_centre: CentreProcess) -> Iterator[Hospital]:
    """A signed-in hospital at the test's own sandbox."""
    with Hospital(own_centre) as one:
        one.receive("employee")
        one.sign_in()
        yield one
