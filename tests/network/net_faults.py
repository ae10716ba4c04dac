"""Faults of a network, and what has to hold whatever the fault and the link."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from compose.demo.story import Hospital
from compose.demo.visits import PILLS, Visit
from consumers.order import Order
from producers.errors import HisClientError
from producers.wire import Answer
from tests.consumers.bus_stage import (
    Books,
    Program,
    admin,
    agree,
    books_of,
    calls_of,
    final,
    hospital,
    newcomer,
    seen,
    until,
)
from tests.door.raw_his import INSTITUTION
from tests.network.fault_proxy import FaultProxy, reused
from tests.network.net_stage import Net, NetStage, for_a_while

SHORT_S = 0.7
"""A fault that needs no time to be noticed."""
LONG_S = 3.0
"""Longer than every limit of the links: money calls, heartbeats, the database's answer."""

Fault = Callable[[FaultProxy], Coroutine[Any, Any, None]]
OUTCOMES = {"succeeded", "reversed", "unavailable"}
"""What may become of a purchase. Never ``rejected`` or ``invalid``: nobody said no to it."""


async def reset(proxy: FaultProxy) -> None:
    """RST on every connection, once."""
    proxy.reset()


async def cut(proxy: FaultProxy) -> None:
    """FIN on every connection, once."""
    proxy.cut()


async def unplugged(proxy: FaultProxy) -> None:
    """No connection for a while."""
    proxy.unplug()
    await for_a_while(proxy, SHORT_S)


async def out_dead(proxy: FaultProxy) -> None:
    """Nothing gets out; what the server says still arrives."""
    proxy.out.hold()
    await for_a_while(proxy, LONG_S)


async def back_dead(proxy: FaultProxy) -> None:
    """Everything gets out; nothing comes back."""
    proxy.back.hold()
    await for_a_while(proxy, LONG_S)


async def slow(proxy: FaultProxy) -> None:
    """Every piece comes late, both ways."""
    proxy.out.delay_s = proxy.back.delay_s = 0.1
    await for_a_while(proxy, SHORT_S)


async def drips(proxy: FaultProxy) -> None:
    """A few bytes at a time, both ways: no answer is whole within its limit."""
    proxy.out.drip_bytes = proxy.back.drip_bytes = 2
    proxy.out.delay_s = proxy.back.delay_s = 0.002
    await for_a_while(proxy, LONG_S)


async def reset_when_reused(proxy: FaultProxy) -> None:
    """RST at the next bytes on a connection that was used before."""
    proxy.trap = reused
    await for_a_while(proxy, SHORT_S)


async def answer_lost(proxy: FaultProxy) -> None:
    """The next bytes on a used connection arrive; RST instead of their answer."""
    proxy.trap, proxy.after_delivery = reused, True
    await for_a_while(proxy, SHORT_S)


async def half_closed_to_client(proxy: FaultProxy) -> None:
    """The server's side of every connection ends, the client's goes on."""
    proxy.half_close(client=True)


async def half_closed_to_server(proxy: FaultProxy) -> None:
    """The client's side of every connection ends, the server's goes on."""
    proxy.half_close(client=False)


FAULTS: tuple[Fault, ...] = (
    reset,
    cut,
    unplugged,
    out_dead,
    back_dead,
    slow,
    drips,
    reset_when_reused,
    answer_lost,
    half_closed_to_client,
    half_closed_to_server,
)
TRAPS = {reset_when_reused, answer_lost}


class Scene(msgspec.Struct, frozen=True):
    """The bus, a HIS behind the proxies, and a second program of the same HIS."""

    net: Net
    his: Program
    other: Program
    patients: list[str]

    @property
    def stage(self) -> NetStage:
        return self.net.stage


async def costs_nothing(scene: Scene, link: str, fault: Fault) -> None:
    """One purchase is in the middle of it when the fault comes, one begins then, one after it: each
    has one outcome, money moved once at most, and all links work again."""
    desk = hospital(scene.stage, scene.his)
    first, second, third = [await patient(scene, desk) for _ in range(3)]
    before = len(await calls_of(scene.stage, "2102"))
    proxy = scene.net.proxies[link]
    sprung = proxy.sprung
    idle = link == "centre" and fault in TRAPS  # only an idle connection is used again
    if link == "centre" and not idle:
        proxy.back.hold()  # its answer is under way when the fault comes
    else:
        desk.fault("2102", "delay", s=0.3)  # it is being worked on
    asked = [asyncio.create_task(purchase(scene, first))]
    await (asked[0] if idle else seen(scene.stage, "2102", before))
    spoiling = asyncio.create_task(fault(proxy))
    asked.append(asyncio.create_task(purchase(scene, second)))  # begun while it comes
    await spoiling
    proxy.heal()
    asked.append(asyncio.create_task(purchase(scene, third)))  # after it
    for answer in await asyncio.gather(*asked):
        await judge(scene, answer)
    assert proxy.sprung > sprung or fault not in TRAPS
    await until(lambda: whole(scene))


async def patient(scene: Scene, desk: Hospital) -> Visit:
    """Somebody new with a card."""
    visit = await desk.with_card(newcomer(scene.stage))
    scene.patients.append(visit.patient.psn_no)
    return visit


async def purchase(scene: Scene, visit: Visit) -> Answer:
    """A purchase whose cashier insists until there is a final outcome."""
    data = visit.purchase([PILLS])
    key = data["druginfo"]["invono"]
    async with asyncio.timeout(50):
        while True:
            try:
                return await final(scene.his, await visit.ask("2102", data, key=key, wait_s=10.0))
            except HisClientError:
                await asyncio.sleep(0.1)


async def judge(scene: Scene, told: Answer) -> None:
    """HIS, journal and centre agree; whoever asks again is told the same."""
    assert told.status in OUTCOMES, told
    books = await until(lambda: decided(scene, told.key))
    agree(told, books)
    copies = {body for body in scene.his.told[told.key] if b'"in_doubt"' not in body}
    assert len(copies) == 1
    again = await asked_by_another(scene, books, told.key)
    assert again == copies


async def decided(scene: Scene, key: str) -> Books | None:
    """The books of a request, once they are closed."""
    books = await books_of(scene.stage, key)
    return books if str(books.record.state) in OUTCOMES else None


async def asked_by_another(scene: Scene, books: Books, key: str) -> set[bytes]:
    """What a program is told that asks for the same without knowing of the first one."""
    content = bytes(Order.from_bytes(books.record.request).input)
    told = await scene.other.call("2102", content, key=key, insuplc_admdvs="530102")
    assert told.status.is_final
    return set(scene.other.told[key])


async def whole(scene: Scene) -> bool:
    """Whether every link works again."""
    healthy = scene.net.worker.health() == {"broker": True, "consumers": True}
    return healthy and (await scene.his.call("1201", INSTITUTION)).code == "ok"


async def nothing_unknown(scene: Scene) -> None:
    """Whatever is in effect at the centre, a HIS was told so; nobody bought twice."""
    told = {str(body) for bodies in scene.his.told.values() for body in bodies}
    for psn_no in scene.patients:
        rows = await admin(scene.stage, f"/books/settlements?psn_no={psn_no}")
        live = [row for row in rows if row["live"] and not row["counter_of"]]
        assert len(live) <= 1
        for row in live:
            assert any(row["msgid"] in body and '"succeeded"' in body for body in told)
