"""A HIS program of another vendor: it publishes whatever bytes and properties it is given."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiormq
import msgspec
from aiormq.abc import AbstractChannel, ChannelFrame, DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands

from bus.broker.frames import publish_frames
from bus.broker.port import Message
from bus.topology import REQUESTS_EXCHANGE, reply_queue, request_key
from compose.demo.stage import Stage
from schemas.contract import Reply

REPLY_S = 20.0
FRAME_BYTES = 131_072
DIRECT = "amq.rabbitmq.reply-to"
SETTLEMENT: Any = json.loads(
    (Path(__file__).parents[2] / "docs/examples/settle-2207.json").read_text("utf-8")
)
"""An input of 2207 that follows the specification."""
INSTITUTION: Any = {
    "medinsinfo": {
        "fixmedins_type": "1",
        "fixmedins_name": "示例市第一医院",
        "fixmedins_code": "H53010200001",
    }
}
"""An input of 1201, a query about the institution itself."""

_numbers = itertools.count(1)


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A reply as it arrived: in which queue, with which properties."""

    queue: str
    correlation_id: str
    type: str
    headers: dict[str, Any]
    reply: Reply

    @property
    def outcome(self) -> tuple[str, str]:
        """Status and code."""
        return str(self.reply.status), self.reply.code

    @property
    def faults(self) -> dict[str, str]:
        """Path -> problem of every fault."""
        return {fault.path: fault.problem for fault in self.reply.faults}


class RawHis:
    """One channel of a HIS. Replies of the queues it reads arrive in ``inbox`` in their order."""

    def __init__(self, channel: AbstractChannel, url: str, tenant: str) -> None:
        self.channel = channel
        self.tenant = tenant
        self.user = unquote(urlsplit(url).username or "")
        self.inbox: asyncio.Queue[Heard] = asyncio.Queue()

    async def read(self, queue: str) -> None:
        """Take what arrives in ``queue`` from now on; what was left over in it is thrown away."""
        if queue != DIRECT:
            await self.channel.queue_purge(queue)

        async def arrived(message: DeliveredMessage) -> None:
            properties = message.header.properties
            heard = Heard(
                queue=queue,
                correlation_id=properties.correlation_id or "",
                type=properties.message_type or "",
                headers=dict(properties.headers or {}),
                reply=msgspec.json.decode(message.body, type=Reply),
            )
            self.inbox.put_nowait(heard)

        await self.channel.basic_consume(queue, arrived, no_ack=True)

    async def own_queue(self, name: str, **arguments: Any) -> str:
        """Declare ``yibao.replies.<tenant>.<name>`` as the contract says."""
        queue = f"{reply_queue(self.tenant)}.{name}"
        given = {"x-queue-type": "quorum", **arguments}
        await self.channel.queue_declare(queue, durable=True, arguments=given)
        return queue

    async def send(
        self, body: bytes, routing_key: str, exchange: str = REQUESTS_EXCHANGE, **properties: Any
    ) -> None:
        """Publish and wait for the confirm; the broker's refusal leaves as aiormq's exception.
        ``user_id=None`` leaves out who sends it."""
        given = {"user_id": self.user, **properties}
        await self.channel.basic_publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=commands.Basic.Properties(delivery_mode=2, **given),
            mandatory=True,
        )

    async def ask_bare(self, message: Message, mark: str = "", spelling: bytes = b"") -> Heard:
        """Publish what no client library would: nothing but the user is added, and ``mark`` becomes
        other bytes of the same number. The next reply."""
        message = msgspec.structs.replace(message, user_id=self.user)
        channel = await self.channel.connection.channel(publisher_confirms=False)
        frames = publish_frames(channel.number, message, message.message_id, FRAME_BYTES)
        assert len(mark) == len(spelling)
        written = frames.replace(mark.encode(), spelling) if mark else frames
        assert isinstance(channel, Channel)
        await channel.write_queue.put(ChannelFrame(payload=written, should_close=False))
        return await self.next()

    async def ask(self, body: bytes, infno: str = "1201", **properties: Any) -> Heard:
        """Publish under the hospital's own routing key, as its own user; the next reply."""
        given = {"message_id": f"m-{next(_numbers)}", **properties}
        await self.send(body, request_key(infno, self.tenant), **given)
        return await self.next()

    async def next(self) -> Heard:
        """The next reply."""
        async with asyncio.timeout(REPLY_S):
            return await self.inbox.get()


@asynccontextmanager
async def raw_his(url: str, tenant: str, *queues: str) -> AsyncIterator[RawHis]:
    """A connection of a HIS that reads ``queues`` (default: the tenant's shared reply queue)."""
    connection = await aiormq.connect(url)
    try:
        his = RawHis(await connection.channel(publisher_confirms=True), url, tenant)
        for queue in queues or (reply_queue(tenant),):
            await his.read(queue)
        yield his
    finally:
        await connection.close()


def frame(infno: str = "1201", content: Any = INSTITUTION, **members: Any) -> bytes:
    """A request body; ``content`` is its input."""
    head = {"infno": infno, "input": content, "opter": "0001", "insuplc_admdvs": "530102"}
    whole = {**head, **members}
    return json.dumps(whole, ensure_ascii=False).encode()


def settlement(**changes: Any) -> bytes:
    """The body of a 2207 with some fields of its input changed; ``None`` leaves one out."""
    data = {**SETTLEMENT["data"], **changes}
    kept = {name: value for name, value in data.items() if value is not None}
    return frame("2207", {"data": kept})


def calls(stage: Stage) -> int:
    """How many calls the centre has had."""
    return len(stage.admin("/books/calls"))


async def serves(his: RawHis) -> None:
    """The bus still answers a good request."""
    heard = await his.ask(frame())
    assert heard.outcome == ("succeeded", "ok")
