"""Schema changes as numbered files, in pairs: ``NNNN.before.sql`` and, where old shapes must go,
``NNNN.after.sql``.

Hospitals upgrade at lunch, one worker after the other. So a ``before`` only adds and is applied as
soon as a worker brings it; its ``after`` removes, and is applied only by a release that brings a
later ``before``: by then no worker of the old shape is left. A worker therefore always runs on its
own schema or the next one.
"""

from collections.abc import Collection
from importlib.resources.abc import Traversable

from bus.journal.port import JournalUnavailableError


def plan(names: list[str]) -> list[str]:
    """The files this release applies, in order: all, but not the ``after`` of the newest."""
    newest = max(names)[:4]
    return sorted(
        (name for name in names if not (name[:4] == newest and name.endswith(".after.sql"))),
        key=lambda name: (name[:4], name.endswith(".after.sql")),
    )


def missing(folder: Traversable, applied: Collection[str]) -> dict[str, str]:
    """Text by name of what is still to be applied, in order. ``JournalUnavailableError`` when the
    books are too new: a later ``before`` only added; a later ``after`` took away what this release
    needs."""
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".sql")]
    if any(name.endswith(".after.sql") and name not in names for name in applied):
        raise JournalUnavailableError("journal: the file was changed by a newer release")
    return {
        name: folder.joinpath(name).read_text(encoding="utf-8")
        for name in plan(names)
        if name not in applied
    }
