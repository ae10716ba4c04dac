"""A small real consumer that acts as the bus towards a HIS, per docs/his-contract.md.

It keeps one outcome per (tenant, key), answers a repeat from its store, and can be told to be
slow, to answer twice, to answer for somebody else first, or to be in doubt.
"""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import aio_pika
import msgspec
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection

from bus import topology
from bus.clock import SystemClock, from_rfc3339
from schemas.contract import Reply, Status
from schemas.outcomes import outcome


def reply_of(code: str, infno: str, **more: Any) -> Reply:
    """A reply with the code's status and the cashier's text."""
    entry = outcome(code)
    return Reply(status=entry.status, code=code, message=entry.zh, infno=infno, **more)


class Responder:
    """Answers on ``yibao.<infno>``. ``code`` is what new requests get (default: ``ok``)."""

    def __init__(self, url: str, infnos: tuple[str, ...] = ("2207", "1101")) -> None:
        self.code = "ok"
        self.copies = 1
        self.stray_first = False
        self.executed: Counter[str] = Counter()
        """How often a key was really carried out: never more than once."""
        self.asked: Counter[str] = Counter()
        self.seen: list[AbstractIncomingMessage] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._arrived = asyncio.Condition()
        self._told: dict[tuple[str, str], tuple[Any, Reply]] = {}
        self._url = url
        self._infnos = infnos
        self._connection: AbstractRobustConnection
        self._channel: aio_pika.abc.AbstractRobustChannel

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect_robust(self._url, reconnect_interval=0.2)
        self._channel = await self._connection.channel()
        self._requests = await self._channel.declare_exchange(
            topology.REQUESTS_EXCHANGE, "topic", durable=True
        )
        self._events = await self._channel.declare_exchange(
            topology.EVENTS_EXCHANGE, "topic", durable=True
        )
        for infno in self._infnos:
            queue = await self._channel.declare_queue(
                f"yibao.{infno}", durable=True, arguments={"x-queue-type": "quorum"}
            )
            await queue.bind(self._requests, f"{infno}.*")
            await queue.consume(self._take)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.close()

    async def declare_shared_replies(self, tenant: str) -> None:
        """The tenant's own durable reply queue, which the bus declares."""
        await self._channel.declare_queue(
            f"yibao.replies.{tenant}", durable=True, arguments={"x-queue-type": "quorum"}
        )

    async def arrival(self, count: int = 1) -> None:
        """Wait until this many requests, repeats included, have come in."""
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(lambda: self.asked.total() >= count)

    async def settle(self, tenant: str, key: str, code: str) -> None:
        """Resolve a doubt: the stored outcome changes and the event goes out."""
        request, told = self._told[tenant, key]
        final = reply_of(code, told.infno)
        self._told[tenant, key] = (request, final)
        await self._events.publish(
            aio_pika.Message(
                msgspec.json.encode(final),
                headers={"idempotency-key": key},
                correlation_id=key,
                delivery_mode=2,
            ),
            f"settlement.{tenant}.{final.status}",
            mandatory=False,
        )

    async def forge(self, tenant: str, key: str, code: str) -> None:
        """Publish a device event with a copy to those who wait for settlements, as a user who may
        publish device events only can on some brokers."""
        said = reply_of(code, "2207")
        copies: Any = {"idempotency-key": key, "CC": [f"settlement.{tenant}.{said.status}"]}
        message = aio_pika.Message(msgspec.json.encode(said), headers=copies, correlation_id=key)
        await self._events.publish(message, f"device.{tenant}.desk.card", mandatory=False)

    def forget_event(self, tenant: str, key: str, code: str) -> None:
        """Resolve a doubt without telling anybody, as if the event had been lost."""
        request, told = self._told[tenant, key]
        self._told[tenant, key] = (request, reply_of(code, told.infno))

    async def _take(self, message: AbstractIncomingMessage) -> None:
        key = str(message.headers.get("idempotency-key") or message.message_id)
        tenant = (message.routing_key or "").rpartition(".")[2]
        self.seen.append(message)
        async with self._arrived:
            self.asked[key] += 1
            self._arrived.notify_all()
        reply = self._decide(tenant, key, message)
        await self.may_answer.wait()
        if reply.code != "key_reused":
            reply = self._told[tenant, key][1]
        with suppress(aio_pika.exceptions.AMQPError, RuntimeError):
            await self._answer(message, tenant, reply)
            await message.ack()

    def _decide(self, tenant: str, key: str, message: AbstractIncomingMessage) -> Reply:
        body = json.loads(message.body)
        known = self._told.get((tenant, key))
        if known:
            return known[1] if known[0] == body else reply_of("key_reused", body["infno"])
        if SystemClock().now_ms() > from_rfc3339(str(message.headers["deadline"])):
            reply = reply_of("deadline_passed", body["infno"])
        else:
            self.executed[key] += 1
            output = msgspec.Raw(b'{"setlinfo":{"fund_pay_sumamt":"80.00"}}')
            ok = {"output": output} if self.code == "ok" else {}
            reply = reply_of(self.code, body["infno"], msgid="H" + "0" * 29, attempts=1, **ok)
        self._told[tenant, key] = (body, reply)
        return reply

    async def _answer(self, message: AbstractIncomingMessage, tenant: str, reply: Reply) -> None:
        if self.stray_first:
            wrong = msgspec.structs.replace(reply, status=Status.REJECTED, code="refused")
            await self._send(message, tenant, wrong, "somebody-else")
            await self._send(message, tenant, None, str(message.correlation_id))
        for _ in range(self.copies):
            await self._send(message, tenant, reply, str(message.correlation_id))

    async def _send(
        self, message: AbstractIncomingMessage, tenant: str, reply: Reply | None, correlation: str
    ) -> None:
        queue = message.reply_to or f"yibao.replies.{tenant}"
        await self._channel.default_exchange.publish(
            aio_pika.Message(
                msgspec.json.encode(reply) if reply else b"not a reply",
                correlation_id=correlation,
                content_type="application/json",
                type=message.type,
                delivery_mode=2,
            ),
            queue,
            mandatory=not queue.startswith("amq."),
        )
