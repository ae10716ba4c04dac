"""The bus's gateway driver as a plain call, for the cancellation churn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.cancellation import Call


@asynccontextmanager
async def driver_call(url: str, connections_max: int) -> AsyncIterator[Call]:
    raise NotImplementedError
    yield
