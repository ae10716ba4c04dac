"""A private RabbitMQ node on loopback: own name, ports, folders, cookie and epmd. Needs no systemd.

As a library::

    with PrivateNode(Path(".run/node")) as node:
        node.add_vhost("hospital")
        connect(node.url("hospital"))

As a command (``python compose/node.py ...``)::

    run   [--base DIR] -- COMMAND ...   node up, COMMAND with YIBAO_NODE_URL set, node down
    start [--base DIR]                  node up and left running; prints its address as JSON
    stop  [--base DIR]                  node that ``start`` left running goes down
    ctl   [--base DIR] -- ARGUMENTS     rabbitmqctl against that node

One file that needs nothing but the standard library: it also runs before anything is installed.
Every process started here is ended by its own pid, never by name. When the owner dies without a
word, a watchdog that holds the other end of a pipe ends the node in its place.
"""

import argparse
import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_S = 90.0
"""A start takes 7-8 s on a quiet machine and 17 s on a busy one, nearly all of it code loading."""
STOP_S = 30.0
"""An orderly stop takes 2 s; after this long the process is killed."""
LOCK_S = 5.0
"""A node whose owner has just died takes about this long to be gone."""
ATTEMPTS_MAX = 4
"""Another run may take a port between our look and the node's bind: then new ports are drawn."""
PORTS = range(20_000, 32_000)
"""Below the kernel's ephemeral range: a client that reconnects to a stopped node on an ephemeral
loopback port can connect to itself and keep the port."""
FOLDERS = (
    "/usr/lib/rabbitmq/bin",
    "/opt/rabbitmq/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/sbin",
)
"""Where the server's own scripts are. /usr/sbin has a wrapper that changes user: never that."""
USER = "yibao-admin"


class NodeError(Exception):
    """The node cannot be had; the text says what to do."""


class PrivateNode:
    """One node under ``base_dir``. ``port`` is its AMQP port, ``password`` that of ``USER``."""

    def __init__(
        self,
        base_dir: Path,
        *,
        guarded: bool = True,
        management: bool = False,
        beside: "PrivateNode | None" = None,
    ) -> None:
        """``guarded``: the node ends when this process ends, however it ends. ``management``: it
        serves the management API on ``management_port``; its start then takes some seconds more.
        ``beside``: a node that runs; this one joins its cluster with its cookie and epmd."""
        self.base = base_dir.resolve()
        self.name = f"bus@{_HOST}" if beside is None else f"{base_dir.name}@{_HOST}"
        self._beside = beside
        self.bin = _scripts()
        self.port = 0
        self.management_port = 0
        self.password = ""
        self.log = self.base / "log"
        self._guarded = guarded
        self._management = management
        self._ports = (0, 0, 0)
        self._pids: dict[str, tuple[int, str]] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._lock = -1

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Bring the node up and return when it serves. Raises ``NodeError``."""
        self._make_folders()
        self._take_lock()
        try:
            for _ in range(ATTEMPTS_MAX):
                self._choose_ports()
                if (self._beside or self._launch("epmd")) and self._launch("node"):
                    self._save()
                    return self
                self._end("node")
                self._end("epmd")
        except BaseException:
            self._end_all()
            raise
        self._end_all()
        raise NodeError(f"RabbitMQ did not start; see {self.log}\n{self._last_words()}")

    def stop(self) -> None:
        """Orderly stop; afterwards nothing that was started here is alive."""
        self._end_all()
        (self.base / "node.json").unlink(missing_ok=True)

    def restart(self) -> None:
        """Orderly stop and start on the same ports with the same data."""
        self._end("node")
        self._relaunch()

    def kill9(self) -> None:
        """End the node without a word; ``start_again`` brings it back with its data."""
        self._end("node", signal.SIGKILL)

    def start_again(self) -> None:
        """Start a node that was stopped by ``kill9``."""
        self._relaunch()

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

    def url(self, vhost: str = "/", user: str = USER, password: str | None = None) -> str:
        """AMQP address with user and password; ``vhost`` without percent signs."""
        secret = self.password if password is None else password
        name = vhost.replace("/", "%2F")
        return f"amqp://{user}:{secret}@127.0.0.1:{self.port}/{name}"

    def add_vhost(self, name: str) -> None:
        """A new virtual host on which ``USER`` may do everything; some tens of milliseconds."""
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.import_definitions(
            {
                "vhosts": [{"name": name}],
                "permissions": [{"user": USER, "vhost": name, **everything}],
            }
        )

    def drop_vhost(self, name: str) -> None:
        """Remove a virtual host with all its queues; its connections are closed."""
        self.eval(f'rabbit_vhost:delete(<<"{name}">>, <<"{USER}">>)')

    def import_definitions(self, definitions: dict[str, Any]) -> None:
        """Create vhosts, users, permissions, queues ... from RabbitMQ's definitions format."""
        file = self.base / f"definitions-{secrets.token_hex(4)}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(definitions), encoding="utf-8")
        try:
            answer = self.eval(
                f'{{ok, Text}} = file:read_file("{file}"), rabbit_definitions:import_raw(Text)'
            )
        finally:
            file.unlink()
        if answer != "ok":
            raise NodeError(f"definitions refused: {answer}")

    def eval(self, expression: str) -> str:
        """Value of an Erlang expression in the node, as text. ``erl_call`` takes some
        milliseconds, ``rabbitmqctl eval``, the fallback, half a second."""
        program = _erl_call()
        if program is None:
            return self.ctl("eval", expression + ".").strip()
        # The cookie comes from HOME, so it is not in the process list. A name of its own (-h): the
        # node refuses a second caller of the usual one while it still knows the first.
        name = f"caller{secrets.token_hex(4)}"
        command = [program, "-sname", self.name, "-h", name, "-e"]
        done = _run(command, self._environment(), expression + ".\n")
        text = done.stdout.strip()
        if done.returncode or not text.startswith("{ok, "):
            raise NodeError(f"the node did not evaluate: {text} {done.stderr.strip()}")
        return text.removeprefix("{ok, ").removesuffix("}")

    def ctl(self, *arguments: str) -> str:
        """Output of ``rabbitmqctl`` against this node; about half a second a call."""
        done = _run([str(self.bin / "rabbitmqctl"), "-q", *arguments], self._environment())
        if done.returncode:
            raise NodeError(f"rabbitmqctl {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def epmd_port(self) -> int:
        """Where this node is looked up by its name."""
        return self._ports[2]

    @property
    def pid(self) -> int:
        """Process id of the Erlang machine; 0 when it is down."""
        return self._pids.get("node", (0, ""))[0]

    @classmethod
    def attach(cls, base_dir: Path) -> "PrivateNode":
        """The node that ``start`` left running under ``base_dir``."""
        node = cls(base_dir, guarded=False)
        try:
            state = json.loads((node.base / "node.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NodeError(f"no node is running under {node.base}") from None
        node._ports = tuple(state["ports"])
        node.port, node.password = state["ports"][0], state["password"]
        node._pids = {name: (pid, born) for name, (pid, born) in state["pids"].items()}
        return node

    # -- how -------------------------------------------------------------------------------------

    def _make_folders(self) -> None:
        for name in ("home", "mnesia", "log", "schema", "gen"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        cookie, secret = self.base / "home" / ".erlang.cookie", self.base / "password"
        for file, size, mode in ((cookie, 20, 0o400), (secret, 16, 0o600)):
            if not file.exists():
                same = self._beside and self._beside.base / file.relative_to(self.base)
                text = same.read_text(encoding="ascii") if same else secrets.token_hex(size)
                file.touch(mode=0o600)
                file.write_text(text, encoding="ascii")
                file.chmod(mode)
        self.password = secret.read_text(encoding="ascii")
        (self.base / "none.conf").write_text("", encoding="ascii")
        (self.base / "advanced.config").write_text("[].\n", encoding="ascii")
        plugins = "rabbitmq_management" if self._management else ""
        (self.base / "enabled_plugins").write_text(f"[{plugins}].\n", encoding="ascii")

    def _take_lock(self) -> None:
        """One node per folder. Node and watchdog inherit the lock, so it ends with the last."""
        self._lock = os.open(self.base / "lock", os.O_RDWR | os.O_CREAT, 0o600)

        def taken() -> bool:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not _wait(taken, LOCK_S):
            os.close(self._lock)
            raise NodeError(f"a node is already running under {self.base}: stop it first")

    def _choose_ports(self) -> None:
        amqp, distribution, epmd = _free_ports()
        self._ports = (amqp, distribution, self._beside.epmd_port if self._beside else epmd)
        self.port = amqp
        lines = {
            "listeners.tcp.default": f"127.0.0.1:{self.port}",
            "default_user": USER,
            "default_pass": self.password,
            "default_vhost": "/",
            "log.console": "false",
            "log.file.level": "warning",
            "vm_memory_high_watermark.absolute": "1GB",
            "disk_free_limit.absolute": "100MB",
        }
        if self._management:
            self.management_port = _free_ports()[0]
            lines |= {"management.tcp.ip": "127.0.0.1"}
            lines |= {"management.tcp.port": str(self.management_port)}
        if self._beside is not None:
            lines |= {
                "cluster_formation.peer_discovery_backend": "classic_config",
                "cluster_formation.classic_config.nodes.1": self._beside.name,
                "cluster_formation.classic_config.nodes.2": self.name,
            }
        file = self.base / "rabbitmq.conf"
        file.touch(mode=0o600)
        file.write_text("".join(f"{k} = {v}\n" for k, v in lines.items()), encoding="ascii")

    def _environment(self) -> dict[str, str]:
        amqp, distribution, epmd = self._ports
        base = str(self.base)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ", "ERL"))}
        return kept | {
            "HOME": f"{base}/home",
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": f"{base}/none.conf",  # not /etc/rabbitmq/rabbitmq-env.conf
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(amqp),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_BASE": base,
            "RABBITMQ_MNESIA_BASE": f"{base}/mnesia",
            "RABBITMQ_LOG_BASE": f"{base}/log",
            "RABBITMQ_SCHEMA_DIR": f"{base}/schema",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{base}/gen",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{base}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{base}/rabbitmq",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{base}/advanced.config",
            "RABBITMQ_PID_FILE": f"{base}/rabbitmq.pid",
            "RABBITMQ_ALLOW_INPUT": "1",  # the script then becomes the node: its pid is ours
            "RABBITMQ_SERVER_START_ARGS": "-noinput -s rabbit boot",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false",
        }

    def _launch(self, name: str) -> bool:
        """Start one process and wait until it serves; False when it ended instead."""
        commands: dict[str, list[str]] = {
            "epmd": [_epmd(), "-port", str(self._ports[2]), "-address", "127.0.0.1"],
            "node": [str(self.bin / "rabbitmq-server")],
        }
        with (self.log / f"{name}.out").open("ab") as out:
            child = subprocess.Popen(
                commands[name],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self._lock,) if self._lock >= 0 else (),
                cwd=self.base,
            )
        self._children[name] = child
        self._pids[name] = (child.pid, _born(child.pid))
        self._tell_watchdog(name)
        port = self._ports[2] if name == "epmd" else self.port
        if not _wait(lambda: child.poll() is not None or _answers(port), START_S):
            raise NodeError(f"RabbitMQ is not up after {START_S:.0f} s; see {self.log}")
        if name == "node" and child.poll() is None:
            # The port may be another run's; only our own node knows our cookie.
            self.ctl("await_startup") if _erl_call() is None else self._await_startup(child)
        return child.poll() is None

    def _await_startup(self, child: "subprocess.Popen[bytes]") -> None:
        def up() -> bool:
            try:
                return child.poll() is not None or self.eval("rabbit:is_running()") == "true"
            except NodeError:
                return False

        if not _wait(up, START_S):
            raise NodeError(f"RabbitMQ is not up after {START_S:.0f} s; see {self.log}")

    def _relaunch(self) -> None:
        if not self._launch("node"):
            raise NodeError(f"RabbitMQ did not come back; see {self.log}\n{self._last_words()}")

    def _end_all(self) -> None:
        self._end("node")
        self._end("epmd")
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        pid, born = self._pids.pop(name, (0, ""))
        child = self._children.pop(name, None)
        if pid:
            _end(pid, born, how, reap=child.poll if child else None)
        if child:
            child.wait()

    def _tell_watchdog(self, name: str) -> None:
        if not self._guarded:
            return
        if self._watchdog is None:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", str(Path(__file__).resolve()), "watch"],
                stdin=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(self._lock,),
            )
        pid, born = self._pids[name]
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.write(f"{pid} {born}\n".encode())
            self._watchdog.stdin.flush()

    def _save(self) -> None:
        file = self.base / "node.json"
        file.touch(mode=0o600)
        state = {"ports": self._ports, "password": self.password, "pids": self._pids}
        file.write_text(json.dumps(state), encoding="utf-8")

    def _last_words(self) -> str:
        out = self.log / "node.out"
        return out.read_text(errors="replace")[-2000:] if out.exists() else ""


_HOST = "localhost"


def _scripts() -> Path:
    found = shutil.which("rabbitmq-server")
    beside = [str(Path(found).resolve().parent)] if found else []
    for folder in (*FOLDERS, *(f for f in beside if f != "/usr/sbin")):
        if (Path(folder) / "rabbitmq-server").exists():
            return Path(folder)
    raise NodeError(
        "rabbitmq-server is not installed. On Debian or Ubuntu, as root: "
        "apt-get update && apt-get install -y rabbitmq-server   (elsewhere: RabbitMQ 3.10 or newer)"
    )


def _epmd() -> str:
    found = shutil.which("epmd")
    if found is None:
        raise NodeError("epmd is not on the PATH; it comes with Erlang (package erlang-base)")
    return found


def _erl_call() -> str | None:
    found = shutil.which("erl_call")
    if found:
        return found
    inside = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/erl_call"))
    return str(inside[-1]) if inside else None


def _run(
    command: list[str], env: dict[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=env, input=text, capture_output=True, text=True, timeout=START_S, check=False
    )


def _free_ports() -> tuple[int, int, int]:
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == 3:
            return found[0], found[1], found[2]
    raise NodeError("no free ports on loopback")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait(ready: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.02)
    return False


def _born(pid: int) -> str:
    """When the process started: with it a pid names one process for ever. '' when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _end(
    pid: int, born: str, how: signal.Signals, reap: Callable[[], object] | None = None
) -> None:
    """End the process and return when it is gone; SIGKILL after ``STOP_S``."""

    def gone() -> bool:
        if reap:
            reap()
        return _born(pid) != born

    for sign in (how, signal.SIGKILL):
        if not born or gone():
            return
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        if _wait(gone, STOP_S):
            return


def _watch() -> int:
    """The watchdog: read "pid born" lines until the owner is gone, then end the newest first."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    known = [line.split() for line in sys.stdin]
    for pid, born in reversed(known):
        _end(int(pid), born, signal.SIGTERM)
    return 0


def _command_run(base: Path, command: list[str]) -> int:
    # A stop signal becomes an exception, so that the node goes down in order.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _frame: sys.exit(128 + number))
    with PrivateNode(base) as node:
        child = subprocess.Popen(command, env=os.environ | {"YIBAO_NODE_URL": node.url()})
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module's text."""
    parser = argparse.ArgumentParser(prog="node.py", description=__doc__.partition("\n")[0])
    parser.add_argument("verb", choices=["run", "start", "stop", "ctl", "watch"])
    parser.add_argument("--base", type=Path, default=Path(".run/node"), metavar="DIR")
    words = sys.argv[1:] if arguments is None else arguments
    split = words.index("--") if "--" in words else len(words)
    rest = words[split + 1 :]
    given = parser.parse_args(words[:split])
    if given.verb in ("run", "ctl") and not rest:
        parser.error(f"{given.verb}: nothing after --")
    try:
        if given.verb == "watch":
            return _watch()
        if given.verb == "run":
            return _command_run(given.base, rest)
        if given.verb == "start":
            node = PrivateNode(given.base, guarded=False).start()
            sys.stdout.write(json.dumps({"url": node.url(), "pid": node.pid}) + "\n")
        elif given.verb == "stop":
            PrivateNode.attach(given.base).stop()
        else:
            sys.stdout.write(PrivateNode.attach(given.base).ctl(*rest))
    except NodeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
