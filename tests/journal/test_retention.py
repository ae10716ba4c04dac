"""What is final leaves the journal when its class has had its time."""

from pathlib import Path

from msgspec.structs import replace

from bus.journal.memory import MemoryJournal
from bus.journal.port import Fact, FactChange, FindBy
from bus.journal.postgres import PostgresJournal
from bus.journal.retention import DAY_MS, DEFAULT, purge
from bus.journal.sqlite import SqliteJournal
from bus.lifecycle.record import State
from tests.journal.journal_engines import NOW, TENANT, Engine, begun, record


async def test_each_class_is_kept_for_its_days(lasting: Engine, tmp_path: Path) -> None:
    journal = lasting.make(tmp_path)
    assert isinstance(journal, SqliteJournal | PostgresJournal)
    await journal.open()
    final = record(state=State.SUCCEEDED, next_at_ms=0)
    for effect, days in (("session", 89), ("session", 91), ("settle", 91), ("settle", 3651)):
        old = replace(final, key=f"{effect}-{days}", effect=effect, updated_ms=NOW - days * DAY_MS)
        await begun(journal, old)
    assert await purge(journal, NOW) == 2
    assert {one.key for one in await journal.find(FindBy())} == {"session-89", "settle-91"}
    assert await purge(journal, NOW) == 0
    await journal.close()


async def test_a_class_nobody_named_is_kept() -> None:
    journal = MemoryJournal()
    await journal.open()
    await begun(journal, record(state=State.SUCCEEDED, next_at_ms=0, effect="new", updated_ms=1))
    fact = Fact(tenant=TENANT, kind="fee", subject="v", item="1", at_ms=1)
    await journal.remember((FactChange(op="put", fact=fact),))
    assert await purge(journal, NOW, {}) == 0
    assert await purge(journal, NOW) == 1
    assert await journal.recall(TENANT, "fee", "v") == []
    assert len(await journal.find(FindBy())) == 1


def test_money_is_kept_longest() -> None:
    longest = max(DEFAULT.values())
    assert {name for name, days in DEFAULT.items() if days == longest} == {
        "settle",
        "cancel",
        "reverse",
    }
