"""The engines under the contract suite, what each can do, and records to feed them."""

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bus.gm import Keyring, Sealer
from bus.journal.memory import MemoryJournal
from bus.journal.port import FindBy, Fresh, Journal, Run
from bus.journal.sqlite import SqliteJournal
from bus.lifecycle.record import Record, State, Step, StoryLine

TENANT = "H53010200001"
OTHER = "H43010200002"
NOW = 1_764_000_000_000
"""2025-11-25 00:00:00 on the centre's clock."""
LEASE_MS = 30_000
KEYS = Keyring.from_text("k1 " + "5a" * 32)


class Engine(msgspec.Struct, frozen=True):
    """``make(folder)``: a journal on the folder's books, not opened. ``durable``: a second one made
    on the same folder sees what the first has kept."""

    name: str
    make: Callable[[Path], Journal]
    durable: bool


def make_sqlite(folder: Path) -> SqliteJournal:
    """A journal on the folder's file."""
    return SqliteJournal(str(folder / "journal.sqlite3"), Sealer(KEYS))


SQLITE = Engine("sqlite", make_sqlite, durable=True)
MEMORY = Engine("memory", lambda _: MemoryJournal(), durable=False)


def record(key: str = "", **changes: object) -> Record:
    """An open settlement on its way, unless changed."""
    plain = Record(
        tenant=TENANT,
        key=key or secrets.token_hex(8),
        infno="2207",
        effect="settle",
        recovery="reverse",
        digest="d" * 64,
        state=State.SENDING,
        step=Step.CALL,
        owner="worker-1",
        created_ms=NOW,
        updated_ms=NOW,
        next_at_ms=NOW + 1000,
        request=b'{"infno":"2207"}',
    )
    return msgspec.structs.replace(plain, **changes)


def run(**changes: object) -> Run:
    """A run that waits for its time, which has come."""
    plain = Run(tenant=TENANT, schedule="evening", due_ms=NOW, job="sign_out", at_ms=NOW)
    return msgspec.structs.replace(plain, **changes)


def done(begun: Record, **changes: object) -> Record:
    """The record in its final state."""
    final = msgspec.structs.replace(
        begun,
        state=State.SUCCEEDED,
        step=Step.NONE,
        next_at_ms=0,
        code="accepted",
        reply=b'{"status":"succeeded"}',
    )
    return msgspec.structs.replace(final, **changes)


def line(what: str = "received", **changes: object) -> StoryLine:
    """A line of a story."""
    return msgspec.structs.replace(
        StoryLine(at_ms=NOW, fence=1, what=what, owner="worker-1"), **changes
    )


async def begun(journal: Journal, one: Record, now_ms: int = NOW) -> Record:
    """Begin a record that must be new."""
    result = await journal.begin(one, now_ms, line())
    assert isinstance(result, Fresh)
    return result.record


async def stored(journal: Journal, tenant: str, key: str) -> Record | None:
    """The record as the journal has it."""
    found = await journal.find(FindBy(tenant=tenant, key=key))
    return found[0] if found else None


async def until(true: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait for something that happens beside this task."""
    give_up = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.01)
