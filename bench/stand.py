"""What stands during a run: a private broker node, the stub centre, the worker, the peers.

Everything runs on loopback in one folder that is removed at the end, and is stopped by its pid
whatever the exit; if this process is killed outright, the kernel and the node's watchdog do it.
"""

import asyncio
import contextlib
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from bench import amqp, proc
from bench.load import LoadError, Watched
from bench.visits import TENANT
from bus.gm import Keyring
from bus.topology import (
    REQUESTS_EXCHANGE,
    Account,
    Role,
    definitions,
    password_hash,
    request_queue,
)
from compose.node import USER, PrivateNode

VHOST = "yibao"
HIS_USER = "his-bench"
WORKER_USER = "yibao-worker"
START_S = 60.0
"""How long a process may take to serve."""
PEER_PREFETCH = 64
WORKER_PREFETCH = 576
"""Rate times gateway latency with a reserve: 512 requests in flight must all be in the worker."""

_STAGE = re.compile(r'^yibao_stage_seconds_(sum|count){stage="(\w+)"} (\S+)$', re.MULTILINE)

_CONFIG = """\
[broker]
url = "amqp://{worker_user}@127.0.0.1:{amqp_port}/{vhost}"
password_file = "{folder}/password"

[journal]
engine = "sqlite"
path = "{folder}/journal.sqlite3"
keys_file = "{folder}/keys"

[worker]
name = "bench"
prefetch = {prefetch}

[gateways.stub]
url = "http://127.0.0.1:{stub_port}/"
concurrency = {prefetch}
connections_max = {prefetch}

[institutions.{tenant}]
name = "示例市第一人民医院"
gateway = "stub"
mdtrtarea_admvs = "530100"
users = ["{his_user}"]
"""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One worker under measurement. ``good``: bytes that every right reply of it holds."""

    name: str
    exchange: str
    queue: str
    good: bytes


WORKER = Subject(
    name="worker",
    exchange=REQUESTS_EXCHANGE,
    queue=request_queue("2207"),
    good=b'"status":"succeeded"',
)
BARE = Subject(
    name="bare",
    exchange="bench.bare",
    queue="bench.bare.2207",
    good=b'"infcode":"0"',
)
FASTSTREAM = Subject(
    name="faststream",
    exchange="bench.faststream",
    queue="bench.faststream.2207",
    good=b'"infcode":"0"',
)
PEERS = {BARE.name: "bench.peers.bare", FASTSTREAM.name: "bench.peers.faststream_httpx"}


class Stand:
    """``with Stand(folder) as stand``: node and stub are up; ``start`` adds the subjects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker_version = "unknown"
        self._node = PrivateNode(folder / "node")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._passwords = {name: secrets.token_hex(12) for name in (HIS_USER, WORKER_USER)}
        self._stub_port = _free_port()
        self._metrics_port = _free_port()
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            started.enter_context(self._node)
            self._exits = started
            self._node.import_definitions(self._definitions())
            self._run("stub", ["-m", "bench.stub", "--port", str(self._stub_port)])
            self._exits = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    @property
    def his_url(self) -> str:
        """The address under which the load speaks to the broker."""
        return self._node.url(VHOST, HIS_USER, self._passwords[HIS_USER])

    @property
    def gateway_url(self) -> str:
        """The stub centre's address."""
        return f"http://127.0.0.1:{self._stub_port}/"

    async def start(self, subject: Subject) -> None:
        """Start a subject and return when it consumes."""
        if subject.name in PEERS:
            await self._until(self._stub_answers, "the stub")
            self._run(subject.name, ["-m", PEERS[subject.name]], self._peer_environment(subject))
        else:
            self._write_config()
            self._run(subject.name, [self._command, *self._serve], {})
        await self._until(lambda: self._consumes(subject), subject.name)

    def watched(self, subject: Subject) -> Watched:
        """Whose CPU time a window of this subject is charged with."""
        return Watched(
            worker=proc.tree(self._processes[subject.name].pid),
            broker=proc.tree(self._node.pid),
            stub=[self._processes["stub"].pid],
        )

    async def centre(self, latency_ms: int | None = None) -> int:
        """Settlements the stub has answered so far; sets its latency when one is given."""
        path = "/" if latency_ms is None else f"/latency/{latency_ms}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._stub_port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.rpartition(b"content-length:")[2])
            return int(await reader.readexactly(length))
        finally:
            writer.close()

    async def stages(self) -> dict[str, tuple[float, float]]:
        """Stage -> (seconds in all, requests) so far, from the worker's metrics page."""
        page = f"http://127.0.0.1:{self._metrics_port}/metrics"
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
            text = (await client.get(page)).text
        found = {(stage, what): float(value) for what, stage, value in _STAGE.findall(text)}
        stages = {stage for stage, _ in found}
        return {one: (found[one, "sum"], found[one, "count"]) for one in sorted(stages)}

    def log_of(self, name: str) -> str:
        """The last words of a process, for a failure's report."""
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-1500:] if file.exists() else ""

    # ------------------------------------------------------------------ inside
    @property
    def _command(self) -> str:
        return str(Path(sys.executable).parent / "yibao")

    @property
    def _serve(self) -> list[str]:
        config = str(self.folder / "yibao.toml")
        port = str(self._metrics_port)
        return ["serve", "--only", "2207", "--metrics-port", port, "--config", config]

    def _run(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> None:
        command = argv if argv[0] == self._command else [sys.executable, *argv]
        log = self.folder / f"{name}.log"
        process = self._processes[name] = proc.start(command, log, env or {})
        self._exits.callback(proc.stop, process)

    def _peer_environment(self, subject: Subject) -> dict[str, str]:
        return {
            "BENCH_AMQP_URL": self._node.url(VHOST),
            "BENCH_GATEWAY_URL": self.gateway_url,
            "BENCH_EXCHANGE": subject.exchange,
            "BENCH_QUEUE": subject.queue,
            "BENCH_PREFETCH": str(PEER_PREFETCH),
            "BENCH_TENANT": TENANT,
        }

    def _write_config(self) -> None:
        for name, text in (
            ("password", self._passwords[WORKER_USER]),
            ("keys", Keyring.generate_text()),
        ):
            file = self.folder / name
            file.touch(mode=0o600)
            file.write_text(text, encoding="ascii")
        config = _CONFIG.format(
            worker_user=WORKER_USER,
            his_user=HIS_USER,
            amqp_port=self._node.port,
            stub_port=self._stub_port,
            vhost=VHOST,
            folder=self.folder,
            tenant=TENANT,
            prefetch=WORKER_PREFETCH,
        )
        (self.folder / "yibao.toml").write_text(config, encoding="utf-8")

    def _definitions(self) -> dict[str, Any]:
        """The users with the rights the bus gives them; the worker declares the queues itself. The
        hospital's user may also publish to the peers' exchanges."""
        roles = {WORKER_USER: Role.WORKER, HIS_USER: Role.HIS}
        accounts = [
            Account(
                user=user,
                role=role,
                tenant=TENANT if role is Role.HIS else "",
                password_hash=password_hash(self._passwords[user], secrets.token_bytes(4)),
            )
            for user, role in roles.items()
        ]
        found = definitions((), VHOST, accounts)
        everything = {"vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}
        found["permissions"] = [one for one in found["permissions"] if one["user"] != HIS_USER]
        found["permissions"] += [{"user": user, **everything} for user in (USER, HIS_USER)]
        return found

    async def _stub_answers(self) -> bool:
        await self.centre()
        return True

    async def _consumes(self, subject: Subject) -> bool:
        process = self._processes[subject.name]
        if process.poll() is not None:
            raise LoadError(f"{subject.name} ended:\n{self.log_of(subject.name)}")
        connection = await amqp.Connection.open(self._node.url(VHOST))
        try:
            self.broker_version = connection.server
            return await connection.consumers(subject.queue) > 0
        finally:
            await connection.close()

    async def _until(self, ready: Callable[[], Awaitable[bool]], name: str) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if await ready():
                    return
            await asyncio.sleep(0.1)
        raise LoadError(f"{name} does not serve after {START_S:.0f} s:\n{self.log_of(name)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
