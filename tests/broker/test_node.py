"""The private node keeps its promises: own processes, own ports, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compose import node as node_module
from compose.node import NodeError, PrivateNode

ROOT = Path(__file__).resolve().parents[2]


def processes_under(folder: Path) -> list[int]:
    """Processes whose environment names this folder as theirs."""
    mark = f"RABBITMQ_BASE={folder.resolve()}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for_none(folder: Path) -> None:
    end = time.monotonic() + 40
    while processes_under(folder):
        assert time.monotonic() < end, "the node outlived its owner"
        time.sleep(0.05)


def test_a_second_node_runs_beside_the_shared_one_and_leaves_nothing_behind(
    broker_node: PrivateNode, tmp_path: Path
) -> None:
    with PrivateNode(tmp_path) as other:
        assert other.port != broker_node.port
        assert other.eval("node()") == broker_node.eval("node()")
        other.add_vhost("only-here")
        assert "only-here" not in broker_node.ctl("list_vhosts")
        with pytest.raises(NodeError, match="already running"):
            PrivateNode(tmp_path).start()
        cookie = tmp_path / "home" / ".erlang.cookie"
        assert cookie.stat().st_mode & 0o777 == 0o400
    assert processes_under(tmp_path) == []


def test_the_node_ends_when_its_owner_is_killed_without_a_word(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from compose.node import PrivateNode;"
        f"PrivateNode(Path({str(tmp_path)!r})).start(); print('up', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    assert owner.stdout.readline() == "up\n"
    assert processes_under(tmp_path) != []
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    owner.stdin.close()
    wait_for_none(tmp_path)


def test_run_gives_the_command_an_address_and_passes_its_exit_code_on(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = f"import os; open({str(seen)!r}, 'w').write(os.environ['YIBAO_NODE_URL']); exit(7)"
    program = [sys.executable, "compose/node.py", "run", "--base", str(tmp_path / "n"), "--"]
    done = subprocess.run([*program, sys.executable, "-c", command], cwd=ROOT, check=False)
    assert done.returncode == 7
    assert seen.read_text().startswith("amqp://yibao-admin:")
    assert processes_under(tmp_path / "n") == []


def test_start_leaves_the_node_running_until_stop(tmp_path: Path) -> None:
    program = [sys.executable, "compose/node.py"]
    base = ["--base", str(tmp_path)]
    started = subprocess.run(
        [*program, "start", *base], cwd=ROOT, check=True, capture_output=True, text=True
    )
    try:
        assert json.loads(started.stdout)["pid"] in processes_under(tmp_path)
        told = subprocess.run(
            [*program, "ctl", *base, "--", "list_vhosts"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        assert "name" in told.stdout
    finally:
        subprocess.run([*program, "stop", *base], cwd=ROOT, check=True)
    assert processes_under(tmp_path) == []
    stopped_twice = subprocess.run(
        [*program, "stop", *base], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert stopped_twice.returncode == 1
    assert "no node is running" in stopped_twice.stderr


def test_a_missing_server_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node_module, "FOLDERS", ())
    with pytest.raises(NodeError, match="apt-get install -y rabbitmq-server"):
        PrivateNode(tmp_path)
