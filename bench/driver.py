"""The callers of the cancellation churn: the bus's gateway driver, and httpx's own pool."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx

from bench.cancellation import CONNECTIONS, PLAIN_CALL_S, TASKS, Call
from bench.visits import TENANT, Requests
from bus.clock import SystemClock
from bus.config.settings import GatewaySettings
from bus.gateway.build import build_gateway
from bus.gateway.port import Answered, GatewayCall


def _envelopes() -> Iterator[tuple[str, bytes]]:
    """(msgid, envelope): just enough of one for the stub to settle."""
    requests = Requests()
    for number in itertools.count():
        msgid = f"{TENANT}20261123101500{number % 10_000:04d}"
        yield msgid, b'{"msgid":"%b",%b' % (msgid.encode(), requests.next()[1][1:])


@asynccontextmanager
async def driver_call(url: str) -> AsyncIterator[Call]:
    """The driver as a worker has it, with few connections."""
    settings = GatewaySettings(url=url, concurrency=TASKS, connections_max=CONNECTIONS)
    gateway = build_gateway("bench", settings, {}, SystemClock())
    envelopes = _envelopes()

    async def call() -> bool:
        msgid, body = next(envelopes)
        outcome = await gateway.call(
            GatewayCall(
                tenant=TENANT, infno="2207", msgid=msgid, body=body, deadline_s=PLAIN_CALL_S
            )
        )
        # An answer left on a connection by a cancelled call would carry another number.
        return isinstance(outcome, Answered) and msgid.encode() in outcome.body

    try:
        yield call
    finally:
        await gateway.close()


@asynccontextmanager
async def httpx_call(url: str) -> AsyncIterator[Call]:
    """httpx.AsyncClient with the pool it comes with."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    timeout = httpx.Timeout(2.0, pool=3.0)
    envelopes = _envelopes()
    async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client:

        async def call() -> bool:
            msgid, body = next(envelopes)
            try:
                response = await client.post(url, content=body)
            except httpx.HTTPError:
                return False
            return msgid.encode() in response.content

        yield call
