"""``data/general.toml``: which book an upload goes into and a query reads."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import msgspec


def spell(name: str) -> str:
    """One spelling for the snake_case and camelCase forms of a field, and for its other names."""
    bare = name.replace("_", "").lower()
    return _same().get(bare, bare)


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Catalogue downloads: ``rows`` invented rows, or items of the named list types."""

    rows: int
    life_h: int
    items: dict[str, tuple[str, ...]]


class WithdrawBy(msgspec.Struct, frozen=True, kw_only=True):
    """Withdrawals that name their book by a field."""

    field: str
    infnos: frozenset[str]
    books: dict[str, str]


class General(msgspec.Struct, frozen=True, kw_only=True):
    """The tables, by infno: the book each transaction adds to, keeps in, and so on."""

    keys: dict[str, tuple[str, ...]]
    days: dict[str, str]
    pairs: tuple[tuple[str, str], ...]
    add: dict[str, str]
    keep: dict[str, str]
    replace: dict[str, str]
    give_back: dict[str, str]
    withdraw: dict[str, str]
    withdraw_by: WithdrawBy
    parts: dict[str, dict[str, str]]
    ask: dict[str, str]
    traces: dict[str, tuple[str, ...]]
    numbers: frozenset[str]
    files: FileFacts


@cache
def general() -> General:
    """The tables, read once."""
    raw = _raw()
    by_infno = {
        name: {infno: book for book, infnos in raw[name].items() for infno in infnos}
        for name in ("add", "keep", "replace", "give_back", "withdraw", "ask")
    }
    plain = {name: raw[name] for name in ("days", "withdraw_by", "parts", "traces", "files")}
    return msgspec.convert(
        by_infno
        | plain
        | {
            "keys": raw["books"],
            "pairs": raw["ordered"]["pairs"],
            "numbers": [spell(name) for name in raw["numbers"]["names"]],
        },
        General,
    )


@cache
def _same() -> dict[str, str]:
    def bare(name: str) -> str:
        return name.replace("_", "").lower()

    return {bare(one): bare(other) for one, other in _raw()["same"].items()}


@cache
def _raw() -> dict[str, Any]:
    text = resources.files("sandbox").joinpath("data/general.toml").read_text("utf-8")
    return tomllib.loads(text)
