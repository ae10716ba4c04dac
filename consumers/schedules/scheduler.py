"""Plans runs, takes those that are due, does them under a lease.

Every worker does this; the journal sees to it that each run is one worker's at a time.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from bus.config.settings import ScheduleSettings
from bus.journal.port import JournalUnavailableError, Lease, Run, RunsBy
from bus.logs import log
from consumers.context import Context
from consumers.institution import Institution
from consumers.schedules.jobs import JOBS, Job, JobFailedError, NotYetError
from consumers.schedules.times import Times

LEASE_S = 60.0
"""A worker that has died keeps a run from others for no longer."""
RENEW_S = LEASE_S / 3
AT_ONCE_MAX = 8
"""Runs a worker does side by side."""
CATCH_UP_MAX = 31
"""Runs planned for the time when no worker was there; what is older is not made up for."""
ATTEMPTS_MAX = 3
"""A job that fails is begun again so often in all."""
RETRY_S = 300.0
WAIT_MAX_S = 7200.0
"""A run that still waits for something so long after it was due has failed."""


class Scheduler:
    """For the institutions of one worker."""

    def __init__(
        self,
        context: Context,
        schedules: Mapping[str, ScheduleSettings],
        jobs: Mapping[str, Job] = JOBS,
    ) -> None:
        self._context = context
        self._schedules = schedules
        self._jobs = jobs
        self._times = {name: Times(each) for name, each in schedules.items()}
        self._planned_ms: dict[tuple[str, str], int] = {}
        self._doing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                await self.tick()
                await self._context.clock.sleep(self._context.settings.sweep_s)
        finally:
            for task in self._doing:
                task.cancel()
            await asyncio.gather(*self._doing, return_exceptions=True)

    async def tick(self) -> None:
        """Plan, and begin what is due; what fails is logged and tried again by the next one."""
        try:
            if self._schedules and not self._context.stopping.now:
                await self._plan()
                await self._take()
        except JournalUnavailableError as error:
            log("schedule_failed", level=logging.WARNING, reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the scheduler must outlive its own faults
            log("schedule_fault", level=logging.ERROR, error=error)

    async def idle(self) -> None:
        """Return when nothing is being done."""
        while self._doing:
            await asyncio.wait(self._doing)

    def _served(self) -> Iterator[tuple[str, str]]:
        for name, settings in self._schedules.items():
            for code in settings.institutions or self._context.institutions:
                if code in self._context.institutions:
                    yield code, name

    async def _plan(self) -> None:
        """The next run of each, and those that came while no worker was there."""
        now_ms = self._context.clock.now_ms()
        for code, name in self._served():
            if self._planned_ms.get((code, name), 0) > now_ms:
                continue
            times = self._times[name]
            latest = await self._context.journal.runs(RunsBy(tenant=code, schedule=name, limit=1))
            missed = times.between(latest[0].due_ms, now_ms)[-CATCH_UP_MAX:] if latest else []
            dues = [*missed, times.next(now_ms)]
            job = self._schedules[name].job
            await self._context.journal.plan_runs(
                tuple(
                    Run(tenant=code, schedule=name, due_ms=due, job=job, at_ms=now_ms)
                    for due in dues
                )
            )
            self._planned_ms[code, name] = dues[-1]

    async def _take(self) -> None:
        for code, institution in self._context.institutions.items():
            room = AT_ONCE_MAX - len(self._doing)
            if room <= 0:
                return
            lease = Lease(
                owner=self._context.owner,
                now_ms=self._context.clock.now_ms(),
                lease_ms=int(LEASE_S * 1000),
                tenant=code,
            )
            for run in await self._context.journal.take_runs(lease, room):
                task = asyncio.create_task(self._do(run, institution))
                self._doing.add(task)
                task.add_done_callback(self._doing.discard)

    async def _do(self, run: Run, institution: Institution) -> None:
        """The run to its end; whatever that is, it is written down unless somebody else has it."""
        settings = self._schedules.get(run.schedule)
        job = self._jobs.get(run.job)
        late_s = (self._context.clock.now_ms() - run.due_ms) / 1000
        if job is None:
            ended = replace(run, state="failed", detail="unknown job")
        elif (
            settings is not None
            and settings.missed == "report"
            and run.attempts == 1
            and late_s > settings.late_s
        ):
            ended = replace(run, state="missed", detail=f"{late_s:.0f} s late")
        else:
            ended = await self._done(run, job, institution, late_s)
        now_ms = self._context.clock.now_ms()
        until_ms = max(ended.until_ms, now_ms) if ended.state == "waiting" else 0
        try:
            kept = await self._context.journal.put_run(
                replace(ended, at_ms=now_ms, until_ms=until_ms)
            )
        except JournalUnavailableError:
            return  # the lease runs out, and somebody begins again
        if kept:
            self._tell(ended)

    async def _done(self, run: Run, job: Job, institution: Institution, late_s: float) -> Run:
        """Do the job and keep the lease meanwhile."""
        now_ms = self._context.clock.now_ms()
        keeping = asyncio.create_task(self._keep(run))
        working = asyncio.ensure_future(job(self._context, institution))
        try:
            await asyncio.wait((keeping, working), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return replace(run, state="failed", detail="taken over")  # kept by nobody: fenced
            return replace(run, state="done", detail=working.result())
        except NotYetError as error:
            if late_s < WAIT_MAX_S:
                until_ms = now_ms + int(error.after_s * 1000)
                attempts = run.attempts - 1
                return replace(
                    run, state="waiting", detail=error.detail, until_ms=until_ms, attempts=attempts
                )
            return replace(run, state="failed", detail=error.detail)
        except JobFailedError as error:
            return self._again(run, error.detail)
        except Exception as error:  # noqa: BLE001 - a job's fault is the run's result
            log("job_fault", level=logging.ERROR, error=error, schedule=run.schedule)
            return self._again(run, type(error).__name__)
        finally:
            keeping.cancel()
            working.cancel()
            await asyncio.gather(keeping, working, return_exceptions=True)

    def _again(self, run: Run, detail: str) -> Run:
        if run.attempts >= ATTEMPTS_MAX:
            return replace(run, state="failed", detail=detail)
        until_ms = self._context.clock.now_ms() + int(RETRY_S * 1000)
        return replace(run, state="waiting", detail=detail, until_ms=until_ms)

    async def _keep(self, run: Run) -> None:
        """Renew the lease until it is somebody else's."""
        kept = True
        while kept:
            await self._context.clock.sleep(RENEW_S)
            until_ms = self._context.clock.now_ms() + int(LEASE_S * 1000)
            kept = await self._context.journal.put_run(replace(run, until_ms=until_ms))

    def _tell(self, run: Run) -> None:
        self._context.metrics.schedule_runs(run.job, run.state).inc()
        level = logging.INFO if run.state in {"done", "waiting"} else logging.ERROR
        log(
            f"schedule_{run.state}",
            level=level,
            schedule=run.schedule,
            institution=run.tenant,
            detail=run.detail,
        )
