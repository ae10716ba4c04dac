"""CPU seconds and child processes, read from /proc; and stopping what was started, by its pid."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STOP_S = 15.0
"""How long a process may take to end after SIGTERM before it is killed."""
ROOT = Path(__file__).resolve().parent.parent


def _stat(pid: int) -> tuple[int, float]:
    """(parent's pid, CPU seconds used: user and system) of a living process."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def tree(pid: int) -> list[int]:
    """The process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(_stat(int(entry.name))[0], []).append(int(entry.name))
            except (OSError, IndexError):  # it ended while we looked
                continue
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        todo += children.get(one, [])
    return out


def cpu_s(pids: list[int]) -> float:
    """CPU seconds used so far by these processes; one that has ended counts nothing."""
    total = 0.0
    for pid in pids:
        try:
            total += _stat(pid)[1]
        except OSError:
            continue
    return total


def machine_busy_s() -> float:
    """CPU seconds the whole machine has worked so far; time stolen by its host counts."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def start(argv: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a process from the repository's root with its output in ``log``.

    Where util-linux's setpriv exists the kernel ends the process when this one dies without a word.
    """
    guard = shutil.which("setpriv")
    with log.open("ab") as out:
        return subprocess.Popen(
            [guard, "--pdeathsig", "TERM", *argv] if guard else argv,
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL after ``STOP_S``."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures were taken."""

    cpu: str
    cores: int
    memory_gib: int
    python: str
    broker: str


def machine(broker: str) -> Machine:
    """This machine; ``broker`` is the version the broker announced."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return Machine(
        cpu=model,
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory),
        python=sys.version.split()[0],
        broker=f"RabbitMQ {broker}",
    )


def commit() -> str:
    """The commit measured, with ``+changes`` when tracked files differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head}+changes" if _git("status", "--porcelain", "-uno") else head


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown"
