"""``python -m bench.transports``: CPU microseconds per call of the gateway driver, by transport.

One process, 64 calls in flight, a stub centre in a process of its own; the transports take turns in
one run and the median of the rounds counts. The whole driver is measured (limits, breaker, signing,
deadline), not the transport alone. What it leaves out: TLS, a real network, a slow centre.
"""

import asyncio
import itertools
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench import proc
from bench.visits import TENANT, Requests
from bus.clock import SystemClock
from bus.config.settings import GatewaySettings
from bus.gateway.build import TRANSPORTS, build_gateway
from bus.gateway.http import HttpGateway
from bus.gateway.port import Answered, GatewayCall

IN_FLIGHT = 64
ROUNDS = 5
CALLS = 8_000
READY_S = 10.0


async def _drive(gateway: HttpGateway, calls: int) -> None:
    requests = Requests()
    numbers = iter(range(calls))

    async def one_after_another() -> None:
        for number in numbers:
            msgid = f"{TENANT}20261123101500{number:04d}"
            body = b'{"msgid":"%b",%b' % (msgid.encode(), requests.next()[1][1:])
            outcome = await gateway.call(
                GatewayCall(tenant=TENANT, infno="2207", msgid=msgid, body=body, deadline_s=30.0)
            )
            if not isinstance(outcome, Answered) or msgid.encode() not in outcome.body:
                raise RuntimeError(f"not answered: {outcome!r}")

    await asyncio.gather(*(one_after_another() for _ in range(IN_FLIGHT)))


async def _measure(transport: str, port: int) -> tuple[float, float]:
    """(calls per second, CPU microseconds per call)."""
    settings = GatewaySettings(url=f"http://127.0.0.1:{port}/", transport=transport)
    gateway = build_gateway("bench", settings, {}, SystemClock())
    try:
        await _drive(gateway, IN_FLIGHT * 4)
        cpu_s, start_s = time.process_time(), time.perf_counter()
        await _drive(gateway, CALLS)
        wall_s = time.perf_counter() - start_s
        return CALLS / wall_s, (time.process_time() - cpu_s) / CALLS * 1e6
    finally:
        await gateway.close()


async def _rounds(port: int) -> dict[str, list[tuple[float, float]]]:
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in TRANSPORTS}
    for _, name in itertools.product(range(ROUNDS), TRANSPORTS):
        seen[name].append(await _measure(name, port))
    return seen


def _wait_for(port: int) -> None:
    end = time.monotonic() + READY_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def main() -> int:
    """Measure and print one line per transport."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "bench.stub", "--port", str(port)]
        stub = proc.start(argv, Path(folder) / "stub.log", {})
        try:
            _wait_for(port)
            seen = uvloop.run(_rounds(port))
        finally:
            proc.stop(stub)
    for name, runs in seen.items():
        rate, cpu_us = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:10} {rate:8,.0f} calls/s  {cpu_us:6.0f} us CPU per call")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
