"""The figures of a run: one JSON object, and the table drawn from it."""

import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from compose.chaos.case import Case
from compose.chaos.points import points

DOCUMENT = Path(__file__).parents[2] / "docs" / "chaos.md"
BLOCK = re.compile(r"(<!-- measured: chaos -->\n).*?(<!-- end -->)", re.DOTALL)


class Violation(msgspec.Struct, frozen=True):
    """A promise that was broken, and where."""

    group: str
    name: str
    infno: str
    key: str
    what: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, to how many requests, and how long the slowest took."""

    group: str
    name: str
    cases: int
    transactions: int
    violations: int
    slowest_s: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. ``measures``: figures that are no cases, by name with unit."""

    form: str
    cases: int
    violations: tuple[Violation, ...]
    slowest_resolution_s: float
    seconds: float
    rows: tuple[Row, ...]
    measures: dict[str, float]
    commit: str
    machine: str


def result_of(
    form: str, cases: Sequence[Case], seconds: float, measures: dict[str, float]
) -> Result:
    """The figures of all cases."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(cases, key=_place):
        groups.setdefault((case.group, case.name), []).append(case)
    return Result(
        form=form,
        cases=len(cases),
        violations=tuple(
            Violation(case.group, case.name, case.infno, case.key, what)
            for case in cases
            for what in case.violations
        ),
        slowest_resolution_s=max((case.resolution_s for case in cases), default=0.0),
        seconds=round(seconds, 1),
        rows=tuple(_row(group, name, of) for (group, name), of in groups.items()),
        measures=measures,
        commit=_commit(),
        machine=_machine(),
    )


def _place(case: Case) -> tuple[int, int, str]:
    order = list(points())
    within = order.index(case.name) if case.name in order else len(order)
    return GROUPS.index(case.group), within, case.name


GROUPS = ["kill", "fault", "his", "broker", "cluster", "journal", "doubt"]
TITLES = {
    "kill": "worker killed",
    "fault": "fault of the centre",
    "his": "HIS",
    "broker": "broker, under load",
    "cluster": "broker of three nodes, under load",
    "journal": "PostgreSQL, under load",
    "doubt": "many in doubt at once",
}


def _row(group: str, name: str, cases: Sequence[Case]) -> Row:
    return Row(
        group=group,
        name=name,
        cases=len(cases),
        transactions=len({case.infno for case in cases}),
        violations=sum(len(case.violations) for case in cases),
        slowest_s=max(case.resolution_s for case in cases),
    )


def table(result: Result) -> str:
    """The Markdown table."""
    known = points()
    lines = [
        f"{result.cases:,} requests, {len(result.violations)} violations, {result.seconds:.0f} s",
        f"({result.form} form, commit {result.commit}, {result.machine}).",
        "",
        "| what happened | where | requests | transactions | violations | slowest outcome, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        where = known[row.name].en if row.name in known else row.name
        lines.append(
            f"| {TITLES[row.group]} | {where} | {row.cases} | {row.transactions} "
            f"| {row.violations} | {row.slowest_s:.1f} |"
        )
    if result.measures:
        lines += ["", "| measured | value |", "|---|---|"]
        lines += [f"| {name} | {value:g} |" for name, value in result.measures.items()]
    return "\n".join(lines) + "\n"


def write_document(result: Result) -> None:
    """Put the table into docs/chaos.md; ``ValueError`` when its place is not there."""
    text = DOCUMENT.read_text("utf-8")
    drawn, count = BLOCK.subn(lambda found: found[1] + table(result) + found[2], text)
    if count != 1:
        raise ValueError(f"{DOCUMENT.name} has no block for the figures")
    DOCUMENT.write_text(drawn, "utf-8")


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's own git
        cwd=DOCUMENT.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _machine() -> str:
    cpu = Path("/proc/cpuinfo")
    text = cpu.read_text("utf-8") if cpu.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    cores = text.count("processor\t")
    return (
        f"{cores} x {found[1] if found else platform.machine()}, Python {platform.python_version()}"
    )
