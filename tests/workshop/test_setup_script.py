"""Set-up: what is done is not done again, and what cannot be done is said with the remedy.

The script runs in a small tree of its own; the system's programs it would call are replaced by
ones that write down how they were called.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    "bash",
    "cat",
    "chmod",
    "dirname",
    "env",
    "flock",
    "mkdir",
    "rm",
    "sed",
    "sha256sum",
    "tail",
)


class Tree:
    """A project folder with the set-up script, and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir()
        (self.folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/setup.sh", self.folder / "scripts")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.folder / name).write_text(name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.program("id", "echo 1000")
        self.program("rabbitmq-server", "exit 0")
        self.program("postgres", "exit 0")

    def program(self, name: str, body: str) -> None:
        """A program that notes its call, then does ``body``."""
        self.script(self.bin / name, f'echo "{name} $*" >>{self.calls}\n{body}')

    def script(self, file: Path, body: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "HOME": os.devnull}
        command = [str(self.folder / "scripts/setup.sh")]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=30, check=False
        )

    def called(self, name: str) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(f"{name} ")]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def give_python(tree: Tree) -> None:
    """A Python that can make a virtual environment whose pip only notes its calls."""
    inside = tree.folder / ".venv/bin/python"
    tree.program(
        "python3",
        f'[ "$1 $2" = "-m venv" ] && mkdir -p {inside.parent} && echo "#!/bin/bash" >{inside}'
        f" && echo 'echo \"pip $*\" >>{tree.calls}' >>{inside} && chmod +x {inside}\nexit 0",
    )


def test_the_second_run_does_nothing_and_says_nothing(tree: Tree) -> None:
    give_python(tree)
    first = tree.run()
    assert first.returncode == 0, first.stderr
    assert "set-up: installing the Python packages" in first.stderr
    before = tree.called("pip")
    assert any("--require-hashes -r requirements.lock" in call for call in before)
    assert any("--no-deps --no-build-isolation --editable" in call for call in before)
    second = tree.run()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert tree.called("pip") == before


def test_a_changed_lock_file_is_installed_again(tree: Tree) -> None:
    give_python(tree)
    tree.run()
    before = len(tree.called("pip"))
    (tree.folder / "requirements.lock").write_text("newer")
    assert tree.run().returncode == 0
    assert len(tree.called("pip")) > before


def test_an_install_that_failed_is_tried_again_and_its_end_is_shown(tree: Tree) -> None:
    give_python(tree)
    inside = tree.folder / ".venv/bin/python"
    tree.script(inside, '[ "$3" = --version ] && exit 0\necho "no route to host"\nexit 1')
    done = tree.run()
    assert done.returncode == 1
    assert "no route to host" in done.stderr
    assert "do this: check the network" in done.stderr
    give_python(tree)
    shutil.rmtree(tree.folder / ".venv")
    assert tree.run().returncode == 0


def test_an_ordinary_user_is_told_what_is_missing_and_how_to_get_it(tree: Tree) -> None:
    (tree.bin / "apt-get").symlink_to("/bin/false")
    done = tree.run()
    assert done.returncode == 1
    assert "Python 3.11 is missing" in done.stderr
    assert "sudo apt-get update && sudo apt-get install -y python3 python3-venv" in done.stderr


@pytest.mark.parametrize("folder", ["docs/examples/javascript", "tests/contracts/asyncapi_parser"])
def test_the_node_packages_are_installed_once_from_their_lock_file(tree: Tree, folder: str) -> None:
    assert (ROOT / folder / "package-lock.json").exists()
    give_python(tree)
    example = tree.folder / folder
    example.mkdir(parents=True)
    (example / "package-lock.json").write_text("{}")
    tree.program("node", "echo v20.1.0")
    tree.program("npm", "mkdir -p node_modules")
    assert tree.run().returncode == 0
    assert tree.run().stderr == ""
    (call,) = tree.called("npm")
    assert call.startswith("npm ci --ignore-scripts")
    stamp = (example / "node_modules/.yibao-stamp").read_text()
    assert hashlib.sha256(b"{}").hexdigest() in stamp


def test_an_old_node_is_not_enough(tree: Tree) -> None:
    give_python(tree)
    example = tree.folder / "docs/examples/javascript"
    example.mkdir(parents=True)
    (example / "package-lock.json").write_text("{}")
    tree.program("node", "echo v16.20.0")
    tree.program("npm", "exit 0")
    done = tree.run()
    assert done.returncode == 1
    assert "Node.js 18 or newer is missing" in done.stderr
