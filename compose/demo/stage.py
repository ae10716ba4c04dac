"""A whole bus on this machine, on loopback, in one folder: broker node, stand-in centre, worker.

Used by the demo and by the end-to-end tests. Everything is a process of its own, started here and
ended here by its own id.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from bus.gm import Keyring
from bus.topology.permissions import SALT_BYTES, Account, Role, definitions, password_hash
from compose.node import USER, PrivateNode

HOSPITALS = {
    "H53010200001": "示例市第一医院",
    "H53010200002": "示例市第二医院",
    "P53010200003": "示例大药房",
}
YIBAO = str(Path(sys.executable).parent / "yibao")
FIGURE = re.compile(r"^([^#\s]\S*) (\S+)$", re.MULTILINE)
"""A line of a metrics page: name with labels, value."""
READY_S = 30.0
STOP_S = 20.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of the stage, in seconds; a hospital's are the defaults of the settings."""

    money_s: float = 3.0
    call_s: float = 3.0
    centre_s: float = 4.0
    patience_s: float = 20.0
    sweep_s: float = 0.3


class StageError(Exception):
    """A part did not start; the text holds its last words."""


class Stage:
    """The bus with its surroundings under ``base``; ``node`` may be one that runs already."""

    def __init__(
        self,
        base: Path,
        *,
        node: PrivateNode | None = None,
        vhost: str = "yibao",
        timing: Timing | None = None,
    ) -> None:
        self.base = base
        self.vhost = vhost
        self.timing = timing or Timing()
        self.node = node or PrivateNode(base / "rabbitmq")
        self.config = base / "yibao.toml"
        self.centre_port = 0
        self.admin_port = 0
        self._own_node = node is None
        self._sandbox: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._logs = 0
        # The node may be shared, so the names of its users are this stage's own.
        self._passwords = {user: secrets.token_urlsafe(24) for user in self._users()}

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Broker, centre and one worker, all ready."""
        self.base.mkdir(parents=True, exist_ok=True)
        if self._own_node:
            self.node.start()
        self.node.import_definitions(self._definitions())
        self.start_sandbox()
        self.write_config()
        self.start_worker()
        return self

    def stop(self) -> None:
        """End what was started, the worker first."""
        for worker in self.workers:
            end(worker)
        if self._sandbox is not None:
            end(self._sandbox)
        if self._own_node:
            self.node.stop()

    def _users(self) -> dict[str, tuple[Role, str]]:
        """Broker users of this stage: role and tenant by name."""
        users = {f"{self.vhost}-worker": (Role.WORKER, "")}
        return users | {self.his_user(code): (Role.HIS, code) for code in HOSPITALS}

    def _accounts(self) -> list[Account]:
        """The users with the rights the bus gives them."""
        return [
            Account(
                user=user,
                role=role,
                tenant=tenant,
                password_hash=password_hash(self._passwords[user], secrets.token_bytes(SALT_BYTES)),
            )
            for user, (role, tenant) in self._users().items()
        ]

    def _definitions(self) -> dict[str, Any]:
        found = definitions((), self.vhost, self._accounts())
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        found["permissions"].append({"user": USER, "vhost": self.vhost, **everything})
        return found

    # -- parts -----------------------------------------------------------------------------------

    def start_sandbox(self) -> None:
        """The stand-in centre as a process of its own."""
        ready = self.base / "sandbox-ready.json"
        ready.unlink(missing_ok=True)
        command = [YIBAO, "sandbox", "--data", str(self.base / "sandbox")]
        command += ["--ready-file", str(ready), "--port", str(self.centre_port)]
        command += ["--admin-port", str(self.admin_port)]
        self._sandbox = self._launch("sandbox", command)
        wait_for(ready.exists, self._sandbox, self._log_of("sandbox"))
        told = json.loads(ready.read_text("utf-8"))
        self.centre_port, self.admin_port = told["port"], told["admin_port"]

    def write_config(self) -> None:
        """The configuration file of the worker, its keys and its broker password."""
        secret, keys = self.base / "broker-password", self.base / "journal-keys"
        write_private(secret, self._passwords[f"{self.vhost}-worker"])
        if not keys.exists():
            write_private(keys, Keyring.generate_text())
        self.config.write_text(self.config_text(secret, keys), encoding="utf-8")

    def config_text(self, secret: Path, keys: Path) -> str:
        """The TOML of the stage. The desk's transactions go to the centre: it has no desk."""
        timing = self.timing
        institutions = "\n".join(
            f"[institutions.{code}]\n"
            f'name = "{name}"\ngateway = "centre"\nmdtrtarea_admvs = "530102"\n'
            f'users = ["{self.his_user(code)}"]\n'
            'mac = "02-00-00-00-00-01"\nip = "127.0.0.1"\n'
            'where = { 1101 = "centre", 1191 = "centre", 1192 = "centre" }\n'
            f"{self.institution_text(code)}\n"
            for code, name in HOSPITALS.items()
        )
        return f"""\
[broker]
url = "amqp://{self.vhost}-worker@127.0.0.1:{self.broker_port}/{self.vhost}"
password_file = "{secret}"
reconnect_s_max = 0.5

[journal]
{self.journal_text()}
keys_file = "{keys}"

[worker]
patience_s = {timing.patience_s}
drain_s = 10.0
sweep_s = {timing.sweep_s}

[gateways.centre]
url = "http://127.0.0.1:{self.centre_port}/"
money_s = {timing.money_s}
call_s = {timing.call_s}
centre_s = {timing.centre_s}

{institutions}"""

    def institution_text(self, code: str) -> str:
        """More settings of one institution, as TOML."""
        del code
        return ""

    def journal_text(self) -> str:
        """Where the journal is kept, as TOML."""
        return f'path = "{self.base / "journal.sqlite3"}"'

    @property
    def broker_port(self) -> int:
        """The port on which worker and HIS find the broker."""
        return self.node.port

    def worker_command(self) -> list[str]:
        """What starts a worker."""
        return [YIBAO, "serve", "--config", str(self.config)]

    def start_worker(self, *options: str) -> "subprocess.Popen[bytes]":
        """One worker process; returns when it consumes."""
        worker = self._launch("serve", [*self.worker_command(), *options])
        self.workers.append(worker)
        log = self._log_of("serve")
        wait_for(lambda: b'"worker_started"' in log.read_bytes(), worker, log)
        return worker

    def start_measured_worker(self) -> str:
        """One more worker; the address of its metrics page."""
        worker = self.start_worker("--metrics-port", "0")
        log = self._log_of("serve")
        wait_for(lambda: b'"metrics_served"' in log.read_bytes(), worker, log)
        served = [line for line in log.read_text().splitlines() if '"metrics_served"' in line]
        return f"http://127.0.0.1:{json.loads(served[0])['port']}/metrics"

    def kill_workers(self) -> None:
        """SIGKILL, as a power cut would."""
        for worker in self.workers:
            end(worker, signal.SIGKILL)
        self.workers.clear()

    def _launch(self, verb: str, command: list[str]) -> "subprocess.Popen[bytes]":
        self._logs += 1
        with self._log_of(verb).open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own command with our own arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "YIBAO_LANG": "en"},
                start_new_session=True,  # what it starts can be ended with it, as by a power cut
            )

    def _log_of(self, verb: str) -> Path:
        return self.base / f"{verb}-{self._logs}.log"

    # -- use -------------------------------------------------------------------------------------

    def his_user(self, tenant: str) -> str:
        """The broker user of a hospital's HIS."""
        return f"{self.vhost}-his-{tenant}"

    def his_url(self, tenant: str) -> str:
        """The broker address for a HIS program of this hospital."""
        user = self.his_user(tenant)
        return f"amqp://{user}:{self._passwords[user]}@127.0.0.1:{self.broker_port}/{self.vhost}"

    @property
    def admin_url(self) -> str:
        """The broker address of an administrator, for looking at what is there."""
        return self.node.url(self.vhost)

    def admin(self, path: str, body: Any = None, method: str = "") -> Any:
        """One call of the sandbox's admin address; JSON in, JSON out."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin_port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())

    def yibao(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a verb of the command line against this stage."""
        verb, *rest = words
        return subprocess.run(  # noqa: S603 - our own command
            [YIBAO, verb, "--config", str(self.config), *rest],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "YIBAO_LANG": "en"},
        )


def measured(page: str) -> Mapping[str, float]:
    """The figures of a metrics page, by name with labels."""
    with urllib.request.urlopen(page, timeout=10) as answer:  # noqa: S310 - an address of ours
        text = answer.read().decode()
    return {name: float(value) for name, value in FIGURE.findall(text)}


def write_private(path: Path, text: str) -> None:
    """A file only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def wait_for(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until ``ready``; ``StageError`` with the log's end when the process ends first."""
    end_s = time.monotonic() + READY_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end_s:
            raise StageError(f"{log.name}: {log.read_text('utf-8')[-2000:]}")
        time.sleep(0.02)


def end(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGTERM) -> None:
    """End one process we started."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
