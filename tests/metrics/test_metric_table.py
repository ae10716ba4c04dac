"""The table of metrics, the code that binds them and the document say the same."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bus.metrics import STAGES, Metrics, declared

ROOT = Path(__file__).resolve().parents[2]


def bound(registry: CollectorRegistry) -> dict[str, Counter | Gauge | Histogram]:
    """What one process registered, by declared name."""
    found = {}
    for metric in set(registry._collector_to_names):
        if isinstance(metric, Counter | Gauge | Histogram):
            suffix = "_total" if isinstance(metric, Counter) else ""
            found[f"{metric._name}{suffix}"] = metric
    return found


def test_every_declared_metric_is_bound_as_declared_and_no_other_is() -> None:
    metrics = bound(Metrics().registry)
    assert set(metrics) == set(declared())
    for name, metric in metrics.items():
        assert metric._labelnames == declared()[name].labels
        assert type(metric).__name__.lower() == declared()[name].kind


@pytest.mark.parametrize("name", declared())
def test_every_metric_has_a_name_that_follows_the_conventions(name: str) -> None:
    metric = declared()[name]
    assert re.fullmatch(r"yibao_[a-z_]+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.mode) == (metric.kind == "gauge")
    assert bool(metric.buckets) == (metric.kind == "histogram")


def test_every_metric_is_set_by_somebody() -> None:
    sources = [file.read_text("utf-8") for file in (ROOT / "consumers").rglob("*.py")]
    text = "\n".join(sources)
    names = {name for name in vars(Metrics()) if not name.startswith("_")} - {"registry", "stage"}
    assert {name for name in names if not re.search(rf"metrics\.{name}\b", text)} == set()
    assert {stage for stage in STAGES if f'stage["{stage}"]' not in text} == set()


def test_no_label_is_named_after_something_personal() -> None:
    labels = {label for metric in declared().values() for label in metric.labels}
    calls = {"infno", "status", "stage", "state", "gateway", "queue", "reason", "result"}
    assert labels == calls | {"job"}


def test_the_document_lists_every_metric_and_no_other() -> None:
    text = (ROOT / "docs/metrics.md").read_text("utf-8")
    listed = re.findall(r"^\| `(yibao_\w+)` \|", text, re.MULTILINE)
    assert listed == list(declared())


def test_every_stage_has_its_histogram_before_the_first_request() -> None:
    page = Metrics().page().decode()
    assert all(f'yibao_stage_seconds_count{{stage="{stage}"}} 0.0' in page for stage in STAGES)
