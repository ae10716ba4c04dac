"""Passwords of broker users: one file each, readable by its owner only, never printed."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bus.command_line import CommandError, ExitCode
from bus.config.secret import read_secret
from bus.config.settings import BrokerSettings

PASSWORD_BYTES = 24
"""Of randomness in a password made here: 192 bits, 32 characters."""


class Passwords:
    """The files of a folder, but for the worker's, which the configuration names."""

    def __init__(self, folder: Path, broker: BrokerSettings, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._broker = broker
        self._env = env
        self.made: list[Path] = []

    def file(self, user: str) -> Path:
        """Where this user's password is kept."""
        if user == self._broker.user and self._broker.password_file:
            return Path(self._broker.password_file)
        return self._folder / f"{quote(user, safe='')}.password"

    def known(self, user: str) -> str:
        """The password, '' when there is none yet. ``ConfigError`` when it cannot be read or is
        open to everybody."""
        if user == self._broker.user and self._broker.password_env:
            return read_secret("", self._broker.password_env, self._env)
        file = self.file(user)
        return read_secret(str(file), "", self._env) if file.exists() else ""

    def make(self, user: str) -> str:
        """A new password in a new file of mode 0600; a file that is there is never overwritten."""
        file, password = self.file(user), secrets.token_urlsafe(PASSWORD_BYTES)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(file, password + "\n", new=True)
        except OSError as error:
            raise CommandError(
                f"{file}: {error.strerror}; nothing was changed on the broker",
                f"无法写入 {file}；消息服务未作任何改动",
                ExitCode.USAGE,
            ) from None
        self.made.append(file)
        return password


def write_private(file: Path, text: str, *, new: bool) -> None:
    """Write ``file``, of mode 0600 from its first moment and whole or not at all. ``new``:
    ``FileExistsError`` when it is there."""
    part = file if new else file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(handle)
    if not new:
        part.replace(file)
