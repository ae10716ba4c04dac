"""Code tables: which values a coded field may have and what each means.

``data/codes/<first letter>.toml``. A table is closed where a value outside it is a fault, open
where regions extend it (an unlisted value is a warning). One without values comes with 1901.
"""

from collections.abc import Mapping
from functools import cache

import msgspec

from schemas.data_files import Table, names, read
from schemas.faulty_data import CatalogueError


class CodeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``values``: code to meaning, in the order of the file."""

    name: str
    label: str
    closed: bool = False
    note: str = ""
    same_as: str = ""
    values: dict[str, str] = {}


class CodeTables:
    """All code tables, read by first letter when asked for; a profile may replace some."""

    def __init__(self, replaced: Mapping[str, Table] | None = None, file: str = "") -> None:
        self._replaced = {
            name: _table(name, row, f"{file}: codes") for name, row in (replaced or {}).items()
        }

    def __getitem__(self, name: str) -> CodeTable:
        """One table, with the values of the table it is the same as; ``KeyError``."""
        found = self._replaced.get(name) or _tables(name[:1].lower()).get(name)
        if found is None:
            raise KeyError(name)
        if not found.same_as:
            return found
        same = self[found.same_as]
        return msgspec.structs.replace(found, closed=same.closed, values=same.values)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name in self._replaced or name in _tables(name[:1].lower())

    def names(self) -> tuple[str, ...]:
        """The names of all tables, sorted."""
        listed = {name for letter in names("codes") for name in _tables(letter)}
        return tuple(sorted(listed | set(self._replaced)))


@cache
def _tables(letter: str) -> dict[str, CodeTable]:
    if letter not in names("codes"):
        return {}
    file = f"codes/{letter}.toml"
    return {name: _table(name, row, file) for name, row in read(file).items()}


def _table(name: str, row: Table, file: str) -> CodeTable:
    try:
        table = msgspec.convert({"name": name, **row}, CodeTable)
    except (msgspec.ValidationError, TypeError) as error:
        raise CatalogueError(file, f"[{name}]", str(error)) from error
    if table.closed and not table.values and not table.same_as:
        raise CatalogueError(file, f"[{name}]", "a closed table needs values")
    return table
