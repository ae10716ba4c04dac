"""Requests whose AMQP expiration passes while no worker runs: answered once one does."""

import asyncio
from collections.abc import Iterator

import pytest

from bus.topology import request_key
from compose.demo.stage import end
from compose.node import PrivateNode
from tests.consumers.bus_stage import FIRST, BusStage
from tests.door.raw_his import Heard, RawHis, calls, frame, raw_his, settlement


@pytest.fixture
def closed(
    broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusStage]:
    """A stage whose worker has gone home."""
    with BusStage(tmp_path_factory.mktemp("closed"), broker_node) as stage:
        end(stage.workers.pop())
        yield stage


async def test_a_request_that_expired_in_its_queue_is_told_so_once_a_worker_runs(
    closed: BusStage,
) -> None:
    async with raw_his(closed.his_url(FIRST), FIRST) as his:
        for infno, body in (("1201", frame()), ("2207", settlement())):
            key = request_key(infno, FIRST)
            await his.send(body, key, expiration="20", message_id=f"m-{infno}", user_id=his.user)
        await his.send(b"no request", request_key("2208", FIRST), expiration="20", message_id="m-0")
        await asyncio.to_thread(closed.start_worker)
        told = {heard.correlation_id: heard for heard in [await his.next() for _ in range(3)]}
        assert told["m-1201"].outcome == ("expired", "deadline_passed")
        assert told["m-2207"].outcome == ("expired", "deadline_passed")
        assert told["m-0"].outcome == ("invalid", "malformed")
        assert await asyncio.to_thread(calls, closed) == 0
        assert (await repeated(his)).outcome == ("expired", "deadline_passed")


async def repeated(his: RawHis) -> Heard:
    """The same 2207 once more under its key, this time with time enough."""
    return await his.ask(settlement(), "2207", message_id="m-2207")
