"""How long the journal keeps what is final: the classes of ``retention.toml`` as cuts in time."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Protocol, runtime_checkable

from bus.clock import centre_day

DAY_MS = 86_400_000
REMEMBERED = "remembered"
"""The class of facts and sign-ins, which are no requests."""

DEFAULT: Mapping[str, int] = tomllib.loads(
    files("bus.journal").joinpath("retention.toml").read_text(encoding="utf-8")
)


@runtime_checkable
class Purger(Protocol):
    """The duty of an engine beside the port: it deletes at most some hundreds of rows a call."""

    async def purge(self, before_ms: Mapping[str, int]) -> int:
        """Delete final requests last changed before the cut of their class; the number."""
        ...

    async def purge_remembered(self, before_ms: int, day: str) -> int:
        """Delete facts and sign-ins older than the cut; the number."""
        ...


async def purge(journal: Purger, now_ms: int, days: Mapping[str, int] = DEFAULT) -> int:
    """Delete what is older than its class allows, in small commits so that nobody waits long; the
    number of things deleted. A class that is not named is kept for ever."""
    cuts = {name: now_ms - keep * DAY_MS for name, keep in days.items()}
    gone = 0
    remembered_ms = cuts.pop(REMEMBERED, None)
    if remembered_ms is not None:
        gone += await journal.purge_remembered(remembered_ms, centre_day(remembered_ms))
    while some := await journal.purge(cuts):
        gone += some
    return gone
