"""The private server for tests: it serves its owner, and ends with it however the owner ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from compose import pg
from compose.pg import PostgresError, PrivatePostgres

TOOL = Path(pg.__file__)
OWNER = """
import sys, time
from compose.pg import PrivatePostgres
server = PrivatePostgres().start()
print(server.pid, server.base, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_command_is_given_the_address_and_the_password() -> None:
    script = "import os, psycopg; url = os.environ['YIBAO_PG_URL'];"
    script += "secret = open(os.environ['YIBAO_PG_PASSWORD_FILE']).read();"
    script += "print(psycopg.connect(url, password=secret).execute('SELECT 40 + 2').fetchone())"
    command = [sys.executable, str(TOOL), "run", "--", sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "(42,)"), done.stderr


def test_a_server_ends_when_its_owner_is_killed() -> None:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOOL.parents[1]) as owner:
        assert owner.stdout is not None
        pid, base = owner.stdout.readline().split()
        assert not gone(int(pid))
        owner.send_signal(signal.SIGKILL)
    give_up = time.monotonic() + 30
    while not gone(int(pid)):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert Path(base).name.startswith("yibao-pg-")
    subprocess.run(["rm", "-rf", base], check=True)  # noqa: S607 - as found on the PATH


def test_what_is_committed_survives_a_kill_and_a_stranger_is_refused() -> None:
    with PrivatePostgres() as server:
        with psycopg.connect(server.url(), password=server.password, autocommit=True) as db:
            db.execute("CREATE TABLE kept (a bigint)")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url(), password="wrong")
        server.kill9()
        assert server.pid == 0
        server.start_again()
        with psycopg.connect(server.url(), password=server.password) as db:
            assert db.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        base = server.base
    assert not os.path.lexists(base)


def test_a_missing_server_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg, "INSTALLED", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PostgresError, match="apt-get install -y postgresql"):
        PrivatePostgres()
