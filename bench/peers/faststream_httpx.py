"""Peer (b): FastStream and httpx.AsyncClient, put together as their documentation shows.

A subscriber whose return value goes to reply_to, JSON decoded and encoded by the framework, one
client for the process's life opened in the lifespan hook, the client's default limits. Two settings
favour it: uvloop, and no per-message log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import (
    Channel,
    ExchangeType,
    QueueType,
    RabbitBroker,
    RabbitExchange,
    RabbitQueue,
)

from bench.peers import job

broker = RabbitBroker(job.URL, logger=None, default_channel=Channel(prefetch_count=job.PREFETCH))
clients: list[httpx.AsyncClient] = []


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """One client while the application runs."""
    async with httpx.AsyncClient(timeout=60.0) as client:
        clients.append(client)
        yield


app = FastStream(broker, lifespan=lifespan)


@broker.subscriber(
    RabbitQueue(job.QUEUE, routing_key=job.BINDING, durable=True, queue_type=QueueType.QUORUM),
    RabbitExchange(job.EXCHANGE, type=ExchangeType.TOPIC, durable=True),
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
async def settle(body: dict[str, Any]) -> dict[str, Any]:
    """One call to the centre."""
    response = await clients[0].post(job.GATEWAY, json=job.envelope(body))
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


if __name__ == "__main__":
    uvloop.run(app.run())
