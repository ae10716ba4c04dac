"""The words of the pages, in both languages, from ``words.toml``."""

import tomllib
from functools import cache
from importlib import resources

from producers.contracts.pages.markup import Html, both
from schemas.data_files import read
from schemas.transaction import Effect, Recovery, Transaction


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    text = resources.files("producers.contracts.pages").joinpath("words.toml").read_text("utf-8")
    return tomllib.loads(text)


def pair(section: str, name: str, **values: object) -> tuple[str, str]:
    """Chinese and English; ``KeyError`` for what nobody wrote down."""
    zh, en = _words()[section][name]
    return zh.format(**values), en.format(**values)


def word(section: str, name: str, **values: object) -> Html:
    """The same as markup."""
    return both(*pair(section, name, **values))


def recovery(one: Transaction) -> Html:
    """What happens when an answer is lost; a query is simply asked again."""
    asked = one.effect is Effect.QUERY and one.recovery is Recovery.REPEAT
    return word("recovery", "again" if asked else one.recovery)


def group_name(slug: str) -> Html:
    """A group of transactions."""
    return both(*read("groups.toml")[slug])


def edition_name(slug: str) -> Html:
    """An edition of the specification."""
    return both(*read("editions.toml")[slug])
