"""A private PostgreSQL server on loopback: own port, folder and password. Needs no systemd.

As a library::

    with PrivatePostgres() as server:
        connect(server.url("postgres"), password=server.password)

As a command (``python compose/pg.py ...``)::

    run [--base DIR] -- COMMAND ...   server up; COMMAND with YIBAO_PG_URL and
                                      YIBAO_PG_PASSWORD_FILE set; server down

One file that needs nothing but the standard library. PostgreSQL refuses to run as root: then it
runs as user postgres. When the owner dies without a word, the kernel tells the server to stop
(``setpriv --pdeathsig``), so start it from a thread that lives as long as the server shall.
"""

import argparse
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 60.0
"""A start takes 0.2 s; recovery after a kill under load some seconds."""
STOP_S = 30.0
"""A fast stop writes a checkpoint; after this long the server is killed."""
ATTEMPTS_MAX = 4
"""Another run may take a port between our look and the server's bind."""
PORTS = range(20_000, 32_000)
"""Below the kernel's ephemeral range, as for the broker's private node."""
INSTALLED = "/usr/lib/postgresql"
"""Where Debian keeps the programs, a folder per version: they are not on the PATH."""
USER = "yibao-admin"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}
"""``fsync`` stays on: an engine that is durable only on paper would be tested."""


class PostgresError(Exception):
    """The server cannot be had; the text says what to do."""


class PrivatePostgres:
    """One server. ``port`` on 127.0.0.1; ``password`` is that of ``USER``, a superuser."""

    def __init__(self, base_dir: Path | None = None) -> None:
        """``base_dir``: where to keep it, kept at the end; without it a folder under the system's
        temporary one, removed at the end."""
        self.bin = _programs()
        self.port = 0
        self.password = secrets.token_hex(16)
        self._as_postgres = os.geteuid() == 0
        self._kept = base_dir is not None
        self.base = (base_dir or Path(tempfile.mkdtemp(prefix="yibao-pg-"))).resolve()
        self.log = self.base / "log"
        self._server: subprocess.Popen[bytes] | None = None

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Make the cluster and bring the server up. Raises ``PostgresError``."""
        try:
            self._make_cluster()
            for _ in range(ATTEMPTS_MAX):
                self.port = _free_port()
                if self._launch():
                    return self
        except BaseException:
            self.stop()
            raise
        words = self._last_words()
        self.stop()
        raise PostgresError(f"PostgreSQL did not start:\n{words}")

    def stop(self) -> None:
        """Stop; afterwards nothing that was started here is alive."""
        # A checkpoint of many databases takes seconds; one that is thrown away needs none.
        self._end(signal.SIGINT if self._kept else signal.SIGQUIT)
        if not self._kept:
            shutil.rmtree(self.base, ignore_errors=True)

    def restart(self) -> None:
        """Fast stop, which ends every connection, and start with the same data and port."""
        self._end(signal.SIGINT)
        self.start_again()

    def kill9(self) -> None:
        """End the server without a word; its other processes notice and end themselves."""
        self._end(signal.SIGKILL)

    def start_again(self) -> None:
        """Start a server that was stopped; it recovers what was committed."""
        # What a killed server leaves running keeps its shared memory for some moments.
        if not _wait(self._launch, START_S):
            raise PostgresError(f"PostgreSQL did not come back:\n{self._last_words()}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- use -------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id of the server's first process; 0 when it is down."""
        return self._server.pid if self._server else 0

    def url(self, database: str = "postgres", user: str = USER) -> str:
        """Address without a password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    # -- how -------------------------------------------------------------------------------------

    def _make_cluster(self) -> None:
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = self.base / "password"
        if (self.base / "data" / "PG_VERSION").exists():
            self.password = secret.read_text(encoding="ascii")
            return
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="ascii")
        if self._as_postgres:
            owner = pwd.getpwnam("postgres")
            for path in (self.base, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command = [
            *(str(self.bin / "initdb"), "-D", str(self.base / "data"), "-U", USER),
            *("-E", "UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"),
            *("--no-sync", "--no-instructions"),
        ]
        done = subprocess.run(
            self._command(command), cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PostgresError(f"initdb: {done.stderr}")

    def _launch(self) -> bool:
        """Start the server and wait until it serves; False when it ended instead."""
        options = {**SETTINGS, "port": str(self.port), "unix_socket_directories": ""}
        command = [str(self.bin / "postgres"), "-D", str(self.base / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as out:
            self._server = server = subprocess.Popen(
                self._command(command, dies_with_us=True),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not _wait(lambda: server.poll() is not None or self._serves(), START_S):
            raise PostgresError(f"PostgreSQL is not up after {START_S:.0f} s; see {self.log}")
        if server.poll() is None:
            return True
        self._server = None
        return False

    def _serves(self) -> bool:
        """Whether our own server, not another one on the port, says that it is ready."""
        try:
            lines = (self.base / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # The server writes the file line by line; the eighth is its state.
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _command(self, command: list[str], *, dies_with_us: bool = False) -> list[str]:
        words = []
        if self._as_postgres:
            words += ["--reuid=postgres", "--regid=postgres", "--init-groups"]
        if dies_with_us:
            words += ["--pdeathsig=INT"]
        setpriv = shutil.which("setpriv")
        if setpriv and words:
            return [setpriv, *words, "--", *command]
        if self._as_postgres:
            raise PostgresError("setpriv is missing (package util-linux): run this as a user")
        return command

    def _end(self, how: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(how)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


def _programs() -> Path:
    beside = shutil.which("postgres")
    versions = sorted(Path(INSTALLED).glob("*/bin/postgres"))
    found = Path(beside) if beside else versions[-1] if versions else None
    if found is None:
        raise PostgresError(
            "the PostgreSQL server is not installed. On Debian or Ubuntu, as root: "
            "apt-get update && apt-get install -y postgresql   (elsewhere: PostgreSQL 13 or newer)"
        )
    return found.parent


def _free_port() -> int:
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PostgresError("no free port on loopback")


def _wait(ready: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.02)
    return False


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(prog="pg.py", description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--base", type=Path, default=None, metavar="DIR")
    words = sys.argv[1:] if arguments is None else arguments
    split = words.index("--") if "--" in words else len(words)
    command = words[split + 1 :]
    given = parser.parse_args(words[:split])
    if not command:
        parser.error("run: nothing after --")
    # A stop signal becomes an exception, so that the server goes down in order.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _frame: sys.exit(128 + number))
    try:
        with PrivatePostgres(given.base) as server:
            names = {
                "YIBAO_PG_URL": server.url(),
                "YIBAO_PG_PASSWORD_FILE": str(server.base / "password"),
            }
            return subprocess.run(command, env=os.environ | names, check=False).returncode
    except PostgresError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
