"""Group commit on both lasting engines: what waits together, and a unit that fails alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bus.gm import Sealer
from bus.journal.port import FindBy, Fresh, Lease
from bus.journal.postgres import PostgresJournal
from bus.journal.sqlite import SqliteJournal
from tests.journal.journal_databases import address_in, plain_connection
from tests.journal.journal_engines import (
    KEYS,
    NOW,
    TENANT,
    Engine,
    begun,
    line,
    record,
    stored,
    until,
)

Both = SqliteJournal | PostgresJournal


@pytest.fixture
async def both(lasting: Engine, tmp_path: Path) -> AsyncIterator[Both]:
    journal = lasting.make(tmp_path)
    assert isinstance(journal, Both)
    await journal.open()
    yield journal
    await journal.close()


async def test_what_waits_together_is_committed_together(both: Both) -> None:
    await asyncio.gather(*(begun(both, record()) for _ in range(400)))
    assert both.counts.units == 400
    assert both.counts.commits < 200


async def test_what_is_told_does_not_cost_a_commit_of_its_own(both: Both) -> None:
    one = await begun(both, record("k"))
    for _ in range(20):
        await both.told(TENANT, "k", "succeeded")
    await both.advance(one, line())
    assert both.counts.commits <= 3
    await both.check()
    kept = await stored(both, TENANT, "k")
    assert kept is not None
    assert kept.told == "succeeded"


async def test_what_is_told_is_kept_soon_even_when_nothing_follows(
    both: Both,
) -> None:
    await begun(both, record("k"))
    await both.told(TENANT, "k", "succeeded")
    await until(lambda: both.counts.commits == 2)
    kept = await stored(both, TENANT, "k")
    assert kept is not None
    assert kept.told == "succeeded"


@pytest.mark.parametrize(
    ("poison", "error"),
    [
        (lambda journal: journal.begin(record("bad"), NOW, line(detail="\ud800")), ValueError),
        (lambda journal: journal.begin(record("bad"), NOW, line(at_ms=1 << 70)), Exception),
        (
            lambda journal: journal.begin(record("bad", created_ms=1 << 70), NOW, line()),
            OverflowError,
        ),
        (lambda journal: journal.allot("\ud800", NOW, 1), ValueError),
    ],
    ids=["story text", "story time", "record time", "tenant"],
)
async def test_a_unit_that_fails_by_itself_does_not_fail_its_group(
    both: Both,
    poison: Callable[[Both], object],
    error: type[Exception],
) -> None:
    ones = [both.begin(record(f"k{n}"), NOW, line()) for n in range(40)]
    bad = poison(both)
    results = await asyncio.gather(
        *ones[:20],
        bad,
        *ones[20:],
        return_exceptions=True,  # type: ignore[call-overload]
    )
    assert isinstance(results.pop(20), error)
    assert all(isinstance(one, Fresh) for one in results)
    assert len({one.record.msgid for one in results}) == 40
    assert await stored(both, TENANT, "bad") is None
    assert len(await both.find(FindBy())) == 40
    for number in range(40):
        assert len(await both.story(TENANT, f"k{number}")) == 1


async def test_a_caller_who_gives_up_does_not_disturb_the_others(both: Both) -> None:
    tasks = [asyncio.create_task(begun(both, record(f"k{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    tasks[7].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in results) == 1
    await both.check()
    assert len(await both.find(FindBy())) == 20


async def test_a_closed_journal_leaves_no_connection_behind(
    postgres: PostgresJournal, tmp_path: Path
) -> None:
    await begun(postgres, record())
    await asyncio.gather(*(postgres.find(FindBy()) for _ in range(20)))
    mine = "SELECT count(*) FROM pg_stat_activity WHERE usename = USER"
    with plain_connection(tmp_path) as db:
        assert db.execute(mine).fetchone() == (1 + 4,)
        await postgres.close()
        await until(lambda: db.execute(mine).fetchone() == (1,))


async def test_a_group_is_bounded(postgres: PostgresJournal, tmp_path: Path) -> None:
    journal = PostgresJournal(address_in(tmp_path), Sealer(KEYS), group_rows_max=10)
    await journal.open()
    await asyncio.gather(*(begun(journal, record()) for _ in range(100)))
    assert journal.counts.commits >= 10
    await journal.close()


async def test_late_answers_that_come_together_are_all_in_the_story(both: Both) -> None:
    one = await begun(both, record("k"))
    lines = [line(f"step{number}") for number in range(20)]
    assert all(await asyncio.gather(*(both.advance(one, said) for said in lines)))
    lease = Lease(owner="w2", now_ms=NOW + 5000, lease_ms=1000)
    assert len(await both.take_due(lease, 1)) == 1
    assert not any(await asyncio.gather(*(both.advance(one, said) for said in lines)))
    told = [said.what for said in await both.story(TENANT, "k")]
    assert told[1:21] == [said.what for said in lines]
    assert told[22:] == ["late_" + said.what for said in lines]
