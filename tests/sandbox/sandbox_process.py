"""Starts ``python -m sandbox`` as a process of its own and speaks to its admin address."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

READY_S = 20.0


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something to become true; ``TimeoutError`` when it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not become true")
        time.sleep(0.01)


class CentreProcess:
    """One sandbox process; ``options`` are added to its command line."""

    def __init__(self, data: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.data = data
        self._options = options
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = httpx.Client(timeout=10.0, trust_env=False)
        self.errors = data.with_suffix(".stderr")
        self.port = 0
        self.admin_port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            assert self.stop() == 0
        self._admin.close()
        if kind is None:
            assert self.errors.read_text("utf-8") == ""

    @property
    def url(self) -> str:
        """The centre's address."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start the process and wait for its ready line."""
        ready = self.data.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox", "--data", str(self.data)]
        command += ["--ready-file", str(ready), *self._options]
        with self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                command, env=self._env, stdout=subprocess.DEVNULL, stderr=errors
            )
        process = self._process
        until(lambda: ready.exists() or process.poll() is not None, READY_S)
        line = msgspec.json.decode(ready.read_bytes())
        self.port, self.admin_port = line["port"], line["admin_port"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        process = self._process
        if process is None:
            raise RuntimeError("not running")
        self._process = None
        process.send_signal(number)
        return process.wait(timeout=10.0)

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def get(self, path: str, **query: str) -> Any:
        """A GET of the admin address."""
        return self._answer(self._admin.get(self._admin_url(path), params=query))

    def post(self, path: str, **told: object) -> Any:
        """A POST of the admin address."""
        body = msgspec.json.encode(told)
        return self._answer(self._admin.post(self._admin_url(path), content=body))

    def drop_faults(self) -> None:
        """Take every fault out."""
        self._answer(self._admin.delete(self._admin_url("faults")))

    def judgement(self, msgid: str) -> Any:
        """What the books say of ``msgid``."""
        return self.get("books/judgement", msgid=msgid)

    def token(self, psn_no: str) -> str:
        """A fresh e-voucher token."""
        return str(self.post("tokens", psn_no=psn_no)["token"])

    def shift(self, seconds: float) -> None:
        """Move the sandbox's clock."""
        self.post("clock", shift_s=seconds)

    def _admin_url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.admin_port}/{path}"

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        assert response.status_code == 200, response.text
        return msgspec.json.decode(response.content)
