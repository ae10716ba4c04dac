"""The table of verbs against the tree, and that nothing is imported before it is wanted."""

import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from bus.command_line import VERBS, main, summary_of


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module_with_its_three_parts(name: str) -> None:
    module = import_module(VERBS[name].module)
    assert module.SUMMARY.strip() == module.SUMMARY != ""
    assert "\n" not in module.SUMMARY
    module.configure(argparse.ArgumentParser(conflict_handler="resolve"))
    assert callable(module.run)


@pytest.mark.parametrize("name", VERBS)
def test_the_listing_shows_the_summary_of_the_module(name: str) -> None:
    assert summary_of(VERBS[name].module) == import_module(VERBS[name].module).SUMMARY


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"usage: yibao {name}" in said
    assert "--json" in said


def test_help_lists_every_verb_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in VERBS)
    assert "Exit codes" in said
    assert "not installed" not in said


LAZY = """
import sys
from bus.command_line import main
main(["--help"])
main(["nonsense"])
ours = ("consumers", "producers", "sandbox")
rooms = {name for name in sys.modules if name.partition(".")[0] in ours}
heavy = rooms - {"consumers", "consumers.commands", "producers", "producers.commands", "sandbox"}
heavy |= {"aio_pika", "aiohttp", "httpx", "gmssl", "prometheus_client"} & set(sys.modules)
sys.exit(str(sorted(heavy)) if heavy else 0)
"""


def test_help_imports_no_verb_and_no_heavy_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAZY], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
