"""The contract of all regions as it was last given to others, and what has changed since.

``docs/contract/baseline.json`` holds the first region in full and the others as what differs (JSON
Merge Patch), one line for each transaction. ``docs/contract/breaks.toml`` names the changes since
then that break a HIS on purpose.
"""

import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from producers.contracts.compare import Change, breaking, compare
from producers.contracts.structure import FORMAT, Contract

BASELINE = "baseline.json"
BREAKS = "breaks.toml"
NO_BREAKS = """\
# Changes since baseline.json that break a HIS on purpose, each with its reason. `make lint`
# fails on one that is not named here, and on a line that names none. See docs/contracts.md.
#
# [[break]]
# path = "2207.input.data.psn_type"      # as `make lint` prints it; * stands for any text
# kind = "request_required"
# why = "the centre refuses a 2207 without it since its edition of 2026"
"""


class FaultyContractError(Exception):
    """A file that should hold a contract does not; ``str()`` names it and says why."""


class Break(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes that break on purpose. ``path`` may hold ``*``."""

    path: str
    kind: str
    why: str

    def covers(self, change: Change) -> bool:
        """Whether the change is one of these."""
        return self.kind == change.kind and fnmatchcase(change.path, self.path)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the contracts stand to the baseline: region -> changes; ``idle`` declares nothing."""

    undeclared: dict[str, tuple[Change, ...]]
    declared: int
    harmless: int
    idle: tuple[Break, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every break is declared and every declaration is of use."""
        return not self.undeclared and not self.idle


def judge(old: Mapping[str, Contract], new: list[Contract], breaks: tuple[Break, ...]) -> Standing:
    """Compare the regions that the baseline has; a region that is gone is a break of all of it."""
    undeclared: dict[str, tuple[Change, ...]] = {}
    declared = harmless = 0
    met: set[Break] = set()
    regions = {each.profile: each for each in new}
    for name, before in old.items():
        empty = msgspec.structs.replace(before, transactions={}, codes={})
        changes = compare(before, regions.get(name, empty))
        broken = breaking(changes)
        harmless += len(changes) - len(broken)
        reasons = {change: [b for b in breaks if b.covers(change)] for change in broken}
        met.update(reason for each in reasons.values() for reason in each)
        bare = tuple(change for change, each in reasons.items() if not each)
        declared += len(broken) - len(bare)
        if bare:
            undeclared[name] = bare
    idle = tuple(each for each in breaks if each not in met)
    return Standing(undeclared=undeclared, declared=declared, harmless=harmless, idle=idle)


def read_contract(file: Path) -> Contract:
    """A ``contract.json``. ``FaultyContractError``, ``OSError``."""
    return _contract(_loaded(file), str(file))


def read_baseline(file: Path) -> dict[str, Contract]:
    """Region -> contract. ``FaultyContractError``, ``OSError``."""
    regions: dict[str, Any] = _loaded(file)
    first: Any = next(iter(regions.values()), {})
    return {
        name: _contract(held if held is first else patched(first, held), f"{file}: {name}")
        for name, held in regions.items()
    }


def read_breaks(file: Path) -> tuple[Break, ...]:
    """The declared breaks. ``FaultyContractError``, ``OSError``."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
        return tuple(msgspec.convert(table.get("break", []), list[Break]))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise FaultyContractError(f"{file}: {error}") from error


def baseline_text(contracts: list[Contract]) -> str:
    """The baseline of these regions, the first one in full."""
    plain = [msgspec.to_builtins(each) for each in contracts]
    held = {each["profile"]: patch(plain[0], each) if n else each for n, each in enumerate(plain)}
    return "\n".join(_lines(held, 0)) + "\n"


def patch(old: Any, new: Any) -> Any:
    """The JSON Merge Patch (RFC 7396) that makes ``new`` of ``old``; neither holds null."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    gone: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    return gone | {
        name: patch(old[name], value) if name in old else value
        for name, value in new.items()
        if name not in old or old[name] != value
    }


def patched(old: Any, change: Any) -> Any:
    """``old`` with a JSON Merge Patch."""
    if not isinstance(old, dict) or not isinstance(change, dict):
        return change
    held = {name: value for name, value in old.items() if name not in change}
    both = {name: patched(old.get(name), value) for name, value in change.items()}
    return held | {name: value for name, value in both.items() if value is not None}


_OPEN_LEVELS = 3
"""Regions, their sections and the entries of those have lines of their own."""


def _lines(value: Any, level: int) -> Iterator[str]:
    if level == _OPEN_LEVELS or not isinstance(value, dict):
        yield " " * level + msgspec.json.encode(value, order="sorted").decode("utf-8")
        return
    yield " " * level + "{"
    names = sorted(value) if level else list(value)
    for name in names:
        first, *rest = _lines(value[name], level + 1)
        key = msgspec.json.encode(name).decode("utf-8")
        lines = [f"{' ' * (level + 1)}{key}: {first.lstrip()}", *rest]
        yield from lines[:-1]
        yield lines[-1] + ("," if name != names[-1] else "")
    yield " " * level + "}"


def _loaded(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise FaultyContractError(f"{file}: {error}") from error


def _contract(held: Any, place: str) -> Contract:
    try:
        found = msgspec.convert(held, Contract)
    except msgspec.ValidationError as error:
        raise FaultyContractError(f"{place}: {error}") from error
    if found.format != FORMAT:
        raise FaultyContractError(f"{place}: format {found.format}, this program reads {FORMAT}")
    return found
