"""Desks at work while a part of the surroundings is taken away and comes back."""

import asyncio
from collections.abc import Awaitable, Callable

from compose.chaos.case import Asking, Case, judged, outcome_of, prepared
from compose.chaos.ground import ChaosStage, until
from compose.chaos.points import Fault
from compose.demo.prepare import ITEMS, cancelled
from compose.demo.program import Program
from compose.demo.visits import output_of
from producers.wire import Answer

DESKS = 8
PAUSE_S = 0.4
"""Between two requests of a desk: the load is to be met by something, not to be fast."""
SLOW = Fault("delay", {"s": 0.4})
SLOW_SHARE = 0.3
"""What some calls meet, so that the disturbance always finds calls under way."""
BEFORE, AFTER = 16, 16
"""Outcomes before the disturbance, and after it."""
FLOWING_S = 60.0
SALES_OF_ONE = 4

Disturb = Callable[[], Awaitable[None]]


class Shop:
    """Desks that sell and take back until the shop closes; ``what``: group and name of a case."""

    def __init__(
        self, stage: ChaosStage, programs: tuple[Program, Program], what: tuple[str, str]
    ) -> None:
        self._stage = stage
        self._his, self._other = programs
        self._what = what
        self._open = True
        self._asked: list[Asking] = []
        self._answered = 0

    async def during(self, disturb: Disturb) -> list[Case]:
        """Sell before, during and after the disturbance; every request is judged."""
        rates = {"rates": {SLOW.fault: SLOW_SHARE}, "params": {SLOW.fault: SLOW.params}}
        await self._stage.ask("/faults", rates)
        desks = [asyncio.create_task(self._desk()) for _ in range(DESKS)]
        flowing = await self._more(BEFORE)
        under_way = any(asking.running for asking in self._asked)
        await disturb()
        again = await self._more(AFTER)
        self._open = False
        await asyncio.gather(*desks)
        cases = [await judged(self._stage, asking, self._other) for asking in self._asked]
        if not (flowing and under_way):
            cases[0].violations.append("point: nothing was under way when it happened")
        if not again:
            cases[-1].violations.append("answered: too few outcomes afterwards")
        return cases

    async def _more(self, many: int) -> bool:
        wanted = self._answered + many

        async def enough() -> bool:
            return self._answered >= wanted

        return await until(enough, FLOWING_S)

    async def _desk(self) -> None:
        sales = 0
        while self._open:
            if sales % SALES_OF_ONE == 0:  # a look goes through all visits of a person's day
                first = await prepared(self._stage, self._his, (*self._what, "2102"))
            sales += 1
            sale = first.like(self._what, "2102", first.visit.purchase(ITEMS))
            sold = await self._through(sale)
            if sold is not None and sold.status == "succeeded" and self._open:
                data = cancelled(first.visit, output_of(sold))
                back = await self._through(first.like(self._what, "2103", data))
                sale.undone = back is not None and back.status == "succeeded"
            await asyncio.sleep(PAUSE_S)

    async def _through(self, asking: Asking) -> Answer | None:
        self._asked.append(asking)
        asking.start()
        answer = await outcome_of(asking)
        self._answered += 1
        return answer
