"""The outcome codes: what each means, whether money moved, and what the cashier reads.

The table is ``data/outcomes.toml``. A code that is not in the table cannot be built into a reply.
"""

import tomllib
from functools import cache
from importlib import resources

import msgspec

from schemas.contract import Status


class OutcomeCode(msgspec.Struct, frozen=True, kw_only=True):
    """``money``: moved, not_moved, unchanged, being_settled (or no_money for codes of queries)."""

    code: str
    status: Status
    money: str
    zh: str
    en: str
    todo_zh: str = ""
    todo_en: str = ""


@cache
def outcome_codes() -> dict[str, OutcomeCode]:
    """All codes by slug, in the order of the data file."""
    text = resources.files("schemas").joinpath("data/outcomes.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return {
        code: msgspec.convert({"code": code, **row}, OutcomeCode) for code, row in table.items()
    }


def outcome(code: str) -> OutcomeCode:
    """The entry of one slug; ``KeyError`` for a slug nobody declared."""
    return outcome_codes()[code]
