"""A network namespace of our own, joined to this one by a cable (a veth pair) that can be pulled.

What no proxy can show: packets that vanish without a word, so that nobody acknowledges anything.
Needs root and ``ip``; where the machine does not allow it there is no such test to run.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

_numbers = itertools.count(1)


class Namespace(msgspec.Struct, frozen=True):
    """``name`` for ``ip netns exec``; from inside this machine is ``host``; ``link`` is our end of
    the cable."""

    name: str
    host: str
    link: str

    def pull(self) -> None:
        """From now on every packet is lost, both ways."""
        _ip("link", "set", self.link, "down")

    def plug(self) -> None:
        """Packets arrive again."""
        _ip("link", "set", self.link, "up")

    def command(self, program: str, folder: Path) -> str:
        """A command that runs ``program`` inside."""
        script = folder / "inside"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {program} "$@"\n')
        script.chmod(0o755)
        return str(script)


def allowed() -> bool:
    """Whether this machine lets us make one."""
    try:
        with namespace():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace with its cable; removed at the end."""
    number = next(_numbers)
    name = f"yb{os.getpid()}-{number}"
    link, far = f"ya{os.getpid() % 100_000}-{number}", f"yz{os.getpid() % 100_000}-{number}"
    net = f"10.{os.getpid() // 250 % 250}.{os.getpid() % 250}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", far, "netns", name)
        _ip("addr", "add", f"{net}.1/30", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", name, "addr", "add", f"{net}.2/30", "dev", far)
        _ip("-n", name, "link", "set", far, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, f"{net}.1", link)
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> None:
    program = shutil.which("ip")
    if program is None:
        raise FileNotFoundError("ip")
    subprocess.run([program, *words], check=True, capture_output=True, timeout=20)
