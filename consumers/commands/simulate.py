"""``yibao simulate``: whole histories on virtual time, judged; a seed shows its history again."""

import argparse
import sys

import msgspec

from bus.command_line import CommandError, ExitCode, in_language
from consumers.simulation.history import History, play
from consumers.simulation.runner import Report, run_all, story

SUMMARY = "play histories full of faults on virtual time and judge each; --replay shows one again"
RUNS_DEFAULT = 1000
SHOWN_EVERY = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Which histories."""
    parser.add_argument(
        "--runs", type=int, default=RUNS_DEFAULT, metavar="N", help="so many (default: 1000)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="the first seed; the next is S + 1"
    )
    parser.add_argument(
        "--replay", type=int, default=None, metavar="SEED", help="tell this one step by step"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when a promise was broken; the first failing history is told."""
    if args.runs < 1:
        raise CommandError("--runs must be at least 1", "--runs 至少为 1", ExitCode.USAGE)
    if args.replay is not None:
        return _replay(args.replay, as_json=args.json)
    failing: list[History] = []
    seen = 0

    def on_history(history: History) -> None:
        nonlocal seen
        seen += 1
        if history.breaches and not failing:
            failing.append(history)
        if not args.json and not seen % SHOWN_EVERY:
            sys.stderr.write(f"{seen} / {args.runs}\n")

    report = run_all(range(args.seed, args.seed + args.runs), on_history)
    for history in failing:
        (sys.stderr if args.json else sys.stdout).write(story(history))
    sys.stdout.write(_as_json(report) if args.json else _as_text(report))
    return ExitCode.NEGATIVE if report.failed else ExitCode.OK


def _replay(seed: int, *, as_json: bool) -> int:
    history = play(seed)
    if as_json:
        sys.stdout.write(msgspec.json.encode(history).decode() + "\n")
    else:
        sys.stdout.write(story(history))
    return ExitCode.NEGATIVE if history.breaches else ExitCode.OK


def _as_json(report: Report) -> str:
    return msgspec.json.encode(report).decode() + "\n"


def _as_text(report: Report) -> str:
    outcomes = ", ".join(f"{code} {count}" for code, count in report.outcomes.items())
    failures = "".join(
        f"  --replay {failure.seed}: {failure.breaches[0]}\n" for failure in report.failures
    )
    return in_language(
        f"{report.runs} histories, {report.failed} broke a promise; {report.requests} requests, "
        f"{report.calls} calls, {report.virtual_hours} virtual hours in {report.seconds} s "
        f"({report.per_minute} a minute)\n  {outcomes}\n{failures}",
        f"{report.runs} 段历史，{report.failed} 段违反承诺；{report.requests} 个请求，"
        f"{report.calls} 次调用，虚拟 {report.virtual_hours} 小时，用时 {report.seconds} 秒\n",
    )
