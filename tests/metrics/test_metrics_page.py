"""The page over real HTTP, label values that stay clean, and several processes as one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.metrics import LABEL_SETS_MAX, Labelled, Metrics, serve_metrics


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_the_page_shows_what_was_counted() -> None:
    metrics = Metrics()
    metrics.requests("2207", "succeeded").inc()
    metrics.stage["gateway"].observe(0.2)
    metrics.breaker_state("main").set(2)
    runner = await serve_metrics("127.0.0.1", 0, metrics, dict)
    host, port = runner.addresses[0]
    status, text = await fetch(f"http://{host}:{port}/metrics")
    await runner.cleanup()
    assert status == 200
    assert 'yibao_requests_total{infno="2207",status="succeeded"} 1.0' in text
    assert 'yibao_stage_seconds_bucket{le="0.25",stage="gateway"} 1.0' in text
    assert 'yibao_breaker_state{gateway="main"} 2.0' in text
    assert "process_cpu_seconds_total" in text


async def test_healthz_tells_which_part_is_missing() -> None:
    parts = {"broker": True, "journal": True}
    runner = await serve_metrics("127.0.0.1", 0, Metrics(), lambda: parts)
    host, port = runner.addresses[0]
    well = await fetch(f"http://{host}:{port}/healthz")
    parts["broker"] = False
    ill = await fetch(f"http://{host}:{port}/healthz")
    await runner.cleanup()
    assert well == (200, '{"broker": true, "journal": true}')
    assert ill == (503, '{"broker": false, "journal": true}')


async def test_an_address_in_use_is_an_error_and_leaves_nothing_open() -> None:
    runner = await serve_metrics("127.0.0.1", 0, Metrics(), dict)
    port = runner.addresses[0][1]
    with pytest.raises(OSError, match="in use"):
        await serve_metrics("127.0.0.1", port, Metrics(), dict)
    await runner.cleanup()


@pytest.mark.parametrize(
    "planted",
    ["53010219900101123X", "13812345678", "6222021234567890123", "张三", "a b", "x" * 65, ""],
)
def test_what_may_be_an_identity_never_becomes_a_label(planted: str) -> None:
    metrics = Metrics()
    metrics.requests(planted, "succeeded").inc()
    metrics.parked(planted).inc()
    page = metrics.page().decode()
    assert not planted or planted not in page
    assert 'yibao_requests_total{infno="other",status="succeeded"} 1.0' in page


@given(st.text())
def test_label_values_are_always_plain_names(value: str) -> None:
    metrics = Metrics()
    metrics.consumer_missing(value).set(1)
    (label,) = re.findall(r'queue="([^"]*)"', metrics.page().decode())
    assert label in {value, "other"}
    assert re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", label)


def test_a_flood_of_made_up_names_is_counted_under_other() -> None:
    metrics = Metrics()
    for number in range(LABEL_SETS_MAX + 100):
        metrics.parked(f"r{number:05}").inc()
    page = metrics.page().decode()
    assert page.count("yibao_parked_total{") == LABEL_SETS_MAX + 1
    assert 'yibao_parked_total{reason="other"} 100.0' in page


def test_a_child_is_bound_once() -> None:
    metrics = Metrics()
    assert isinstance(metrics.requests, Labelled)
    assert metrics.requests("2207", "busy") is metrics.requests("2207", "busy")


WORKER = """
import sys
from bus.metrics import Metrics
metrics = Metrics()
metrics.requests("2207", "succeeded").inc()
metrics.in_flight.inc()
metrics.stage["queue"].observe(0.1)
if sys.argv[1] == "page":
    sys.stdout.write(metrics.page().decode())
"""


def run_worker(folder: Path, word: str) -> str:
    command = [sys.executable, "-c", WORKER, word]
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout


def test_several_processes_are_summed_and_the_dead_ones_hold_no_requests(tmp_path: Path) -> None:
    run_worker(tmp_path, "count")
    page = run_worker(tmp_path, "page")
    assert 'yibao_requests_total{infno="2207",status="succeeded"} 2.0' in page
    assert 'yibao_stage_seconds_count{stage="queue"} 2.0' in page
    assert re.search(r"^yibao_in_flight 1.0$", page, re.MULTILINE)
