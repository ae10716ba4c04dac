"""Worker processes seen from outside: their log, their end."""

import asyncio
import json
import signal
import subprocess
import time
from typing import Any

from tests.consumers.bus_stage import BusStage

MARGIN_S = 5.0
"""Closing connections and the journal after the drain, on a machine that is busy with tests."""

Process = subprocess.Popen[bytes]


def logged(stage: BusStage, process: Process) -> list[dict[str, Any]]:
    """The log lines of one worker; every line is JSON."""
    name = f"-{process.pid}"
    lines = [
        json.loads(line)
        for file in stage.base.glob("serve-*.log")
        for line in file.read_text("utf-8").splitlines()
    ]
    return [line for line in lines if line.get("worker", "").endswith(name)]


def tell(process: Process, sign: signal.Signals = signal.SIGTERM) -> None:
    """Send a signal to one worker."""
    process.send_signal(sign)


async def ended(process: Process, within_s: float) -> int:
    """The exit code; the process must end within ``within_s``."""
    began = time.monotonic()
    code = await asyncio.to_thread(process.wait, within_s)
    assert time.monotonic() - began <= within_s
    return code


def name_of(process: Process, owner: str) -> bool:
    """Whether a name in the journal is that of this process."""
    return owner.endswith(f"-{process.pid}")
