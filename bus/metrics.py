"""What the bus counts and measures, and the page it is read from.

Declared once, in ``metrics.toml``. Each process has its own registry. When
``PROMETHEUS_MULTIPROC_DIR`` is set (to an empty folder, before the process starts), the processes
of one host share their values through files in it and any of them serves the sum; without it each
process serves its own.

Label values are bounded in form and number, so that no identity and no flood of made-up
transaction numbers can get in.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from bus.masking import masked_text

STAGES = ("queue", "journal", "gateway", "reply")
OTHER = "other"
"""Label value of everything that is not a proper name."""
LABEL_SETS_MAX = 4000
"""Label combinations per metric: about 300 transactions x 9 statuses with room; whatever comes
after is counted under ``other``."""

_LABEL_VALUE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_LIVE_FILE = re.compile(r"gauge_live[a-z]+_(\d+)\.db")

Mode = Literal["livesum", "livemax", "livemin"]


class Metric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One metric as declared."""

    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    en: str
    zh: str
    labels: tuple[str, ...] = ()
    mode: Mode | None = None
    buckets: tuple[float, ...] = ()


@cache
def declared() -> dict[str, Metric]:
    """All metrics by name, in the order of the data file."""
    text = resources.files("bus").joinpath("metrics.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Metric])


M = TypeVar("M", Counter, Gauge)


class Labelled(Generic[M]):
    """A metric with labels whose children are kept, so that the hot path does one lookup."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def __call__(self, *values: str) -> M:
        """The child for these label values, in the declared order."""
        child = self._children.get(values)
        return self._child(values) if child is None else child

    def _child(self, values: tuple[str, ...]) -> M:
        full = len(self._children) >= LABEL_SETS_MAX
        safe = tuple(OTHER if full or not _is_name(value) else value for value in values)
        child: M = self._metric.labels(*safe)
        if safe == values:
            self._children[values] = child
        return child


class Metrics:
    """All metrics of one process; make one per process.

    Counters are increased with ``.inc()``, gauges set with ``.set()``; those with labels are called
    with the label values first: ``metrics.requests("2207", "succeeded").inc()``.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if not self._shared:
            ProcessCollector(registry=self.registry)
        self.requests = Labelled(self._counter("yibao_requests_total"))
        stage = self._histogram("yibao_stage_seconds")
        self.stage = {name: stage.labels(name) for name in STAGES}
        """By stage name: ``metrics.stage["gateway"].observe(seconds)``."""
        self.in_flight = self._gauge("yibao_in_flight")
        self.open_records = Labelled(self._gauge("yibao_open_records"))
        self.oldest_open_seconds = Labelled(self._gauge("yibao_oldest_open_seconds"))
        self.breaker_state = Labelled(self._gauge("yibao_breaker_state"))
        self.consumer_missing = Labelled(self._gauge("yibao_consumer_missing"))
        self.broker_connected = self._gauge("yibao_broker_connected")
        self.redeliveries = self._counter("yibao_redeliveries_total")
        self.late_answers = self._counter("yibao_late_answers_total")
        self.unroutable_replies = self._counter("yibao_unroutable_replies_total")
        self.parked = Labelled(self._counter("yibao_parked_total"))
        self.journal_unavailable = self._counter("yibao_journal_unavailable_total")
        self.identity_faults = Labelled(self._counter("yibao_identity_faults_total"))
        self.sign_ins = Labelled(self._counter("yibao_sign_ins_total"))
        self.schedule_runs = Labelled(self._counter("yibao_schedule_runs_total"))

    def page(self) -> bytes:
        """The metrics in Prometheus text format: of this process, or of all processes that share
        ``PROMETHEUS_MULTIPROC_DIR``."""
        if not self._shared:
            return generate_latest(self.registry)
        forget_dead_processes(Path(self._shared))
        together = CollectorRegistry(auto_describe=False)
        MultiProcessCollector(together, path=self._shared)  # type: ignore[no-untyped-call]  # theirs
        return generate_latest(together)

    def _counter(self, name: str) -> Counter:
        return Counter(name, **self._common(name))

    def _gauge(self, name: str) -> Gauge:
        mode = declared()[name].mode
        assert mode is not None  # noqa: S101 - a test holds metrics.toml to it
        return Gauge(name, multiprocess_mode=mode, **self._common(name))

    def _histogram(self, name: str) -> Histogram:
        return Histogram(name, buckets=declared()[name].buckets, **self._common(name))

    def _common(self, name: str) -> dict[str, Any]:
        metric = declared()[name]
        return {
            "documentation": metric.en,
            "labelnames": metric.labels,
            "registry": self.registry,
        }


async def serve_metrics(
    host: str, port: int, metrics: Metrics, health: Callable[[], Mapping[str, bool]]
) -> web.AppRunner:
    """Serve ``/metrics`` and ``/healthz`` until ``await runner.cleanup()``; port 0 takes any, and
    ``runner.addresses`` tells which.

    ``health`` names what must hold (``{"broker": True, "journal": True}``); ``/healthz`` answers it
    as JSON, 200 when all hold, else 503. ``OSError`` when the address cannot be had.
    """

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=metrics.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        checks = dict(health())
        status = 200 if all(checks.values()) else 503
        return web.json_response(checks, status=status)

    app = web.Application()
    app.router.add_get("/metrics", page)
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def forget_dead_processes(folder: Path) -> None:
    """Take the gauges of processes that are gone (a kill -9 leaves them) out of the sum."""
    for file in folder.glob("gauge_live*.db"):
        match = _LIVE_FILE.fullmatch(file.name)
        if match and not _is_alive(int(match[1])):
            mark_process_dead(int(match[1]), str(folder))  # type: ignore[no-untyped-call]  # theirs


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_name(value: str) -> bool:
    return _LABEL_VALUE.fullmatch(value) is not None and masked_text(value) == value


disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
