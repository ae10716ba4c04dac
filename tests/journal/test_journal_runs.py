"""The contract of the book of scheduled runs, on every engine and across processes."""

from pathlib import Path

from msgspec.structs import replace

from bus.journal.port import Journal, Lease, RunsBy
from tests.journal.journal_child import finish, start
from tests.journal.journal_engines import NOW, OTHER, TENANT, Engine, run

LEASE = Lease(owner="w1", now_ms=NOW, lease_ms=1000)


async def test_a_run_is_planned_once(journal: Journal) -> None:
    assert await journal.plan_runs((run(), run(due_ms=NOW + 1))) == 2
    assert await journal.plan_runs((run(detail="other"), run(tenant=OTHER))) == 1
    assert [one.detail for one in await journal.runs(RunsBy())] == ["", "", ""]
    assert await journal.plan_runs(()) == 0


async def test_a_run_is_taken_when_it_is_due_and_by_one_worker(journal: Journal) -> None:
    await journal.plan_runs((run(due_ms=NOW + 1), run(), run(due_ms=NOW - 1)))
    taken = await journal.take_runs(LEASE, 10)
    assert [one.due_ms for one in taken] == [NOW - 1, NOW]
    first = taken[0]
    assert (first.state, first.fence, first.attempts) == ("running", 1, 1)
    assert (first.owner, first.until_ms, first.at_ms) == ("w1", NOW + 1000, NOW)
    assert await journal.take_runs(replace(LEASE, owner="w2"), 10) == []
    assert await journal.runs(RunsBy(states=("running",))) == list(reversed(taken))


async def test_as_many_are_taken_as_were_asked_for_and_of_the_tenant_asked_for(
    journal: Journal,
) -> None:
    await journal.plan_runs((run(), run(due_ms=NOW - 1), run(tenant=OTHER)))
    assert [one.due_ms for one in await journal.take_runs(LEASE, 1)] == [NOW - 1]
    other = await journal.take_runs(replace(LEASE, tenant=OTHER), 10)
    assert [one.tenant for one in other] == [OTHER]


async def test_a_run_whose_worker_is_silent_is_taken_over_and_the_old_one_changes_nothing(
    journal: Journal,
) -> None:
    await journal.plan_runs((run(),))
    [lost] = await journal.take_runs(LEASE, 1)
    later = Lease(owner="w2", now_ms=NOW + 1000, lease_ms=1000)
    [taken] = await journal.take_runs(later, 1)
    assert (taken.owner, taken.fence, taken.attempts) == ("w2", 2, 2)
    assert not await journal.put_run(replace(lost, state="done"))
    assert await journal.put_run(replace(taken, state="done", detail="3 signed out"))
    [kept] = await journal.runs(RunsBy(tenant=TENANT, schedule="evening"))
    assert (kept.state, kept.detail) == ("done", "3 signed out")


async def test_a_lease_can_be_renewed_and_a_run_put_off(journal: Journal) -> None:
    await journal.plan_runs((run(),))
    [taken] = await journal.take_runs(LEASE, 1)
    assert await journal.put_run(replace(taken, until_ms=NOW + 5000))
    assert await journal.take_runs(replace(LEASE, now_ms=NOW + 4999), 1) == []
    assert await journal.put_run(replace(taken, state="waiting", until_ms=NOW + 9000))
    assert await journal.take_runs(replace(LEASE, now_ms=NOW + 8999), 1) == []
    assert len(await journal.take_runs(replace(LEASE, now_ms=NOW + 9000), 1)) == 1


async def test_a_run_nobody_planned_cannot_be_put(journal: Journal) -> None:
    assert not await journal.put_run(run())
    assert await journal.runs(RunsBy()) == []


async def test_runs_are_found_by_every_term_latest_first(journal: Journal) -> None:
    named = run(schedule="night", due_ms=NOW + 7)
    await journal.plan_runs((run(), run(due_ms=NOW + 5), named, run(tenant=OTHER)))
    assert await journal.runs(RunsBy(schedule="night")) == [named]
    assert [one.due_ms for one in await journal.runs(RunsBy(tenant=TENANT, limit=2))] == [
        NOW + 7,
        NOW + 5,
    ]
    assert await journal.runs(RunsBy(states=("done", "failed"))) == []
    assert len(await journal.runs(RunsBy(before_ms=NOW + 5))) == 2


async def test_ended_runs_are_purged_by_age_and_open_ones_never(journal: Journal) -> None:
    await journal.plan_runs((run(), run(due_ms=NOW + 1), run(due_ms=NOW + 2)))
    [taken] = await journal.take_runs(LEASE, 1)
    assert await journal.put_run(replace(taken, state="done"))
    purge = journal.purge_remembered  # type: ignore[attr-defined]  # beside the port
    assert await purge(NOW, "2025-01-01") == 0
    assert await purge(NOW + 1, "2025-01-01") == 1
    assert [one.state for one in await journal.runs(RunsBy())] == ["waiting", "waiting"]


def test_each_run_is_done_by_one_of_all_processes(lasting: Engine, tmp_path: Path) -> None:
    lasting.make(tmp_path)
    said = finish(*(start("schedules", str(tmp_path), f"w{n}", "60") for n in range(3)))
    done = sorted(int(due) for lines in said for due in lines)
    assert done == list(range(NOW, NOW + 60))
