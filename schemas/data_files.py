"""Reading our own data files: TOML from ``schemas/data``, parsed once."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from schemas.faulty_data import CatalogueError

Table = dict[str, Any]


def parse(text: str, file: str) -> Table:
    """A TOML text as a table; a syntax error or a key given twice is a ``CatalogueError``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file, "", str(error)) from error


@cache
def read(file: str) -> Table:
    """The table of one data file, such as ``transactions/22.toml``. Do not change what it returns.

    ``FileNotFoundError`` when there is no such file.
    """
    text = resources.files("schemas").joinpath("data", file).read_text("utf-8")
    return parse(text, file)


@cache
def names(folder: str) -> tuple[str, ...]:
    """The stems of the data files of one folder, sorted."""
    entries = resources.files("schemas").joinpath("data", folder).iterdir()
    return tuple(sorted(entry.name[:-5] for entry in entries if entry.name.endswith(".toml")))
