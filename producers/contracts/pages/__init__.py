"""The browsable catalogue: static pages that work from a disk, without network and without scripts.

::

    index.html                 all transactions, and the search
    transactions/2207.html     one transaction: fields, codes, limits, recovery, examples
    codes.html                 every code table the messages use
    bus.html                   the frame: how to ask, every status and code
    assets/                    the style, the script, and the index of the search
"""

from collections.abc import Iterator
from importlib import resources

from producers.contracts.pages import bus, codes, index, search, transaction
from schemas.catalogue import Catalogue

OWN = ("transactions/*.html",)
"""Files of which an earlier export may have left more than there are now."""


def files(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Name and text of every page and asset."""
    every = [catalogue[infno] for infno in catalogue.infnos()]
    yield "index.html", index.page(catalogue, every)
    yield "codes.html", codes.page(catalogue, every)
    yield "bus.html", bus.page(catalogue)
    for number, one in enumerate(every):
        beside = every[number - 1] if number else None, *every[number + 1 : number + 2]
        yield f"transactions/{one.infno}.html", transaction.page(catalogue, one, beside)
    yield "assets/search-index.js", search.script(every)
    folder = resources.files("producers.contracts.pages")
    for name in ("catalogue.css", "catalogue.js"):
        yield f"assets/{name}", folder.joinpath(name).read_text("utf-8")
