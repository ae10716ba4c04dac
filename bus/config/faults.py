"""What is wrong with a configuration, as values; the words stand in ``faults.toml``."""

import tomllib
from functools import cache
from importlib import resources

import msgspec


class ConfigFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: where (``gateways.main.money_s``), its slug, what is allowed, what was found.

    ``found`` never carries the value of a secret.
    """

    path: str
    problem: str
    allowed: str = ""
    found: str = ""

    @property
    def en(self) -> str:
        """What is wrong and what is allowed, in English."""
        return _words()[self.problem]["en"].format(allowed=self.allowed, found=self.found)

    @property
    def zh(self) -> str:
        """The same in Chinese."""
        return _words()[self.problem]["zh"].format(allowed=self.allowed, found=self.found)

    def __str__(self) -> str:
        return f"{self.path}: {self.en} ({self.zh})"


class ConfigError(Exception):
    """The configuration cannot be used. ``faults`` names everything that is wrong, at once."""

    def __init__(self, source: str, faults: tuple[ConfigFault, ...]) -> None:
        self.source = source
        self.faults = faults
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{source}: {len(faults)} fault(s)\n{lines}")


class SettingsError(Exception):
    """Settings of the right form that cannot work together with what they name: a malformed key, a
    secret of the wrong kind. The text says which setting and what to do, never a secret."""


@cache
def _words() -> dict[str, dict[str, str]]:
    text = resources.files("bus.config").joinpath("faults.toml").read_text("utf-8")
    return tomllib.loads(text)
