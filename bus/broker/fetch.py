"""Fetching single messages, for people: the list of parked messages and its replay."""

import asyncio

from bus.broker.errors import BrokerUnreachableError, QueueMissingError
from bus.broker.frames import get_frame
from bus.broker.link import RPC_S, Lane, Link
from bus.broker.port import Delivery
from bus.broker.received import GET_OK, delivery


class Fetcher:
    """basic.get on a channel of its own. Its frames are ours, as a library's decoder gives up on
    properties that are not UTF-8."""

    def __init__(self) -> None:
        self._lane: Lane | None = None
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[Delivery | None] | None = None

    async def get(self, link: Link, queue: str) -> Delivery | None:
        """One message or None."""
        async with self._lock:
            lane = self._lane
            if lane is None or not lane.is_open:
                lane = self._lane = await link.lane(self._arrived)
            answer: asyncio.Future[Delivery | None] = asyncio.get_running_loop().create_future()
            self._answer = answer
            lane.write(get_frame(lane.number, queue))
            closed = asyncio.ensure_future(lane.closed.wait())
            try:
                await asyncio.wait(
                    (answer, closed), timeout=RPC_S, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                closed.cancel()
                self._answer = None
            if answer.done():
                return answer.result()
            if lane.is_open:
                raise BrokerUnreachableError(f"no answer within {RPC_S:.0f} s")
            if "NOT_FOUND" in lane.reason:
                raise QueueMissingError(lane.reason)
            raise BrokerUnreachableError(lane.reason or "the connection was lost")

    def _arrived(self, lane: Lane, method: bytes, header: bytes, body: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        found = delivery(method, header, body, lane) if method.startswith(GET_OK) else None
        self._answer.set_result(found)
