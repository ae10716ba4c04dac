"""Does a client's pool survive cancelled calls? Time-outs and shutdowns cancel; a settlement worker
must not seize up for it.

Twenty tasks share ten connections; each call is cancelled at a random moment within 4 ms while the
stub answers after 2 ms. Afterwards ten plain calls must succeed. The same churn runs on
httpx.AsyncClient with its own pool as a control: a churn that harms nobody would prove nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec

CONNECTIONS = 10
TASKS = 20
PLAIN_CALLS = 10
LATENCY_MS = 2
CANCEL_WITHIN_S = 0.004
PLAIN_CALL_S = 5.0

Call = Callable[[], Awaitable[bool]]


class Churn(msgspec.Struct, frozen=True, kw_only=True):
    """Calls during the churn, and how many of ``of`` plain calls succeeded after it."""

    completed: int
    cancelled: int
    failed: int
    served: int
    of: int = PLAIN_CALLS


async def churn(call: Call, seconds: float) -> Churn:
    """``call`` returns whether it was answered rightly."""
    loop = asyncio.get_running_loop()
    moments = random.Random(20_261_123)  # noqa: S311 - moments of cancellation, not secrets
    counts = {"completed": 0, "cancelled": 0, "failed": 0}
    end = loop.time() + seconds

    async def one_after_another() -> None:
        while loop.time() < end:
            counts[await _cancelled_call(call, moments.random() * CANCEL_WITHIN_S)] += 1

    await asyncio.gather(*(one_after_another() for _ in range(TASKS)))
    served = await asyncio.gather(*(_plain_call(call) for _ in range(PLAIN_CALLS)))
    return Churn(**counts, served=sum(served))


async def _cancelled_call(call: Call, after_s: float) -> str:
    task = asyncio.ensure_future(call())
    await asyncio.sleep(after_s)
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, asyncio.CancelledError):
        return "cancelled"
    return "completed" if result is True else "failed"


async def _plain_call(call: Call) -> bool:
    try:
        async with asyncio.timeout(PLAIN_CALL_S):
            return await call()
    except TimeoutError:
        return False
