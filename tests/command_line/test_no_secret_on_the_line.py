"""No password, key or token is ever given on a command line: everybody on the machine reads it."""

import argparse
import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from bus.command_line import VERBS, ExitCode, main
from compose.demo.stage import HOSPITALS, YIBAO
from compose.node import PrivateNode
from tests.consumers.bus_stage import BusStage

SECRET = re.compile(
    r"password|passwd|pwd|secret|token|credential|private|apikey|keys?$", re.IGNORECASE
)
NAMES_ONE = re.compile(r"file|path|dir|env|store|idempotency|幂等键", re.IGNORECASE)
"""An option that names where a secret is, or is another kind of key, says so."""


def options(verb: str) -> Iterator[argparse.Action]:
    """Every option and argument of a verb, of its sub-commands too."""
    parser = argparse.ArgumentParser(conflict_handler="resolve")
    import_module(VERBS[verb].module).configure(parser)
    waiting = [parser]
    while waiting:
        for action in waiting.pop()._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
            yield action


def is_secret(action: argparse.Action) -> bool:
    """Whether the value of this option would be a secret."""
    names = [name.lstrip("-") for name in action.option_strings] or [action.dest]
    said = f"{' '.join(names)} {action.metavar or ''} {action.help or ''}"
    spelt = re.search(r"//[^ ]*:[^ @]*@", action.help or "") is not None
    return spelt or (any(map(SECRET.search, names)) and not NAMES_ONE.search(said))


@pytest.mark.parametrize("verb", VERBS)
def test_no_option_of_a_verb_takes_a_secret(verb: str) -> None:
    assert [action.dest for action in options(verb) if is_secret(action)] == []


def test_an_option_that_takes_one_is_seen() -> None:
    parser = argparse.ArgumentParser()
    bad = [
        parser.add_argument("--password"),
        parser.add_argument("--sm4-key", help="hex digits"),
        parser.add_argument("--url", help="amqp://user:password@host"),
    ]
    good = [
        parser.add_argument("--password-file"),
        parser.add_argument("--secret-env"),
        parser.add_argument("--key", help="idempotency key"),
    ]
    assert [is_secret(action) for action in (*bad, *good)] == [True] * 3 + [False] * 3


def test_an_address_with_a_password_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "input.json"
    asked.write_text("{}")
    words = ["call", "1201", "--tenant", "H53010200001", "--input", str(asked), "--lang", "en"]
    for url in ("amqp://his:pw-planted@127.0.0.1:1/v", "amqp://his@127.0.0.1:1/v"):
        assert main([*words, "--url", url]) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert "everybody on this machine can read a command line" in said
        assert "pw-planted" not in said


def command_lines() -> dict[int, str]:
    """Of every process of this machine that we may look at."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().decode("utf-8", "replace")
                )
            except OSError:  # it has ended
                continue
    return found


def test_no_running_process_shows_one(broker_node: PrivateNode, tmp_path: Path) -> None:
    """Broker, centre, worker, and the operators' commands while they run."""
    with BusStage(tmp_path, broker_node) as stage:
        keys = (stage.base / "journal-keys").read_text("utf-8").split()
        cookie = (broker_node.base / "home" / ".erlang.cookie").read_text("ascii")
        secrets = {*keys[1::2], cookie, broker_node.password, *stage._passwords.values()}
        assert len(secrets) == 4 + len(HOSPITALS)
        words = [YIBAO, "doctor", "--config", str(stage.config)]
        asked = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        seen: dict[int, str] = {}
        while asked.poll() is None:
            seen |= command_lines()
            with contextlib.suppress(subprocess.TimeoutExpired):
                asked.wait(0.2)
    assert {broker_node.pid, asked.pid, *(worker.pid for worker in stage.workers)} <= set(seen)
    shown = {pid: line for pid, line in seen.items() if any(each in line for each in secrets)}
    assert json.dumps(shown) == "{}"
