"""A result for people: lines on the terminal, and the section of figures in docs/benchmarks.md."""

from pathlib import Path

from bench.proc import ROOT
from bench.result import Bar, Figures, Result

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- figures: written by `make bench ARGS=--write-docs` -->"
END = "<!-- end of figures -->"

NAMES = {
    "worker": "`yibao serve`, journal on",
    "bare": "(a) aio-pika + aiohttp, no journal",
    "faststream": "(b) FastStream + httpx, no journal",
}
BAR_NAMES = {
    "worker_to_bare": "requests per second, worker : (a)",
    "worker_to_faststream": "requests per second, worker : (b)",
    "slow_to_limit": "requests per second at the slow gateway : latency limit",
    "served_after_churn": "plain calls served after the cancellation churn",
    "upload_to_struct": "checking and encoding a 2301 of 100 rows, beside a Struct made by hand",
}


QUIET_CORES = 0.15
"""Above this much work of others the figures, and the ratios too, say little."""


def lines(result: Result) -> list[str]:
    """The result as text for a terminal."""
    out = [f"{'':36} {'req/s':>7} {'p50 ms':>8} {'p99 ms':>8}   CPU ms: worker broker"]
    rows = {NAMES[name]: found for name, found in result.figures.items()}
    if result.slow:
        rows[_slow_name(result)] = result.slow.figures
    for name, one in rows.items():
        out.append(
            f"{name:36} {one.per_s:7.0f} {one.p50_ms:8.1f} {one.p99_ms:8.1f}"
            f"   {one.worker_cpu_ms:14.3f} {one.broker_cpu_ms:6.3f}"
        )
    if result.stages_ms:
        stages = ", ".join(f"{name} {ms:.1f}" for name, ms in result.stages_ms.items())
        out.append(f"mean ms in the worker's stages: {stages}")
    if (others := _others_cores(result)) > QUIET_CORES:
        out.append(
            f"note: other work kept {others:.1f} cores busy; measure again on a quiet machine"
        )
    for bar in result.bars:
        verdict = "holds" if bar.holds else "FAILS"
        name, measured = BAR_NAMES[bar.name], _measured(bar)
        out.append(f"{verdict}: {name}: {measured}, at least {bar.at_least:.2f}")
    return out


def document(result: Result) -> str:
    """The section of figures, in Markdown."""
    machine, job = result.machine, result.job
    rows = [
        (
            f"Machine: {machine.cpu}, {machine.cores} cores shared by everything, "
            f"{machine.memory_gib} GiB, Python {machine.python}, {machine.broker}. "
            f"Commit `{result.commit}`, {result.at}, `{result.command}`, {result.seconds:.0f} s."
        ),
        "",
        (
            f"{job.in_flight} in flight, gateway answers at once, {job.rounds} rounds of "
            f"{job.measure_s:g} s each, medians; CPU is user and system time per request:"
        ),
        "",
        *_table(result),
        "",
        f"Other work on the machine meanwhile: {_others_cores(result):.2f} cores.",
        *_stages(result),
        "",
        "| bar | at least | measured | holds |",
        "| --- | ---: | ---: | --- |",
    ]
    for bar in result.bars:
        holds = "yes" if bar.holds else "**no**"
        name, measured = BAR_NAMES[bar.name], _measured(bar)
        rows.append(f"| {name} | {bar.at_least:.2f} | {measured} | {holds} |")
    if result.cancellation:
        ours, control = result.cancellation.driver, result.cancellation.control
        rows += [
            "",
            (
                f"Cancellation churn: {ours.cancelled} calls cancelled on the driver, afterwards "
                f"{ours.served} of {ours.of} served; the control (httpx's own pool, "
                f"{control.cancelled} cancelled): {control.served} of {control.of}."
            ),
        ]
    if result.upload:
        cost = result.upload
        rows += [
            "",
            (
                f"A 2301 of {cost.message_bytes} bytes: {cost.ours_us:.0f} us CPU to check and "
                f"encode, {cost.struct_us:.0f} us with a msgspec Struct that knows lengths only."
            ),
        ]
    return "\n".join(rows)


def write_document(result: Result, path: Path = DOCUMENT) -> None:
    """Replace the section between the marks."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} lacks the marks around the figures")
    path.write_text(f"{before}{BEGIN}\n\n{document(result)}\n\n{END}{after}", encoding="utf-8")


def _measured(bar: Bar) -> str:
    return "not measured" if bar.measured is None else f"{bar.measured:.2f}"


def _table(result: Result) -> list[str]:
    rows = [
        (
            "| worker | req/s | rounds | p50 ms | p99 ms | worker CPU ms | broker CPU ms |"
            " client CPU ms | stub CPU ms |"
        ),
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows += [_row(NAMES[name], one) for name, one in result.figures.items()]
    if result.slow:
        rows.append(_row(_slow_name(result), result.slow.figures))
    return rows


def _stages(result: Result) -> list[str]:
    if not result.stages_ms:
        return []
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in result.stages_ms.items())
    return ["", f"Mean milliseconds in the worker's stages, from its own metrics page: {stages}."]


def _others_cores(result: Result) -> float:
    found = [*result.figures.values(), *([result.slow.figures] if result.slow else [])]
    return max(one.others_cores for one in found)


def _row(name: str, one: Figures) -> str:
    rounds = f"{min(one.rounds_per_s):.0f}-{max(one.rounds_per_s):.0f}"
    return (
        f"| {name} | {one.per_s:.0f} | {rounds} | {one.p50_ms:.1f} | {one.p99_ms:.1f} "
        f"| {one.worker_cpu_ms:.3f} | {one.broker_cpu_ms:.3f} | {one.client_cpu_ms:.3f} "
        f"| {one.stub_cpu_ms:.3f} |"
    )


def _slow_name(result: Result) -> str:
    job = result.job
    return f"worker, {job.slow_in_flight} in flight, {job.slow_latency_ms} ms gateway"
