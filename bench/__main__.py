"""``python bench [--quick] [--json] [--write-docs]``: the worker against its peers, in one run.

The three workers run side by side, idle but for the one that is under load; the load goes round
them in turn, so that whatever else the machine does falls on all of them. Then the worker alone at
a slow gateway, then the cancellation churn. Exit code 0 when every bar holds, 1 when one fails, 2
when the job itself failed. See docs/benchmarks.md.
"""

import argparse
import shlex
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from bench import cancellation, proc, report, upload
from bench.driver import driver_call, httpx_call
from bench.load import Load, LoadError, Window, drive
from bench.result import Cancellation, Job, Result, Slow, bars, figures, ratio
from bench.stand import BARE, FASTSTREAM, HIS_USER, WORKER, Stand, Subject
from bench.visits import Answers, Requests


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long everything takes."""

    rounds: int
    warm_s: float
    measure_s: float
    slow_rounds: int
    slow_warm_s: float
    slow_measure_s: float
    churn_s: float
    in_flight: int = 64
    slow_in_flight: int = 512
    slow_latency_ms: int = 300


FULL = Plan(
    rounds=5,
    warm_s=1.5,
    measure_s=6.0,
    slow_rounds=3,
    slow_warm_s=2.0,
    slow_measure_s=9.0,
    churn_s=4.0,
)
QUICK = Plan(
    rounds=3,
    warm_s=0.5,
    measure_s=1.5,
    slow_rounds=1,
    slow_warm_s=1.5,
    slow_measure_s=3.0,
    churn_s=2.0,
)
SUBJECTS = (WORKER, BARE, FASTSTREAM)


class Run:
    """One run on a stand. ``say`` tells people how far it is."""

    def __init__(self, plan: Plan, stand: Stand, subjects: tuple[Subject, ...]) -> None:
        self._plan = plan
        self._stand = stand
        self._subjects = subjects
        self._requests = Requests()
        self.stages_ms: dict[str, float] = {}

    async def side_by_side(self) -> dict[str, list[Window]]:
        """A B C, A B C, ... at a gateway that answers at once."""
        windows: dict[str, list[Window]] = {one.name: [] for one in self._subjects}
        for one in self._subjects:
            await self._stand.start(one)
        before = await self._stages()
        for number in range(self._plan.rounds):
            for one in self._subjects:
                found = await self._window(one, self._load(one))
                windows[one.name].append(found)
                say(f"round {number + 1}, {one.name}: {found.per_s:.0f} requests/s")
        for stage, (seconds, count) in (await self._stages()).items():
            seconds_before, count_before = before.get(stage, (0.0, 0.0))
            passed = max(count - count_before, 1.0)
            self.stages_ms[stage] = round((seconds - seconds_before) / passed * 1000, 3)
        return windows

    async def slow_gateway(self) -> list[Window]:
        """The worker alone at a slow gateway."""
        plan, windows = self._plan, []
        await self._stand.centre(plan.slow_latency_ms)
        for number in range(plan.slow_rounds):
            load = msgspec.structs.replace(
                self._load(WORKER),
                in_flight=plan.slow_in_flight,
                warm_s=plan.slow_warm_s,
                measure_s=plan.slow_measure_s,
            )
            windows.append(await self._window(WORKER, load))
            say(f"slow gateway, round {number + 1}: {windows[-1].per_s:.0f} requests/s")
        return windows

    async def cancelled_calls(self) -> Cancellation:
        """The churn on the driver and on the control."""
        await self._stand.centre(cancellation.LATENCY_MS)
        url, seconds = self._stand.gateway_url, self._plan.churn_s
        async with driver_call(url) as call:
            driver = await cancellation.churn(call, seconds)
        say(f"after the churn the driver served {driver.served} of {driver.of}")
        async with httpx_call(url) as call:
            control = await cancellation.churn(call, seconds)
        return Cancellation(driver=driver, control=control)

    async def _stages(self) -> dict[str, tuple[float, float]]:
        return await self._stand.stages() if WORKER in self._subjects else {}

    def _load(self, subject: Subject) -> Load:
        return Load(
            url=self._stand.his_url,
            user=HIS_USER,
            exchange=subject.exchange,
            good=subject.good,
            in_flight=self._plan.in_flight,
            warm_s=self._plan.warm_s,
            measure_s=self._plan.measure_s,
            watched=self._stand.watched(subject),
        )

    async def _window(self, subject: Subject, load: Load) -> Window:
        """One window; every request must have made exactly one call to the centre."""
        before = await self._stand.centre()
        try:
            window = await drive(load, self._requests)
        except (LoadError, OSError) as error:
            log = self._stand.log_of(subject.name)
            raise LoadError(f"{subject.name}: {error}\n{log}") from error
        calls = await self._stand.centre() - before
        if calls != window.requests:
            raise LoadError(f"{subject.name}: {window.requests} requests made {calls} calls")
        return window


def say(text: str) -> None:
    """Progress, on standard error so that standard output stays the result."""
    print(text, file=sys.stderr, flush=True)


async def measure(plan: Plan, stand: Stand, given: argparse.Namespace) -> Result:
    """Everything in turn."""
    started, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run = Run(plan, stand, BY_CHOICE[given.only])
    found = {name: figures(windows) for name, windows in (await run.side_by_side()).items()}
    ratios = {
        f"worker_to_{name}": ratio(found["worker"], found[name])
        for name in found
        if name != "worker" and "worker" in found
    }
    slow = churn = cost = None
    if given.only != "peers":
        slow = Slow(
            figures=figures(await run.slow_gateway()),
            limit_per_s=plan.slow_in_flight / plan.slow_latency_ms * 1000,
        )
        churn = await run.cancelled_calls()
        ratios["slow_to_limit"] = round(slow.figures.per_s / slow.limit_per_s, 3)
        ratios["served_after_churn"] = churn.driver.served / churn.driver.of
        cost = upload.measure()
        ratios["upload_to_struct"] = cost.ratio
    judged = bars(ratios)
    return Result(
        at=at,
        seconds=round(time.monotonic() - started, 1),
        command=shlex.join(["python", "bench", *sys.argv[1:]]),
        commit=proc.commit(),
        machine=proc.machine(stand.broker_version),
        job=_job(plan),
        figures=found,
        stages_ms=run.stages_ms,
        slow=slow,
        cancellation=churn,
        upload=cost,
        ratios=ratios,
        bars=judged,
        ok=all(bar.holds for bar in judged),
    )


BY_CHOICE = {"all": SUBJECTS, "peers": (BARE, FASTSTREAM), "worker": (WORKER,)}


def _job(plan: Plan) -> Job:
    envelope = b'"infno":"2207","msgid":"%b","mdtrt_id":"%b"' % (b"H" * 30, b"5" * 20)
    return Job(
        in_flight=plan.in_flight,
        request_bytes=len(Requests().next()[1]),
        answer_bytes=len(Answers().to(envelope)),
        rounds=plan.rounds,
        measure_s=plan.measure_s,
        slow_in_flight=plan.slow_in_flight,
        slow_latency_ms=plan.slow_latency_ms,
        slow_rounds=plan.slow_rounds,
        slow_measure_s=plan.slow_measure_s,
    )


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short windows, under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--only", choices=sorted(BY_CHOICE), default="all")
    parser.add_argument(
        "--write-docs", action="store_true", help="write the figures into docs/benchmarks.md"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="report a saved JSON object"
    )
    return parser.parse_args(given)


def main() -> int:
    """The command."""
    given = arguments()
    for sign in (signal.SIGTERM, signal.SIGHUP):
        # An exception, so that everything started is stopped in order.
        signal.signal(sign, lambda number, _frame: sys.exit(128 + number))
    if given.source:
        result = msgspec.json.decode(given.source.read_bytes().splitlines()[-1], type=Result)
    else:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="yibao-bench-") as folder,
                Stand(Path(folder)) as stand,
            ):
                result = uvloop.run(measure(QUICK if given.quick else FULL, stand, given))
        except LoadError as error:
            say(f"the job failed: {error}")
            return 2
    print("\n".join(report.lines(result)))
    if given.write_docs:
        report.write_document(result)
    if given.json:
        print(msgspec.json.encode(result).decode())
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
