"""The contract of outbox, message numbers, sessions, facts and of the journal as a whole."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from bus.journal.memory import MemoryJournal
from bus.journal.port import (
    Fact,
    FactChange,
    FindBy,
    Journal,
    JournalUnavailableError,
    Lease,
    Numbers,
    Session,
)
from bus.journal.postgres import PostgresJournal
from bus.journal.sqlite import SqliteJournal
from bus.lifecycle.record import State
from tests.journal.journal_engines import (
    NOW,
    OTHER,
    TENANT,
    Engine,
    begun,
    done,
    line,
    record,
    stored,
)

SECOND = "20251125000000"
SIGNING = Session(
    tenant=TENANT, opter="op1", day="2025-11-25", owner="w1", until_ms=NOW + 1000, at_ms=NOW
)


def fact(item: str, **changes: str) -> Fact:
    return replace(Fact(tenant=TENANT, kind="fee", subject="v1", item=item, at_ms=NOW), **changes)


def put(*facts: Fact) -> tuple[FactChange, ...]:
    return tuple(FactChange(op="put", fact=one) for one in facts)


async def test_events_are_owed_oldest_first_until_they_are_sent(journal: Journal) -> None:
    ones = [await begun(journal, record(key)) for key in ("a", "b", "c")]
    for one in reversed(ones):
        assert await journal.advance(done(one, event_due=True), line())
    assert [one.key for one in await journal.events_due(10)] == ["a", "b", "c"]
    assert [one.key for one in await journal.events_due(2)] == ["a", "b"]
    await journal.event_sent(TENANT, "a", "succeeded")
    await journal.event_sent(TENANT, "b", "held")  # it has moved on: another event is owed
    await journal.event_sent(TENANT, "nobody", "succeeded")
    assert [one.key for one in await journal.events_due(10)] == ["b", "c"]
    kept = await stored(journal, TENANT, "a")
    assert kept == done(ones[0], event_due=False)


async def test_what_was_told_is_noted_and_survives_a_writer_who_does_not_know(
    journal: Journal,
) -> None:
    one = await begun(journal, record("k"))
    await journal.told(TENANT, "k", "in_doubt")
    await journal.told(TENANT, "nobody", "in_doubt")
    assert await journal.advance(done(one), line())
    kept = await stored(journal, TENANT, "k")
    assert kept is not None
    assert kept.told == "in_doubt"
    assert await journal.advance(done(one, told="succeeded"), line())
    kept = await stored(journal, TENANT, "k")
    assert kept is not None
    assert kept.told == "succeeded"


async def test_numbers_of_a_second_are_given_once_and_spill_into_the_next(
    journal: Journal,
) -> None:
    assert await journal.allot(TENANT, NOW, 9_998) == Numbers(SECOND, 0, 9_998)
    assert await journal.allot(TENANT, NOW + 999, 5) == Numbers(SECOND, 9_998, 2)
    assert await journal.allot(TENANT, NOW, 5) == Numbers("20251125000001", 0, 5)
    assert await journal.allot(TENANT, NOW + 2000, 1) == Numbers("20251125000002", 0, 1)


async def test_the_second_never_goes_back_with_the_clock(journal: Journal) -> None:
    assert await journal.allot(TENANT, NOW, 3) == Numbers(SECOND, 0, 3)
    assert await journal.allot(TENANT, NOW - 86_400_000, 3) == Numbers(SECOND, 3, 3)


@pytest.mark.parametrize(("asked", "given"), [(-1, 1), (0, 1), (1, 1), (10_001, 10_000)])
async def test_a_block_is_never_empty_and_never_over_a_second(
    journal: Journal, asked: int, given: int
) -> None:
    assert (await journal.allot(TENANT, NOW, asked)).count == given


async def test_tenants_that_share_what_a_msgid_shows_share_the_numbers(journal: Journal) -> None:
    assert (await journal.allot(TENANT + "A", NOW, 1)).first == 0
    assert (await journal.allot(TENANT + "B", NOW, 1)).first == 1
    assert (await journal.allot(OTHER, NOW, 1)).first == 0


async def test_no_number_is_given_twice_however_many_ask_at_once(journal: Journal) -> None:
    async def beginning() -> set[str]:
        one = await begun(journal, record())
        return {one.msgid}

    async def block() -> set[str]:
        got = await journal.allot(TENANT, NOW, 70)
        return {f"{TENANT}{got.second}{got.first + n:04d}" for n in range(got.count)}

    drawn = await asyncio.gather(*(ask() for _ in range(200) for ask in (beginning, block)))
    assert len(set().union(*drawn)) == sum(len(one) for one in drawn)
    assert len(drawn) == 400


async def test_a_sign_in_is_claimed_by_one_until_its_lease_runs_out(journal: Journal) -> None:
    assert await journal.session(TENANT, "op1", "2025-11-25") is None
    assert await journal.claim_sign_in(SIGNING, NOW) == SIGNING
    other = replace(SIGNING, owner="w2", until_ms=NOW + 2000)
    assert await journal.claim_sign_in(other, NOW + 999) == SIGNING
    assert await journal.claim_sign_in(other, NOW + 999, replace=True) == SIGNING
    assert await journal.claim_sign_in(other, NOW + 1000) == other
    assert await journal.session(TENANT, "op1", "2025-11-25") == other


async def test_an_open_session_is_kept_unless_it_is_to_be_replaced(journal: Journal) -> None:
    opened = replace(SIGNING, state="open", sign_no="S1", until_ms=0)
    await journal.put_session(opened)
    other = replace(SIGNING, owner="w2")
    assert await journal.claim_sign_in(other, NOW + 9999) == opened
    assert await journal.claim_sign_in(other, NOW + 9999, replace=True) == other


async def test_a_session_signed_out_stays_so_for_the_day(journal: Journal) -> None:
    out = replace(SIGNING, state="out", sign_no="S1", until_ms=0)
    await journal.put_session(out)
    assert await journal.claim_sign_in(SIGNING, NOW + 9999) == out
    assert await journal.claim_sign_in(SIGNING, NOW + 9999, replace=True) == out
    tomorrow = replace(SIGNING, day="2025-11-26")
    assert await journal.claim_sign_in(tomorrow, NOW) == tomorrow


async def test_of_many_who_want_to_sign_in_one_may(journal: Journal) -> None:
    claims = await asyncio.gather(
        *(journal.claim_sign_in(replace(SIGNING, owner=f"w{n}"), NOW) for n in range(50))
    )
    assert len({one.owner for one in claims}) == 1


async def test_open_sessions_of_any_day_are_listed(journal: Journal) -> None:
    assert await journal.open_sessions() == []
    opened = [
        replace(SIGNING, state="open", day="2025-11-24"),
        replace(SIGNING, state="open", opter="op2"),
        replace(SIGNING, state="open", tenant=OTHER),
    ]
    for one in (*opened, SIGNING, replace(SIGNING, state="out", opter="op3")):
        await journal.put_session(one)
    assert set(await journal.open_sessions()) == set(opened)
    assert await journal.open_sessions(OTHER) == [opened[2]]


async def test_a_fact_is_unique_by_tenant_kind_subject_and_item(journal: Journal) -> None:
    kept = (fact("1"), fact("2"), fact("1", subject="v2"), fact("1", kind="1192"))
    await journal.remember(put(*kept, fact("1", tenant=OTHER)))
    await journal.remember(put(fact("1", value="new", mark="m", batch="b")))
    assert await journal.recall(TENANT, "fee", "v1") == [
        fact("1", value="new", mark="m", batch="b"),
        fact("2"),
    ]
    assert await journal.recall(TENANT, "1192", "v1") == [fact("1", kind="1192")]
    assert await journal.recall(TENANT, "fee", "nobody") == []


FACTS = (
    fact("1", batch="a", mark="new"),
    fact("2", batch="a", mark="settled"),
    fact("3", batch="b", mark="new"),
)
MEANT = [
    ("", "", None, "123"),
    ("2", "", None, "2"),
    ("", "a", None, "12"),
    ("", "", "new", "13"),
    ("", "a", "new", "1"),
    ("2", "a", "new", ""),
    ("", "c", None, ""),
    ("", "", "", ""),
]


@pytest.mark.parametrize(("item", "batch", "where_mark", "meant"), MEANT)
async def test_a_drop_means_the_facts_that_match_its_terms(
    journal: Journal, item: str, batch: str, where_mark: str | None, meant: str
) -> None:
    other = fact("1", subject="v2", batch="a", mark="new")
    await journal.remember(put(*FACTS, other))
    change = FactChange(op="drop", fact=fact(item, batch=batch), where_mark=where_mark)
    await journal.remember((change,))
    left = await journal.recall(TENANT, "fee", "v1")
    assert left == [one for one in FACTS if one.item not in meant]
    assert await journal.recall(TENANT, "fee", "v2") == [other]


@pytest.mark.parametrize(("item", "batch", "where_mark", "meant"), MEANT)
async def test_a_mark_is_set_on_the_facts_that_match_its_terms(
    journal: Journal, item: str, batch: str, where_mark: str | None, meant: str
) -> None:
    await journal.remember(put(*FACTS))
    change = FactChange(op="mark", fact=fact(item, batch=batch, mark="x"), where_mark=where_mark)
    await journal.remember((change,))
    marked = [one.item for one in await journal.recall(TENANT, "fee", "v1") if one.mark == "x"]
    assert marked == list(meant)


async def test_changes_are_applied_in_their_order_and_all_or_none(journal: Journal) -> None:
    drop_all = FactChange(op="drop", fact=fact(""))
    await journal.remember((*put(fact("1")), drop_all, *put(fact("2"))))
    assert await journal.recall(TENANT, "fee", "v1") == [fact("2")]
    with pytest.raises(ValueError, match="put"):
        await journal.remember((drop_all, FactChange(op="burn", fact=fact("2"))))
    assert await journal.recall(TENANT, "fee", "v1") == [fact("2")]


async def test_a_purge_takes_old_final_records_of_its_class_and_nothing_else(
    engine: Engine, tmp_path: Path
) -> None:
    journal = engine.make(tmp_path)
    assert isinstance(journal, SqliteJournal | MemoryJournal | PostgresJournal)
    await journal.open()
    kinds: dict[str, dict[str, object]] = {
        "old": {},
        "young": {"updated_ms": NOW},
        "owed": {"event_due": True},
        "open": {"state": State.HELD},
        "other class": {"effect": "write"},
    }
    old = {"state": State.SUCCEEDED, "updated_ms": NOW - 1, "next_at_ms": 0, "reply": b"r"}
    for key, changes in kinds.items():
        await begun(journal, record(key, **(old | changes)))
    for _ in range(3):
        await begun(journal, record(state=State.REJECTED, updated_ms=NOW - 2))
    assert await journal.purge({"settle": NOW}, limit=2) == 2
    assert await journal.purge({"settle": NOW}) == 2
    assert await journal.purge({"settle": NOW, "query": NOW}) == 0
    left = {one.key for one in await journal.find(FindBy())}
    assert left == {"young", "owed", "open", "other class"}
    assert await journal.story(TENANT, "old") == []
    assert await journal.story(TENANT, "open") == [line()]
    await begun(journal, record("old"))
    await journal.close()


async def test_a_purge_of_what_is_remembered_goes_by_age(engine: Engine, tmp_path: Path) -> None:
    journal = engine.make(tmp_path)
    assert isinstance(journal, SqliteJournal | MemoryJournal | PostgresJournal)
    await journal.open()
    await journal.remember(put(fact("1"), replace(fact("2"), at_ms=NOW + 1)))
    await journal.put_session(SIGNING)
    await journal.put_session(replace(SIGNING, day="2025-11-26"))
    assert await journal.purge_remembered(NOW + 1, "2025-11-26") == 2
    assert [one.item for one in await journal.recall(TENANT, "fee", "v1")] == ["2"]
    assert await journal.session(TENANT, "op1", "2025-11-25") is None
    await journal.close()


async def test_a_journal_that_is_not_open_is_unavailable_in_every_duty(
    engine: Engine, tmp_path: Path
) -> None:
    journal = engine.make(tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    await journal.close()
    for refused in (
        journal.begin(record(), NOW, line()),
        journal.advance(done(one), line()),
        journal.take_due(Lease(owner="w", now_ms=NOW + 9999, lease_ms=1), 1),
        journal.find(FindBy()),
        journal.story(TENANT, "k"),
        journal.events_due(1),
        journal.event_sent(TENANT, "k", "succeeded"),
        journal.allot(TENANT, NOW, 1),
        journal.session(TENANT, "op1", "2025-11-25"),
        journal.open_sessions(),
        journal.claim_sign_in(SIGNING, NOW),
        journal.put_session(SIGNING),
        journal.remember(put(fact("1"))),
        journal.recall(TENANT, "fee", "v1"),
        journal.check(),
    ):
        with pytest.raises(JournalUnavailableError, match="closed"):
            await refused
    await journal.told(TENANT, "k", "succeeded")
    await journal.open()
    assert await stored(journal, TENANT, "k") == one
    await journal.close()


async def test_closing_keeps_what_was_handed_over(engine: Engine, tmp_path: Path) -> None:
    journal = engine.make(tmp_path)
    await journal.open()
    one = await begun(journal, record("k"))
    waiting = asyncio.gather(*(journal.begin(record(f"k{n}"), NOW, line()) for n in range(50)))
    await asyncio.sleep(0)
    await journal.told(TENANT, "k", "succeeded")
    await journal.close()
    await waiting
    await journal.close()
    await journal.open()
    assert len(await journal.find(FindBy())) == 51
    assert await stored(journal, TENANT, "k") == replace(one, told="succeeded")
    await journal.close()


async def test_a_durable_engine_gives_everything_back_after_a_new_start(
    engine: Engine, tmp_path: Path
) -> None:
    first = engine.make(tmp_path)
    await first.open()
    await first.check()
    one = await begun(first, record("k", visit="v"))
    await first.remember(put(fact("1")))
    await first.put_session(SIGNING)
    await first.close()
    second = engine.make(tmp_path) if engine.durable else first
    await second.open()
    assert await stored(second, TENANT, "k") == one
    assert await second.story(TENANT, "k") == [line()]
    assert await second.recall(TENANT, "fee", "v1") == [fact("1")]
    assert await second.session(TENANT, "op1", "2025-11-25") == SIGNING
    assert (await begun(second, record())).msgid.endswith("0001")
    await second.close()


async def test_the_memory_journal_fails_as_often_as_it_is_told() -> None:
    journal = MemoryJournal()
    await journal.open()
    journal.fail_writes, journal.fail_reads = 1, 1
    with pytest.raises(JournalUnavailableError):
        await journal.begin(record("k"), NOW, line())
    with pytest.raises(JournalUnavailableError):
        await journal.find(FindBy())
    assert await journal.find(FindBy()) == []
    await begun(journal, record("k"))
