"""Many histories, and what to say about them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from consumers.simulation.history import History, play

FAILED_MAX = 20
"""Failing seeds named in a report; one is enough to work on."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A seed whose history broke a promise."""

    seed: int
    breaches: tuple[str, ...]


class Report(msgspec.Struct, kw_only=True):
    """What came of all histories. ``seconds`` is real time, ``outcomes`` counts records by code."""

    runs: int = 0
    failed: int = 0
    failures: list[Failure] = msgspec.field(default_factory=list)
    rules: dict[str, int] = msgspec.field(default_factory=dict)
    requests: int = 0
    calls: int = 0
    virtual_hours: float = 0.0
    outcomes: dict[str, int] = msgspec.field(default_factory=dict)
    seconds: float = 0.0
    per_minute: int = 0


def run_all(seeds: Iterable[int], on_history: Callable[[History], None]) -> Report:
    """Play every seed; ``on_history`` sees each history as it ends."""
    report, outcomes, rules = Report(), Counter[str](), Counter[str]()
    began = time.perf_counter()
    for seed in seeds:
        history = play(seed)
        report.runs += 1
        report.requests += history.requests
        report.calls += history.calls
        report.virtual_hours += history.virtual_s / 3600
        outcomes.update(history.states)
        rules.update({breach.rule for breach in history.breaches})
        if history.breaches:
            report.failed += 1
            words = tuple(f"{breach.rule}: {breach.text}" for breach in history.breaches)
            report.failures.append(Failure(seed=seed, breaches=words))
        on_history(history)
    report.failures = report.failures[:FAILED_MAX]
    report.outcomes, report.rules = dict(outcomes.most_common()), dict(rules.most_common())
    report.virtual_hours = round(report.virtual_hours, 1)
    report.seconds = round(time.perf_counter() - began, 2)
    report.per_minute = round(report.runs / report.seconds * 60) if report.seconds else 0
    return report


def story(history: History) -> str:
    """A history step by step: its world, everything that happened, the broken promises."""
    world = msgspec.json.format(msgspec.json.encode(history.traits), indent=2).decode()
    lines = "".join(f"{line.text()}\n" for line in history.lines)
    broken = "".join(f"  {breach.rule}: {breach.text}\n" for breach in history.breaches)
    verdict = f"broken promises:\n{broken}" if broken else "every promise was kept\n"
    return f"seed {history.seed}\n{world}\n{lines}{verdict}"
