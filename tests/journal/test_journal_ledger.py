"""The contract of the book of requests, sentence by sentence, on every engine."""

import asyncio

import pytest
from msgspec.structs import replace

from bus.journal.port import (
    Claimed,
    ClaimTakenError,
    Fact,
    FactChange,
    FindBy,
    Fresh,
    Journal,
    Known,
    Lease,
)
from bus.lifecycle.record import FINAL, OPEN, Record, State, Step
from tests.journal.journal_engines import (
    LEASE_MS,
    NOW,
    OTHER,
    TENANT,
    begun,
    done,
    line,
    record,
    stored,
)

FACT = Fact(tenant=TENANT, kind="fee", subject="visit-1", item="row-1", value="10.00")
PUT = FactChange(op="put", fact=FACT)


def lease(now_ms: int = NOW + 5000, tenant: str = "", owner: str = "worker-2") -> Lease:
    return Lease(owner=owner, now_ms=now_ms, lease_ms=LEASE_MS, tenant=tenant)


async def test_a_new_record_is_kept_with_every_field(journal: Journal) -> None:
    samples = {str: "值", int: 7, bool: True, bytes: b"\0body\xff"}
    fields = {
        name: samples[kind] for name, kind in Record.__annotations__.items() if kind in samples
    }
    every = replace(record(), **fields, state=State.HELD, step=Step.PERSON)
    assert await journal.begin(every, NOW, line()) == Fresh(every)
    assert await stored(journal, every.tenant, every.key) == every


async def test_a_record_being_sent_gets_the_next_number_of_its_second(journal: Journal) -> None:
    first = await begun(journal, record())
    second = await begun(journal, record())
    assert first.msgid == f"{TENANT}202511250000000000"
    assert second.msgid == f"{TENANT}202511250000000001"
    assert await stored(journal, TENANT, second.key) == second


@pytest.mark.parametrize("state", sorted(set(State) - {State.SENDING}))
async def test_a_record_not_being_sent_gets_no_number(journal: Journal, state: State) -> None:
    assert (await begun(journal, record(state=state))).msgid == ""


async def test_a_number_that_is_there_is_kept(journal: Journal) -> None:
    assert (await begun(journal, record(msgid="given"))).msgid == "given"


async def test_a_known_key_gives_the_stored_record_and_changes_nothing(journal: Journal) -> None:
    first = await begun(journal, record("k"))
    again = await journal.begin(record("k", digest="other", request=b"x"), NOW, line("again"))
    assert again == Known(first)
    assert await stored(journal, TENANT, "k") == first
    assert [one.what for one in await journal.story(TENANT, "k")] == ["received"]


async def test_a_record_that_is_not_new_draws_no_number(journal: Journal) -> None:
    await begun(journal, record("k", visit="v"))
    for now_ms in (NOW, NOW + 60_000):
        await journal.begin(record("k"), now_ms, line())
        await journal.begin(record(visit="v"), now_ms, line())
    assert (await begun(journal, record())).msgid.endswith("000000" + "0001")


async def test_the_same_key_of_another_tenant_is_another_request(journal: Journal) -> None:
    await begun(journal, record("k"))
    await begun(journal, record("k", tenant=OTHER))
    assert len(await journal.find(FindBy(key="k"))) == 2


async def test_a_claimed_visit_names_the_holder_and_changes_nothing(journal: Journal) -> None:
    await begun(journal, record("holder", visit="v"))
    assert await journal.begin(record("late", visit="v"), NOW, line()) == Claimed("holder")
    assert await stored(journal, TENANT, "late") is None
    assert await journal.story(TENANT, "late") == []


async def test_a_known_key_is_known_even_when_its_visit_is_claimed(journal: Journal) -> None:
    first = await begun(journal, record("holder", visit="v"))
    assert await journal.begin(record("holder", visit="v"), NOW, line()) == Known(first)
    final = await begun(journal, record("said", state=State.BUSY, visit="v", next_at_ms=0))
    assert await journal.begin(record("said", visit="v"), NOW, line()) == Known(final)


async def test_a_visit_is_claimed_per_tenant_and_only_where_there_is_one(journal: Journal) -> None:
    await begun(journal, record(visit="v"))
    await begun(journal, record(visit="v", tenant=OTHER))
    await begun(journal, record(visit=""))
    await begun(journal, record(visit=""))


@pytest.mark.parametrize("state", sorted(FINAL))
async def test_a_record_begun_in_a_final_state_claims_nothing(
    journal: Journal, state: State
) -> None:
    await begun(journal, record(visit="v", state=state, next_at_ms=0))
    await begun(journal, record(visit="v"))
    await begun(journal, record(visit="v", state=state, next_at_ms=0))


@pytest.mark.parametrize("state", sorted(OPEN))
async def test_an_open_record_holds_its_visit_until_it_is_final(
    journal: Journal, state: State
) -> None:
    one = await begun(journal, record("holder", visit="v"))
    assert await journal.advance(replace(one, state=state), line())
    assert await journal.begin(record(visit="v"), NOW, line()) == Claimed("holder")
    assert await journal.advance(done(one), line())
    await begun(journal, record(visit="v"))


async def test_a_final_record_cannot_take_back_a_visit_that_another_holds(
    journal: Journal,
) -> None:
    one = await begun(journal, record(visit="v"))
    final = done(one)
    assert await journal.advance(final, line("answered"))
    await begun(journal, record("next", visit="v"))
    with pytest.raises(ClaimTakenError):
        await journal.advance(replace(final, state=State.HELD), line("reopened"), (PUT,))
    assert await stored(journal, TENANT, one.key) == final
    assert [said.what for said in await journal.story(TENANT, one.key)] == ["received", "answered"]
    assert await journal.recall(TENANT, "fee", "visit-1") == []


async def test_hundreds_of_beginnings_of_one_key_give_exactly_one_fresh(journal: Journal) -> None:
    results = await asyncio.gather(
        *(journal.begin(record("k", owner=f"w{n}"), NOW, line()) for n in range(300))
    )
    fresh = [one for one in results if isinstance(one, Fresh)]
    assert len(fresh) == 1
    assert {one.record for one in results if isinstance(one, Known)} == {fresh[0].record}
    assert len(await journal.story(TENANT, "k")) == 1


async def test_hundreds_of_claims_of_one_visit_give_exactly_one_holder(journal: Journal) -> None:
    results = await asyncio.gather(
        *(journal.begin(record(f"k{n}", visit="v"), NOW, line()) for n in range(300))
    )
    holders = {one.record.key for one in results if isinstance(one, Fresh)}
    assert len(holders) == 1
    assert {one.key for one in results if isinstance(one, Claimed)} == holders


async def test_an_advance_replaces_the_record_and_adds_its_line(journal: Journal) -> None:
    one = await begun(journal, record("k"))
    doubtful = replace(
        one,
        state=State.DOUBTFUL,
        step=Step.LOOK,
        msgid="m2",
        reversal_msgid="r1",
        mdtrt_id="visit-9",
        subject="s" * 64,
        attempts=2,
        doubted=True,
        next_at_ms=NOW + 9000,
    )
    assert await journal.advance(doubtful, line("unclear", detail="no answer")) is True
    assert await stored(journal, TENANT, "k") == doubtful
    final = done(doubtful, event_due=True)
    assert await journal.advance(final, line("look"))
    assert await stored(journal, TENANT, "k") == final
    story = await journal.story(TENANT, "k")
    assert [said.what for said in story] == ["received", "unclear", "look"]
    assert story[1] == line("unclear", detail="no answer")


async def test_an_advance_leaves_who_the_record_is(journal: Journal) -> None:
    one = await begun(journal, record("k"))
    other = replace(
        one, infno="x", effect="x", recovery="x", digest="x", created_ms=1, request=b"x"
    )
    assert await journal.advance(other, line())
    assert await stored(journal, TENANT, "k") == one


async def test_a_reply_can_be_replaced_and_taken_away(journal: Journal) -> None:
    one = await begun(journal, record("k"))
    for reply in (b"first", b"second", b""):
        assert await journal.advance(replace(one, reply=reply), line())
        kept = await stored(journal, TENANT, "k")
        assert kept is not None
        assert kept.reply == reply


async def test_a_late_answer_under_an_old_fence_changes_nothing_but_the_story(
    journal: Journal,
) -> None:
    old = await begun(journal, record("k", visit="v"))
    [new] = await journal.take_due(lease(), 10)
    late = await journal.advance(done(old), line("answered", detail="slow"), (PUT,))
    assert late is False
    assert await stored(journal, TENANT, "k") == new
    story = await journal.story(TENANT, "k")
    assert story[-1] == line("late_answered", detail="slow")
    assert await journal.recall(TENANT, "fee", "visit-1") == []
    assert await journal.begin(record(visit="v"), NOW, line()) == Claimed("k")
    assert await journal.advance(done(new), line("look", fence=2))


async def test_an_advance_of_an_unknown_key_is_false_and_leaves_nothing(journal: Journal) -> None:
    assert await journal.advance(record("nobody"), line(), (PUT,)) is False
    assert await journal.story(TENANT, "nobody") == []
    assert await journal.recall(TENANT, "fee", "visit-1") == []


async def test_facts_of_an_advance_are_kept_with_it(journal: Journal) -> None:
    one = await begun(journal, record())
    assert await journal.advance(done(one), line(), (PUT,))
    assert await journal.recall(TENANT, "fee", "visit-1") == [FACT]


async def test_an_advance_with_an_unknown_fact_change_changes_nothing(journal: Journal) -> None:
    one = await begun(journal, record("k"))
    with pytest.raises(ValueError, match="put"):
        await journal.advance(done(one), line(), (PUT, FactChange(op="burn", fact=FACT)))
    assert await stored(journal, TENANT, "k") == one
    assert await journal.recall(TENANT, "fee", "visit-1") == []


async def test_due_records_are_taken_over_the_longest_waiting_first(journal: Journal) -> None:
    for key, next_at_ms in (("c", NOW + 3), ("a", NOW + 1), ("b", NOW + 2), ("later", NOW + 9)):
        await begun(journal, record(key, next_at_ms=next_at_ms, step=Step.REVERSAL))
    taken = await journal.take_due(lease(NOW + 3), 10)
    assert [one.key for one in taken] == ["a", "b", "c"]
    for one in taken:
        assert (one.fence, one.owner) == (2, "worker-2")
        assert (one.state, one.step) == (State.SENDING, Step.REVERSAL)
        assert one.next_at_ms == NOW + 3 + LEASE_MS
        assert await stored(journal, TENANT, one.key) == one
        assert (await journal.story(TENANT, one.key))[1] == line(
            "taken_over", at_ms=NOW + 3, fence=2, owner="worker-2"
        )
    assert await journal.take_due(lease(NOW + 3), 10) == []


async def test_a_take_over_is_bounded_and_of_one_tenant_when_asked(journal: Journal) -> None:
    for key in ("a", "b"):
        await begun(journal, record(key))
    await begun(journal, record("c", tenant=OTHER))
    assert [one.key for one in await journal.take_due(lease(tenant=OTHER), 10)] == ["c"]
    assert len(await journal.take_due(lease(), 1)) == 1
    assert len(await journal.take_due(lease(), 10)) == 1


async def test_one_record_can_be_taken_by_its_key_when_it_is_due(journal: Journal) -> None:
    await begun(journal, record("a", next_at_ms=NOW + 1))
    await begun(journal, record("a", tenant=OTHER, next_at_ms=NOW + 1))
    await begun(journal, record("b", next_at_ms=NOW + 9))
    own = lease(NOW + 5, tenant=TENANT)
    assert await journal.take_due(own, 10, "b") == []
    assert await journal.take_due(own, 10, "nobody") == []
    [taken] = await journal.take_due(own, 10, "a")
    assert (taken.tenant, taken.key) == (TENANT, "a")
    assert len(await journal.take_due(lease(NOW + 5), 10)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"next_at_ms": 0}, {"next_at_ms": NOW + 6000}, {"state": State.SUCCEEDED}],
    ids=["held", "not yet", "final"],
)
async def test_what_is_not_due_is_not_taken(journal: Journal, changes: dict[str, object]) -> None:
    one = await begun(journal, record(**changes))  # type: ignore[arg-type]  # a table of changes
    assert await journal.take_due(lease(), 10) == []
    assert await stored(journal, TENANT, one.key) == one


async def test_many_sweeps_at_once_take_each_record_once(journal: Journal) -> None:
    for number in range(20):
        await begun(journal, record(f"k{number}"))
    sweeps = await asyncio.gather(*(journal.take_due(lease(owner=f"w{n}"), 3) for n in range(20)))
    keys = [one.key for taken in sweeps for one in taken]
    assert len(keys) == len(set(keys)) == 20


async def test_a_search_matches_every_term_newest_first(journal: Journal) -> None:
    a = await begun(journal, record("a", mdtrt_id="v1", subject="s1"))
    b = await begun(journal, record("b", mdtrt_id="v1", subject="s2", reversal_msgid="rev"))
    c = await begun(journal, record("c", mdtrt_id="v2", subject="s1", state=State.HELD))
    d = await begun(journal, record("a", tenant=OTHER, mdtrt_id="v1", subject="s1"))
    for by, expected in (
        (FindBy(), [d, c, b, a]),
        (FindBy(limit=2), [d, c]),
        (FindBy(tenant=TENANT), [c, b, a]),
        (FindBy(key="a"), [d, a]),
        (FindBy(key="a", tenant=TENANT), [a]),
        (FindBy(msgid=a.msgid), [a]),
        (FindBy(msgid="rev"), [b]),
        (FindBy(msgid="rev", key="a"), []),
        (FindBy(mdtrt_id="v1"), [d, b, a]),
        (FindBy(mdtrt_id="v1", limit=1), [d]),
        (FindBy(mdtrt_id="v1", subject="s1", tenant=TENANT), [a]),
        (FindBy(subject="s1"), [d, c, a]),
        (FindBy(states=("held",)), [c]),
        (FindBy(states=("held", "sending", "held")), [d, c, b, a]),
        (FindBy(states=("held", "sending"), limit=2), [d, c]),
        (FindBy(states=("held", "sending"), tenant=OTHER), [d]),
        (FindBy(states=("rejected",)), []),
        (FindBy(states=("sending",), mdtrt_id="v2"), []),
    ):
        assert await journal.find(by) == expected, by


async def test_the_story_of_a_key_that_does_not_exist_is_empty(journal: Journal) -> None:
    assert await journal.story(TENANT, "nobody") == []


async def test_stories_keep_the_order_of_writing_not_of_their_times(journal: Journal) -> None:
    one = await begun(journal, record("k"))
    for number in range(12):
        assert await journal.advance(one, line(f"step{number}", at_ms=NOW - number))
    said = [told.what for told in await journal.story(TENANT, "k")]
    assert said == ["received", *(f"step{number}" for number in range(12))]
