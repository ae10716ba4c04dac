"""What a run found: medians, ratios, bars. A value, written as one JSON object."""

from statistics import median

import msgspec

from bench.cancellation import Churn
from bench.load import Window
from bench.proc import Machine
from bench.upload import UploadCost


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds; ``rounds_per_s`` are the rounds themselves, in their order."""

    per_s: float
    p50_ms: float
    p99_ms: float
    worker_cpu_ms: float
    broker_cpu_ms: float
    stub_cpu_ms: float
    client_cpu_ms: float
    others_cores: float
    requests: int
    rounds_per_s: tuple[float, ...]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold; ``measured`` is None when the run left it out."""

    name: str
    at_least: float
    measured: float | None
    holds: bool


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The load of a run."""

    in_flight: int
    request_bytes: int
    answer_bytes: int
    rounds: int
    measure_s: float
    slow_in_flight: int
    slow_latency_ms: int
    slow_rounds: int
    slow_measure_s: float


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """The worker alone, many in flight at a slow gateway. ``limit_per_s`` = in flight / latency."""

    figures: Figures
    limit_per_s: float


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """The churn on the bus's gateway driver, and on httpx's own pool as a control."""

    driver: Churn
    control: Churn


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run found."""

    at: str
    seconds: float
    command: str
    commit: str
    machine: Machine
    job: Job
    figures: dict[str, Figures]
    stages_ms: dict[str, float]
    """Mean time of the worker's stages over the rounds side by side, from its own metrics."""
    slow: Slow | None = None
    cancellation: Cancellation | None = None
    upload: UploadCost | None = None
    ratios: dict[str, float]
    bars: tuple[Bar, ...]
    ok: bool


BARS = {
    "worker_to_bare": 0.8,
    "worker_to_faststream": 4.0,
    "slow_to_limit": 0.7,
    "served_after_churn": 1.0,
    "upload_to_struct": 0.333,
}
"""Least ratio of each; all of them must be measured and hold. ``upload_to_struct``: a 2301 of 100
rows is checked and encoded within three times the CPU of a Struct written by hand."""


def figures(windows: list[Window]) -> Figures:
    """Medians of the rounds."""

    def middle(name: str) -> float:
        return round(median(getattr(window, name) for window in windows), 4)

    names = ("per_s", "p50_ms", "p99_ms", "others_cores")
    cpu = ("worker_cpu_ms", "broker_cpu_ms", "stub_cpu_ms", "client_cpu_ms")
    return Figures(
        **{name: middle(name) for name in (*names, *cpu)},
        requests=sum(window.measured for window in windows),
        rounds_per_s=tuple(round(window.per_s, 1) for window in windows),
    )


def ratio(ours: Figures, theirs: Figures) -> float:
    """Median of the rounds' own ratios: what disturbs one round disturbs both of its sides."""
    pairs = zip(ours.rounds_per_s, theirs.rounds_per_s, strict=True)
    return round(median(a / b for a, b in pairs), 3)


def bars(ratios: dict[str, float]) -> tuple[Bar, ...]:
    """Each bar against what was measured; what was not measured does not hold."""
    return tuple(
        Bar(
            name=name,
            at_least=least,
            measured=ratios.get(name),
            holds=ratios.get(name, 0.0) >= least,
        )
        for name, least in BARS.items()
    )
