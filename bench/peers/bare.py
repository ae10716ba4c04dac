"""Peer (a): aio-pika and aiohttp, nothing else. No journal, no checks, no idempotency.

It is written to be fast: uvloop, msgspec for JSON, one session without a connection limit, confirms
in parallel, and the centre's answer passed on as it came.
"""

import asyncio

import aio_pika
import aiohttp
import msgspec
import uvloop
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from bench.peers import job


class Worker:
    """One request in, one call, one reply."""

    def __init__(self, session: aiohttp.ClientSession, replies: AbstractExchange) -> None:
        self._session = session
        self._replies = replies

    async def handle(self, message: AbstractIncomingMessage) -> None:
        """Acknowledged after the reply is confirmed; returned to the queue on any error."""
        async with message.process(requeue=True):
            envelope = msgspec.json.encode(job.envelope(msgspec.json.decode(message.body)))
            async with self._session.post(job.GATEWAY, data=envelope, headers=job.HEADERS) as call:
                answer = await call.read()
            reply = aio_pika.Message(
                answer,
                content_type="application/json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                correlation_id=message.correlation_id,
            )
            await self._replies.publish(reply, routing_key=message.reply_to or "", mandatory=True)


async def main() -> None:
    """Declare, consume, until stopped."""
    connection = await aio_pika.connect_robust(job.URL)
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(prefetch_count=job.PREFETCH)
    exchange = await channel.declare_exchange(
        job.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True
    )
    queue = await channel.declare_queue(
        job.QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
    )
    await queue.bind(exchange, job.BINDING)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await queue.consume(Worker(session, channel.default_exchange).handle)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
