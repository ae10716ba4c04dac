"""Planning, taking, doing and failing, on a clock that tests move."""

import asyncio
from typing import Any, cast

import pytest

from bus.clock import centre_second
from bus.config.settings import ScheduleSettings, WorkerSettings
from bus.journal.memory import MemoryJournal
from bus.journal.port import Lease, Run, RunsBy
from bus.metrics import Metrics
from consumers.context import Context, Stopping
from consumers.institution import Institution
from consumers.schedules import scheduler
from consumers.schedules.jobs import Job, JobFailedError, NotYetError
from consumers.schedules.scheduler import Scheduler
from tests.gateway.gateway_manual_clock import ManualClock
from tests.journal.journal_engines import TENANT

EVENING = ScheduleSettings(job="work", at=("22:30",))
HOUR_S = 3600


class Shop:
    """A journal, a clock, and workers that share them. ``done``: who did what."""

    def __init__(self, settings: ScheduleSettings = EVENING) -> None:
        self.journal = MemoryJournal()
        self.clock = ManualClock()
        self.settings = settings
        self.done: list[str] = []
        self.release = asyncio.Event()
        self.release.set()

    async def open(self) -> "Shop":
        await self.journal.open()
        return self

    def worker(self, name: str = "w1", job: Job | None = None) -> Scheduler:
        async def work(_context: Context, institution: Institution) -> str:
            await self.release.wait()
            self.done.append(name)
            return f"done for {institution}"

        unused = cast("Any", None)
        context = Context(
            owner=name,
            settings=WorkerSettings(),
            clock=self.clock,
            journal=self.journal,
            institutions={TENANT: cast("Institution", "it")},
            centre=unused,
            sessions=unused,
            msgids=unused,
            replier=unused,
            metrics=Metrics(),
            digest=unused,
            stopping=Stopping(),
        )
        return Scheduler(context, {"evening": self.settings}, {"work": job or work})

    async def turn(self, *workers: Scheduler) -> None:
        """One tick of each, and what it began to its end."""
        for worker in workers:
            await worker.tick()
        for worker in workers:
            await worker.idle()

    async def runs(self, *states: str) -> list[Run]:
        return list(reversed(await self.journal.runs(RunsBy(states=states))))

    async def states(self) -> list[tuple[str, str]]:
        return [(one.state, one.detail) for one in await self.runs()]


async def test_the_next_run_is_planned_and_done_when_its_time_has_come() -> None:
    shop = await Shop().open()
    worker = shop.worker()
    await shop.turn(worker)
    [planned] = await shop.runs()
    assert (planned.state, planned.job) == ("waiting", "work")
    assert centre_second(planned.due_ms).endswith("22:30:00")
    assert shop.done == []
    shop.clock.move((planned.due_ms - shop.clock.now_ms()) / 1000)
    await shop.turn(worker)
    assert shop.done == ["w1"]
    assert await shop.states() == [("done", "done for it"), ("waiting", "")]
    await shop.turn(worker)
    assert shop.done == ["w1"]


async def test_of_two_workers_one_does_it() -> None:
    shop = await Shop().open()
    one, two = shop.worker("w1"), shop.worker("w2")
    await shop.turn(one, two)
    shop.clock.move(24 * HOUR_S)
    await shop.turn(two, one)
    assert shop.done == ["w2"]
    assert len(await shop.runs("done")) == 1


async def test_runs_nobody_was_there_for_are_made_up_for() -> None:
    shop = await Shop().open()
    await shop.turn(shop.worker())
    shop.clock.move(3 * 24 * HOUR_S)
    await shop.turn(shop.worker("w2"))
    assert shop.done == ["w2"] * 3
    assert [state for state, _ in await shop.states()] == ["done", "done", "done", "waiting"]


async def test_no_more_than_a_month_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "AT_ONCE_MAX", 100)
    shop = await Shop().open()
    await shop.turn(shop.worker())
    shop.clock.move(400 * 24 * HOUR_S)
    await shop.turn(shop.worker("w2"))
    assert len(shop.done) == scheduler.CATCH_UP_MAX + 1


async def test_what_comes_too_late_is_only_reported_where_the_schedule_says_so() -> None:
    shop = await Shop(ScheduleSettings(job="work", at=("22:30",), missed="report")).open()
    await shop.turn(shop.worker())
    [planned] = await shop.runs()
    shop.clock.move((planned.due_ms - shop.clock.now_ms()) / 1000 + 2 * HOUR_S)
    await shop.turn(shop.worker("w2"))
    assert shop.done == []
    assert await shop.states() == [("missed", "7200 s late"), ("waiting", "")]


async def test_a_job_that_cannot_be_done_yet_is_put_off_and_given_up_after_two_hours() -> None:
    async def not_yet(_context: Context, _institution: Institution) -> str:
        raise NotYetError("3 open requests", 60.0)

    shop = await Shop().open()
    worker = shop.worker(job=not_yet)
    await shop.turn(worker)
    [planned] = await shop.runs()
    shop.clock.move((planned.due_ms - shop.clock.now_ms()) / 1000)
    for _ in range(5):
        await shop.turn(worker)
        shop.clock.move(60)
    [first, _] = await shop.runs()
    assert (first.state, first.detail, first.attempts) == ("waiting", "3 open requests", 0)
    assert first.fence == 5
    shop.clock.move(2 * HOUR_S)
    await shop.turn(worker)
    assert (await shop.states())[0] == ("failed", "3 open requests")


async def test_a_job_that_fails_is_begun_again_twice_and_then_failed() -> None:
    async def fails(_context: Context, _institution: Institution) -> str:
        raise JobFailedError("2 signed out, 1 not")

    shop = await Shop().open()
    worker = shop.worker(job=fails)
    await shop.turn(worker)
    [planned] = await shop.runs()
    shop.clock.move((planned.due_ms - shop.clock.now_ms()) / 1000)
    for attempt in (1, 2, 3):
        await shop.turn(worker)
        assert (await shop.runs())[0].attempts == attempt
        shop.clock.move(scheduler.RETRY_S)
    assert (await shop.states())[0] == ("failed", "2 signed out, 1 not")


async def test_a_fault_of_a_job_is_told_by_its_kind_only() -> None:
    async def broken(_context: Context, _institution: Institution) -> str:
        raise RuntimeError("张三 530102199001011234")

    shop = await Shop().open()
    worker = shop.worker(job=broken)
    await shop.turn(worker)
    shop.clock.move(24 * HOUR_S)
    await shop.turn(worker)
    assert (await shop.runs())[0].detail == "RuntimeError"


async def test_a_worker_that_has_lost_its_run_stops_doing_it_and_writes_nothing() -> None:
    shop = await Shop().open()
    slow = shop.worker("slow")
    await shop.turn(slow)
    shop.clock.move(24 * HOUR_S)
    shop.release.clear()
    await slow.tick()
    lease = Lease(owner="thief", now_ms=shop.clock.now_ms() + 10**9, lease_ms=10**12)
    taken = (await shop.journal.take_runs(lease, 1))[0]
    await slow.idle()
    assert shop.done == []
    [kept] = await shop.runs("running")
    assert kept == taken


async def test_a_lease_is_renewed_for_as_long_as_the_job_takes() -> None:
    shop = await Shop().open()
    slow, quick = shop.worker("slow"), shop.worker("quick")
    await shop.turn(slow)
    shop.clock.move(24 * HOUR_S)
    shop.release.clear()
    await slow.tick()
    begun_ms = shop.clock.now_ms()
    async with asyncio.timeout(20):
        while shop.clock.now_ms() < begun_ms + 10 * scheduler.LEASE_S * 1000:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(0)
    await quick.tick()
    shop.release.set()
    await slow.idle()
    assert shop.done == ["slow"]
    assert [one.owner for one in await shop.runs("done")] == ["slow"]
