"""``yibao schema export --all DIR``: every document of one region's contract, in a folder.

::

    DIR/index.html                  the catalogue to look into, see ``producers.contracts.pages``
    DIR/contract.json               what a HIS relies on, for ``yibao schema compare``
    DIR/asyncapi.json               the whole bus, AsyncAPI 3.0
    DIR/schemas/2207.input.json     JSON Schema 2020-12, input and output of each transaction
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from producers.contracts import pages
from producers.contracts.asyncapi import document
from producers.contracts.structure import contract_of, requested
from schemas.catalogue import Catalogue

MARK = "contract.json"
"""A folder that holds it was written by us and may be written again."""
OWN = ("schemas/*.json", *pages.OWN)


class NotOurFolderError(Exception):
    """The folder has things in it that no export wrote."""


def write_all(catalogue: Catalogue, folder: Path) -> tuple[str, ...]:
    """Write everything; the names of the files, sorted. Files of an earlier export that are not
    written any more are removed. ``NotOurFolderError``, ``OSError``."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise NotOurFolderError(str(folder))
    written = []
    for name, text in files(catalogue):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        written.append(name)
    for old in (file for pattern in OWN for file in folder.glob(pattern)):
        if old.relative_to(folder).as_posix() not in written:
            old.unlink()
    return tuple(sorted(written))


def files(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Name and text of every file. The mark comes first: a write that breaks off can be redone."""
    yield MARK, _json(contract_of(catalogue))
    yield "asyncapi.json", _json(document(catalogue))
    yield from pages.files(catalogue)
    for one in requested(catalogue):
        for part in ("input", "output"):
            yield f"schemas/{one.infno}.{part}.json", _json(one.json_schema(part))


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode("utf-8") + "\n"
