"""Secrets come from a file or an environment variable, never from the settings file itself."""

import stat
from collections.abc import Mapping
from pathlib import Path

from bus.config.faults import ConfigError, ConfigFault

SECRET_BYTES_MAX = 65_536
"""A secret file is a password, a signing secret or a few key lines: more is a wrong file."""


def read_secret(file: str, env_name: str, env: Mapping[str, str]) -> str:
    """The secret in ``file`` (its text without the last line break) or in ``env[env_name]``.

    Exactly one of ``file`` and ``env_name`` is given. ``ConfigError`` when there is none, when the
    file cannot be read, is empty, or may be read by every user of the machine. The secret itself
    is never part of an exception.
    """
    fault = secret_fault("secret", (file, env_name), env)
    if fault is not None:
        raise ConfigError(file or env_name or "secret", (fault,))
    if env_name:
        return env[env_name]
    return Path(file).read_text("utf-8").rstrip("\r\n")


def secret_fault(
    path: str, names: tuple[str, str], env: Mapping[str, str], *, both: str = "file and env"
) -> ConfigFault | None:
    """What keeps the secret named by ``names`` (file, variable) from being read, or None."""
    file, env_name = names
    if file and env_name:
        return ConfigFault(path=path, problem="two_secrets", allowed=both)
    if env_name:
        if env.get(env_name):
            return None
        return ConfigFault(path=path, problem="secret_env", found=env_name)
    if not file:
        return ConfigFault(path=path, problem="no_secret", allowed=both)
    found = _file_problem(Path(file))
    return ConfigFault(path=path, problem="secret_file", found=found) if found else None


def _file_problem(file: Path) -> str:
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            return f"{file} is not a file"
        if info.st_mode & stat.S_IRWXO:
            return f"{file} is open to every user of this machine; run: chmod o= {file}"
        if info.st_size > SECRET_BYTES_MAX:
            return f"{file} is larger than {SECRET_BYTES_MAX} bytes"
        text = file.read_text("utf-8")
    except OSError as error:
        return f"{file}: {error.strerror}"
    except UnicodeDecodeError:
        return f"{file} is not UTF-8 text"
    return "" if text.strip() else f"{file} is empty"
