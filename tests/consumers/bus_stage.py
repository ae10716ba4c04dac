"""A stage for tests, and what stands on it: HIS programs, patients, and the three books."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from bus.clock import SystemClock
from bus.config.load import load_settings
from bus.journal.open import open_journal
from bus.journal.port import FindBy, Journal
from bus.lifecycle.record import Record, StoryLine
from compose.demo.program import Program, hospital, newcomer, program
from compose.demo.stage import HOSPITALS, Stage, Timing, measured
from compose.node import PrivateNode
from producers.client import HisClient
from producers.wire import Answer

__all__ = [
    "Program",
    "hospital",
    "measured",
    "newcomer",
    "program",
]  # found here by every room of tests

TENANTS = tuple(HOSPITALS)
FIRST, SECOND, PHARMACY = TENANTS
QUICK = Timing(money_s=1.5, call_s=3.0, centre_s=1.0, patience_s=25.0, sweep_s=0.2)
"""Short waits of the centre, so that what the bus has to wait for is over in seconds."""
POLL_S, POLL_MAX_S = 0.05, 30.0

_numbers = itertools.count(1)


class BusStage(Stage):
    """A stage whose gateway may have ``extra`` settings (TOML that follows the file)."""

    def __init__(
        self, base: Path, node: PrivateNode, timing: Timing = QUICK, extra: str = ""
    ) -> None:
        super().__init__(base, node=node, vhost=f"bus-{next(_numbers)}", timing=timing)
        self.extra = extra

    def config_text(self, secret: Path, keys: Path) -> str:
        """The stage's file with what this test adds."""
        return super().config_text(secret, keys) + self.extra


async def final(client: HisClient, answer: Answer) -> Answer:
    """The outcome that follows an ``in_doubt``."""
    return answer if answer.status.is_final else await client.final(answer.key, timeout_s=40.0)


# -- the books -----------------------------------------------------------------------------------


@asynccontextmanager
async def journal_of(stage: Stage) -> AsyncIterator[Journal]:
    """The journal of the stage's workers, opened by a process of its own: this one."""
    journal = open_journal(load_settings(stage.config, {}).journal, SystemClock())
    await journal.open()
    try:
        yield journal
    finally:
        await journal.close()


class Books(msgspec.Struct, frozen=True):
    """One request in all books: the journal's record and story, the centre's judgement of its
    msgid and the calls it had with that msgid."""

    record: Record
    story: tuple[StoryLine, ...]
    centre: dict[str, Any]
    calls: tuple[dict[str, Any], ...]

    @property
    def outcome(self) -> Record:
        """The record without the notes on what of it has reached the HIS so far."""
        return msgspec.structs.replace(self.record, told="", event_due=False)

    @property
    def steps(self) -> tuple[str, ...]:
        """The events of the story."""
        return tuple(line.what for line in self.story)


async def books_of(stage: Stage, key: str, tenant: str = FIRST) -> Books:
    """Open every book at the request of ``key``."""
    async with journal_of(stage) as journal:
        (record,) = await journal.find(FindBy(tenant=tenant, key=key))
        story = tuple(await journal.story(tenant, key))
    centre, calls = {}, ()
    if record.msgid:
        centre = await admin(stage, f"/books/judgement?msgid={record.msgid}")
        calls = tuple(await admin(stage, f"/books/calls?msgid={record.msgid}"))
    return Books(record, story, centre, calls)


async def admin(stage: Stage, path: str, body: Any = None, method: str = "") -> Any:
    """The centre's admin address, without holding up the programs of this process."""
    return await asyncio.to_thread(stage.admin, path, body, method)


async def calls_of(stage: Stage, infno: str, tenant: str = "") -> list[dict[str, Any]]:
    """The centre's log of one transaction."""
    found = await admin(stage, f"/books/calls?infno={infno}&tenant={tenant}")
    return list(found)


def agree(told: Answer, books: Books) -> None:
    """What the HIS was told, the journal and the centre's books say the same of one request."""
    assert told.status.is_final
    assert str(books.record.state) == str(told.status)
    assert books.record.code == told.code
    assert books.record.msgid == told.msgid
    assert books.centre.get("live", False) == (told.status == "succeeded")
    assert books.centre.get("times_committed", 0) <= 1
    assert len([call for call in books.calls if call["infno"] == books.record.infno]) <= 1


def live_settlements(stage: Stage, mdtrt_id: str) -> int:
    """Settlements of a visit that are in effect."""
    return sum(
        bool(row["live"]) and not row["counter_of"]
        for row in stage.admin(f"/books/settlements?mdtrt_id={mdtrt_id}")
    )


# -- waiting and measuring -----------------------------------------------------------------------


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    """The first true value of ``holds``; ``TimeoutError`` when there is none in time."""
    async with asyncio.timeout(POLL_MAX_S):
        while not (value := await holds()):  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(POLL_S)
    return value


async def seen(stage: Stage, infno: str, before: int, tenant: str = FIRST) -> dict[str, Any]:
    """The call of ``infno`` that reaches the centre after the first ``before``."""

    async def more() -> list[dict[str, Any]]:
        return (await calls_of(stage, infno, tenant))[before:]

    found: list[dict[str, Any]] = await until(more)
    return found[0]
