"""Bringing the broker to a declared state, and comparing it with one."""

import asyncio
from collections.abc import Iterable

import msgspec
from aiormq.abc import AbstractChannel

from bus.broker.errors import BrokerRefusedError, QueueMissingError, TopologyConflictError
from bus.broker.link import RPC_S, Lane, Link, Translated
from bus.topology.items import Binding, Exchange, Item, Queue


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker differs from the declaration; ``problem``: missing, differs, refused."""

    item: Item
    problem: str
    detail: str = ""


async def apply(link: Link, items: Iterable[Item]) -> None:
    """Declare what is missing. Raises ``TopologyConflictError``, ``BrokerRefusedError`` or
    ``BrokerUnreachableError``; what stands before the fault is declared."""
    lane = await link.lane(_nothing)
    try:
        for item in items:
            await _declare(lane.channel, item, passive=False)
    finally:
        await lane.close()


async def check(link: Link, items: Iterable[Item]) -> tuple[Difference, ...]:
    """What is missing or has other properties. Creates nothing. Bindings cannot be asked for over
    AMQP; applying them again does no harm."""
    found = [await _difference(link, item) for item in items if not isinstance(item, Binding)]
    return tuple(each for each in found if each is not None)


async def _difference(link: Link, item: Item) -> Difference | None:
    """Each item on a channel of its own: the broker closes a channel with its refusal."""
    lane = await link.lane(_nothing)
    try:
        await _declare(lane.channel, item, passive=True)
        # It exists, so declaring it creates nothing: the broker only compares.
        await _declare(lane.channel, item, passive=False)
    except QueueMissingError:
        return Difference(item=item, problem="missing")
    except TopologyConflictError as error:
        return Difference(item=item, problem="differs", detail=str(error))
    except BrokerRefusedError as error:
        return Difference(item=item, problem="refused", detail=str(error))
    finally:
        await lane.close()
    return None


async def _declare(channel: AbstractChannel, item: Item, *, passive: bool) -> None:
    with Translated():
        async with asyncio.timeout(RPC_S):
            if isinstance(item, Exchange):
                await channel.exchange_declare(
                    item.name,
                    exchange_type=item.kind,
                    durable=True,
                    passive=passive,
                    arguments=dict(item.arguments()),
                )
            elif isinstance(item, Queue):
                await channel.queue_declare(
                    item.name, durable=True, passive=passive, arguments=dict(item.arguments())
                )
            else:
                await channel.queue_bind(item.queue, item.exchange, item.key)


def _nothing(_lane: Lane, _method: bytes, _header: bytes, _body: bytes) -> None:
    """No messages on this channel."""
