"""``yibao schedule``: runs past and to come, and a run at once."""

import argparse
import asyncio
import json
import sys

import msgspec

from bus.clock import SystemClock, centre_second, rfc3339
from bus.command_line import CommandError, ExitCode
from bus.journal.port import Run, RunsBy
from consumers.commands.journal_use import Desk, run_with

SUMMARY = "list scheduled runs, or have one done now"
LIST_MAX = 200
ENDED = ("done", "failed", "missed")
BAD = ("failed", "missed")
POLL_S = 0.5
WAIT_S = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    """The two actions."""
    parser.add_argument("action", choices=("list", "run"))
    parser.add_argument("name", nargs="?", default="", help="of a section under schedules")
    parser.add_argument("--tenant", default="", help="only this institution")
    parser.add_argument("--limit", type=int, default=20, help="with list: the latest so many")


def run(args: argparse.Namespace) -> int:
    """List, or plan a run for now and wait for a worker to do it."""
    if args.action == "list":
        by = RunsBy(tenant=args.tenant, schedule=args.name, limit=min(args.limit, LIST_MAX))
        runs = run_with(args.config, lambda desk: desk.journal.runs(by))
    else:
        runs = run_with(args.config, lambda desk: at_once(desk, args.name, args.tenant))
    if args.json:
        sys.stdout.write(json.dumps([facts_of(one) for one in runs], ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(map(as_text, runs)) or "no runs / 没有任务记录\n")
    return ExitCode.NEGATIVE if any(one.state in BAD for one in runs) else ExitCode.OK


async def at_once(desk: Desk, name: str, tenant: str) -> list[Run]:
    """A run of this schedule for each of its institutions, done by whichever worker takes it."""
    schedule = desk.settings.schedules.get(name)
    if schedule is None:
        known = ", ".join(desk.settings.schedules) or "none / 无"
        raise CommandError(
            f"no schedule {name!r}; there are: {known}",
            f"没有定时任务 {name!r}；现有：{known}",
            ExitCode.USAGE,
        )
    now_ms = SystemClock().now_ms()
    codes = (tenant,) if tenant else schedule.institutions or tuple(desk.settings.institutions)
    planned = tuple(
        Run(tenant=code, schedule=name, due_ms=now_ms, job=schedule.job, at_ms=now_ms)
        for code in codes
        if code in desk.settings.institutions
    )
    if not planned:
        raise CommandError(f"no institution {tenant!r}", f"没有机构 {tenant!r}", ExitCode.USAGE)
    await desk.journal.plan_runs(planned)
    return await ended(desk, name, now_ms, len(planned))


async def ended(desk: Desk, name: str, due_ms: int, count: int) -> list[Run]:
    """The runs once they have ended or were put off, or as they stand after ``WAIT_S``."""
    give_up_ms = SystemClock().now_ms() + WAIT_S * 1000
    by = RunsBy(schedule=name, before_ms=due_ms + 1, limit=count)
    while True:
        runs = await desk.journal.runs(by)
        over = all(one.state in ENDED or (one.state == "waiting" and one.detail) for one in runs)
        if over or SystemClock().now_ms() > give_up_ms:
            return runs
        await asyncio.sleep(POLL_S)


def facts_of(run: Run) -> dict[str, object]:
    """One run for programs."""
    facts = msgspec.structs.asdict(run)
    return facts | {"due": rfc3339(run.due_ms), "at": rfc3339(run.at_ms)}


def as_text(run: Run) -> str:
    """One run for people."""
    return (
        f"{centre_second(run.due_ms)}  {run.schedule}  {run.tenant}  {run.job}  {run.state}"
        f"  {run.detail}\n"
    )
