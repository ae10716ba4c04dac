"""The metrics page of a real worker after a known sequence of requests."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator

import pytest

from bus.metrics import STAGES, declared
from bus.topology import reply_queue, request_key
from compose.demo.stage import end
from compose.demo.visits import PILLS
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    PHARMACY,
    BusStage,
    Program,
    calls_of,
    final,
    hospital,
    measured,
    newcomer,
    program,
    seen,
    until,
)
from tests.door.raw_his import INSTITUTION, frame, raw_his

EXTRA = 'recovery = { 2102 = "escalate" }\n[gateways.centre.breaker]\nfailures = 2\nopen_s = 0.5\n'
"""The pharmacy, last in the file, leaves lost purchases to a person; the breaker opens early."""


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A stage whose only worker has a page."""
    with BusStage(tmp_path_factory.mktemp("figures"), broker_node, extra=EXTRA) as one:
        yield one


@pytest.fixture(scope="module")
def page(stage: BusStage) -> str:
    """Its address."""
    address = stage.start_measured_worker()
    end(stage.workers.pop(0))
    return address


def requests(figures: dict[str, float], infno: str, status: str) -> float:
    """Requests of a transaction with a status."""
    return figures.get(f'yibao_requests_total{{infno="{infno}",status="{status}"}}', 0.0)


async def figures_of(page: str) -> dict[str, float]:
    """All figures, read without holding up the programs of this process."""
    return dict(await asyncio.to_thread(measured, page))


async def test_before_the_first_request_every_metric_has_its_place(page: str) -> None:
    figures = await figures_of(page)
    names = {name.partition("{")[0] for name in figures}
    labelled = {name for name, metric in declared().items() if metric.labels}
    assert set(declared()) - names - labelled == set()
    for stage_name in STAGES:
        assert figures[f'yibao_stage_seconds_count{{stage="{stage_name}"}}'] == 0
    assert figures["yibao_broker_connected"] == 1
    assert figures["yibao_in_flight"] == 0
    assert figures['yibao_breaker_state{gateway="centre"}'] == 0
    states = ("doubtful", "verifying", "reversing", "held")
    await until(lambda: gauged(page, *(f'yibao_open_records{{state="{s}"}}' for s in states)))


async def gauged(page: str, *names: str) -> bool:
    """Whether all these gauges are there and nothing is open."""
    figures = await figures_of(page)
    return all(figures.get(name) == 0 for name in names)


async def test_the_health_page_says_that_all_is_well(page: str) -> None:
    def read() -> tuple[int, str]:
        address = page.replace("/metrics", "/healthz")
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - ours
            return answer.status, answer.read().decode()

    status, text = await asyncio.to_thread(read)
    assert (status, json.loads(text)) == (200, {"broker": True, "consumers": True})


async def test_a_known_sequence_gives_known_figures(
    stage: BusStage, page: str, his: Program
) -> None:
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    asked = await desk.outpatient(visit, [PILLS])
    before = await figures_of(page)
    desk.fault("2207", "lose_answer")
    told = await visit.ask("2207", asked, key="figures-1")
    assert told.code == "adopted"
    async with raw_his(stage.his_url(FIRST), FIRST) as other:
        again = frame("2207", asked, opter_name="示例收费员", insuplc_admdvs="530102")
        assert (await other.ask(again, "2207", message_id="figures-1")).outcome[0] == "succeeded"
        changed = frame("2207", {"data": {**asked["data"], "invono": "other"}})
        assert (await other.ask(changed, "2207", message_id="figures-1")).outcome[0] == "conflict"
        assert (await other.ask(b"hello", "2207")).outcome[0] == "invalid"
        assert (await other.ask(frame(), "9999")).outcome[0] == "invalid"
        assert (await other.ask(frame(), "示例")).outcome[0] == "invalid"
        past = {"deadline": "2020-01-01T00:00:00Z", "idempotency-key": "figures-2"}
        assert (await other.ask(frame(), headers=past)).outcome[0] == "expired"
        nobody = f"{reply_queue(FIRST)}.nobody"
        await other.send(frame(), request_key("1201", FIRST), reply_to=nobody, message_id="f-3")
    await until(lambda: counted(page, "yibao_unroutable_replies_total"))
    after = await figures_of(page)
    rise = {name: value - before.get(name, 0) for name, value in after.items()}
    assert requests(rise, "2207", "succeeded") == 2
    assert requests(rise, "2207", "conflict") == 1
    assert requests(rise, "2207", "invalid") == 1
    assert requests(rise, "9999", "invalid") == 1
    assert requests(rise, "other", "invalid") == 1
    assert requests(rise, "1201", "expired") == 1
    assert requests(rise, "1201", "succeeded") == 1
    assert rise['yibao_parked_total{reason="reply_unroutable"}'] == 1
    assert rise["yibao_redeliveries_total"] == rise["yibao_late_answers_total"] == 0
    assert rise["yibao_journal_unavailable_total"] == 0
    assert after["yibao_in_flight"] == 0
    assert rise['yibao_stage_seconds_count{stage="reply"}'] == 8
    # 2207 and its looks 5204 and 5203, then the 1201
    assert rise['yibao_stage_seconds_count{stage="gateway"}'] == 4
    assert rise['yibao_stage_seconds_count{stage="journal"}'] >= 3
    for name in STAGES:
        total = after[f'yibao_stage_seconds_sum{{stage="{name}"}}']
        assert 0 <= total < 120


async def counted(page: str, name: str) -> bool:
    """Whether a counter has moved."""
    return (await figures_of(page))[name] > 0


async def test_sign_ins_are_counted_by_result(page: str) -> None:
    figures = await figures_of(page)
    assert figures['yibao_sign_ins_total{result="ok"}'] == 1


async def test_the_wait_at_the_broker_is_measured(page: str, his: Program) -> None:
    name = 'yibao_stage_seconds_count{stage="queue"}'
    before = (await figures_of(page))[name]
    await his.call("1201", INSTITUTION)
    await until(lambda: reads(page, {name: before + 1}))


async def test_held_purchases_are_counted_with_their_age(stage: BusStage, page: str) -> None:
    async with program(stage, PHARMACY) as shop:
        desk = hospital(stage, shop)
        visit = await desk.with_card(newcomer(stage))
        desk.fault("2102", "lose_answer")
        told = await visit.ask("2102", visit.purchase([PILLS]), key="figures-held")
        assert told.code == "held"
        held, age = 'yibao_open_records{state="held"}', 'yibao_oldest_open_seconds{state="held"}'
        await until(lambda: reads(page, {held: 1}))
        assert 0 <= (await figures_of(page))[age] < 60
        words = ("held", "figures-held", "--decide", "look")
        assert (await asyncio.to_thread(stage.yibao, *words)).returncode == 0
        assert (await final(shop, told)).code == "adopted"
    await until(lambda: reads(page, {held: 0, age: 0}))


async def reads(page: str, wanted: dict[str, float]) -> bool:
    """Whether the page shows these figures."""
    figures = await figures_of(page)
    return all(figures.get(name) == value for name, value in wanted.items())


async def test_a_centre_that_is_down_opens_the_breaker_and_its_return_closes_it(
    stage: BusStage, page: str, his: Program
) -> None:
    state = 'yibao_breaker_state{gateway="centre"}'
    assert stage._sandbox is not None
    await asyncio.to_thread(end, stage._sandbox)
    codes = [(await his.call("1201", INSTITUTION)).code for _ in range(3)]
    assert codes[-1] == "breaker_open"
    assert set(codes) <= {"centre_unreachable", "breaker_open"}
    await until(lambda: one_of(page, state, {1, 2}))
    await asyncio.to_thread(stage.start_sandbox)
    await until(lambda: answered(his))
    await until(lambda: reads(page, {state: 0}))


async def one_of(page: str, name: str, wanted: set[float]) -> bool:
    """Whether a figure is one of these."""
    return (await figures_of(page))[name] in wanted


async def answered(his: Program) -> bool:
    """Whether the centre answers a query again."""
    return (await his.call("1201", INSTITUTION)).code == "ok"


async def test_messages_of_a_killed_worker_are_counted_as_redelivered(
    stage: BusStage, page: str, his: Program
) -> None:
    assert await counted(page, 'yibao_sign_ins_total{result="ok"}')
    desk = hospital(stage, his)
    visit = await desk.with_card(newcomer(stage))
    before = len(await calls_of(stage, "2102", FIRST))
    desk.fault("2102", "delay", s=1.0)
    asked = visit.purchase([PILLS])
    asking = asyncio.create_task(visit.ask("2102", asked, key="figures-killed"))
    await seen(stage, "2102", before)
    stage.kill_workers()
    other = await asyncio.to_thread(stage.start_measured_worker)
    assert (await asking).code == "adopted"
    succeeded = 'yibao_requests_total{infno="2102",status="succeeded"}'
    rest = {"yibao_redeliveries_total": 1.0, "yibao_in_flight": 0.0}
    await until(lambda: reads(other, {succeeded: 1.0} | rest))
