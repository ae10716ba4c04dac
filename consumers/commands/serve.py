"""``yibao serve``: the worker process."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from aiohttp import web

from bus.command_line import CommandError, ExitCode
from bus.config.load import load_settings
from bus.config.settings import Settings
from bus.logs import configure as configure_logs
from bus.logs import log
from bus.metrics import serve_metrics
from consumers.worker import Worker, lanes_of, worker_name

COLLECT_AFTER = (10_000, 20, 50)
"""Objects, and collections of the younger generations, before a collection."""
SUMMARY = "run the worker: requests from the broker to the centre and back"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--only",
        default="",
        metavar="INFNO,INFNO",
        help="serve these transactions only (default: all)",
    )
    parser.add_argument(
        "--metrics-port",
        type=int,
        default=-1,
        metavar="N",
        help="serve /metrics and /healthz on this port (0 takes any; default: no page)",
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning"))


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT; then drain and stop."""
    settings = load_settings(args.config, os.environ)
    configure_logs(sys.stderr, args.log_level, worker_name(settings))
    only = chosen(args.only, settings)
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(_serve(settings, only, args.metrics_port))
    return ExitCode.OK


def chosen(only: str, settings: Settings) -> tuple[str, ...]:
    """The transactions of ``--only``; one that no institution has would be served by nobody."""
    infnos = tuple(infno for infno in only.split(",") if infno)
    unknown = ", ".join(sorted(set(infnos) - lanes_of(settings).keys()))
    if unknown:
        raise CommandError(
            f"--only names transactions no institution has: {unknown}",
            f"--only 中的交易未在任何机构开通：{unknown}",
            ExitCode.USAGE,
        )
    return infnos


def settle_collector() -> None:
    """What start-up has made stays for good, so the collector need not look at it again; requests
    leave no cycles behind, so it may look less often (5 % of the CPU time of a request)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's factory; ``None`` (asyncio's own) where there is none, a tenth slower."""
    return None if find_spec("uvloop") is None else import_module("uvloop").new_event_loop


async def _serve(settings: Settings, only: tuple[str, ...], metrics_port: int) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    worker = await start_unless(told, settings, only)
    if worker is None:
        return
    page = None
    try:
        if metrics_port >= 0:
            page = await serve_page(settings, metrics_port, worker)
        await told.wait()
        log("worker_stopping")
    finally:
        await worker.stop()
        if page is not None:
            await page.cleanup()


async def start_unless(
    told: asyncio.Event, settings: Settings, only: tuple[str, ...]
) -> Worker | None:
    """A worker that consumes; ``None`` when the process is told to stop before there is one (the
    broker may be away for long)."""
    starting = asyncio.create_task(Worker.start(settings, only))
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        return starting.result()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return None


async def serve_page(settings: Settings, port: int, worker: Worker) -> web.AppRunner:
    """The metrics page; ``CommandError`` when its address cannot be had."""
    host = settings.worker.metrics_host
    try:
        page = await serve_metrics(host, port, worker.metrics, worker.health)
    except OSError as error:
        raise CommandError(
            f"the metrics page cannot have {host}:{port}: {error.strerror}",
            f"指标页面无法使用地址 {host}:{port}",
            ExitCode.USAGE,
        ) from error
    log("metrics_served", port=page.addresses[0][1])
    return page
