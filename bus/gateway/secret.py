"""A secret from a file or the environment that no log line, repr or traceback can show."""

import os
from pathlib import Path

from bus.config.faults import SettingsError

SECRET_BYTES_MAX = 4096
"""Longest secret file read: keys and tokens are shorter, a wrong path may name anything."""


class GatewayConfigError(SettingsError, ValueError):
    """The settings of a gateway cannot work. Says which setting, never a secret value."""


class Secret:
    """Text that shows itself only when asked by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, to be used at once and stored nowhere."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret(empty)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written out")


def read_secret(*, file: str, env: str) -> Secret:
    """The secret named by ``file`` or ``env`` (one of the two; neither = empty).

    ``GatewayConfigError`` when both are named, the source is missing, or it is no single line.
    """
    if file and env:
        raise GatewayConfigError("secret_file and secret_env are both set")
    if file:
        text = _from_file(file)
    elif env:
        if env not in os.environ:
            raise GatewayConfigError(f"secret_env: the environment has no {env}")
        text = os.environ[env]
    else:
        return Secret("")
    text = text.strip()
    if not text or not text.isprintable():
        raise GatewayConfigError("the gateway secret is empty or not one line of text")
    return Secret(text)


def _from_file(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            raw = stream.read(SECRET_BYTES_MAX + 1)
        if len(raw) > SECRET_BYTES_MAX:
            raise GatewayConfigError(f"secret_file {file} is longer than {SECRET_BYTES_MAX} bytes")
        return raw.decode("utf-8")
    except OSError as error:
        raise GatewayConfigError(f"secret_file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GatewayConfigError(f"secret_file {file} is not UTF-8 text") from None
