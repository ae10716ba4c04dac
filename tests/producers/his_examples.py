"""Runs the examples of docs/examples as a HIS vendor would: as programs, from their folders."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.producers.his_access import HisAccess

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
INPUT = EXAMPLES / "settle-2207.json"
RUN_S = 50.0


class Ran(msgspec.Struct, frozen=True):
    """How a program ended; ``reply`` is what it printed, None when nothing."""

    code: int
    reply: dict[str, Any] | None
    said: str


class Example(msgspec.Struct, frozen=True):
    """One example program in a folder of its own, where it also keeps its keys."""

    name: str
    folder: Path

    async def settle(
        self, his: HisAccess, key: str, infno: str = "2207", file: Path = INPUT
    ) -> Ran:
        """Run it once with a broker's address, an input file and an idempotency key."""
        commands = {
            "python": [sys.executable, "settle.py", infno, str(file), "--key", key],
            "javascript": ["node", "settle.js", infno, str(file), key],
        }
        env = os.environ | {"YIBAO_URL": his.url, "YIBAO_TENANT": his.tenant}
        code, out, said = await run(commands[self.name], self.folder, env)
        return Ran(code, json.loads(out) if out.strip() else None, said)


async def run(command: list[str], folder: Path, env: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, output and error output of a command; it is ended when it takes too long."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdout=pipe, stderr=pipe, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(RUN_S):
            out, said = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode or 0, out.decode(), said.decode()


async def unpack(name: str, folder: Path) -> Example:
    """A copy of an example in ``folder``, installed as its README says."""
    target = folder / name
    ignored = shutil.ignore_patterns("node_modules", "kept-keys", "__pycache__")
    await asyncio.to_thread(shutil.copytree, EXAMPLES / name, target, ignore=ignored)
    if name == "javascript":
        # The lock decides what is installed; the cache serves it from the second run on.
        command = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"]
        code, _, said = await run(command, target, dict(os.environ))
        if code:
            raise RuntimeError(f"npm ci failed: {said[-2000:]}")
    return Example(name, target)
