"""The journal as the operators' verbs use it: opened, searched, closed."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from bus.clock import SystemClock, rfc3339
from bus.command_line import CommandError
from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.journal.open import open_journal
from bus.journal.port import FindBy, Journal
from bus.lifecycle.record import Record
from schemas.outcomes import outcome, outcome_codes

T = TypeVar("T")


class Desk(NamedTuple):
    """What a verb works with."""

    settings: Settings
    journal: Journal


@asynccontextmanager
async def opened(config: Path) -> AsyncIterator[Desk]:
    """The journal of the configuration file."""
    settings = load_settings(config, os.environ)
    journal = open_journal(settings.journal, SystemClock())
    await journal.open()
    try:
        yield Desk(settings, journal)
    finally:
        await journal.close()


def run_with(config: Path, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Run ``work`` with the journal."""

    async def main() -> T:
        async with opened(config) as desk:
            return await work(desk)

    return asyncio.run(main())


async def search(journal: Journal, term: str, tenant: str = "") -> list[Record]:
    """Records by key, msgid or mdtrt_id, whichever matches first."""
    for by in (
        FindBy(tenant=tenant, key=term),
        FindBy(tenant=tenant, msgid=term),
        FindBy(tenant=tenant, mdtrt_id=term),
    ):
        found = await journal.find(by)
        if found:
            return found
    return []


def none_found(term: str) -> CommandError:
    """Nothing under this term."""
    return CommandError(
        f"nothing in the journal under {term!r} (key, msgid or mdtrt_id)",
        f"账本中没有与 {term!r} 对应的请求（可用幂等键、报文ID或就诊ID）",
    )


def facts_of(record: Record) -> dict[str, object]:
    """A record for people and programs: no bodies, no identities."""
    entry = outcome(record.code) if record.code in outcome_codes() else None
    return {
        "tenant": record.tenant,
        "key": record.key,
        "infno": record.infno,
        "state": record.state,
        "step": record.step,
        "code": record.code,
        "money": entry.money if entry else "",
        "message": entry.zh if entry else "",
        "msgid": record.msgid,
        "reversal_msgid": record.reversal_msgid,
        "reversal": record.reversal,
        "mdtrt_id": record.mdtrt_id,
        "attempts": record.attempts,
        "looks": record.looks,
        "reversals": record.reversals,
        "fence": record.fence,
        "owner": record.owner,
        "created": time_or_empty(record.created_ms),
        "updated": time_or_empty(record.updated_ms),
        "next_at": time_or_empty(record.next_at_ms),
    }


def time_or_empty(at_ms: int) -> str:
    """RFC 3339, '' for 0."""
    return rfc3339(at_ms) if at_ms else ""
