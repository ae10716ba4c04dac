"""The declaration as values, and on the real broker: applied, checked, differences named."""

import pytest

from bus.broker.client import Broker
from bus.broker.errors import TopologyConflictError
from bus.clock import SystemClock
from bus.topology import (
    PARKED_QUEUE,
    REQUESTS_EXCHANGE,
    RETRY_RUNGS_S,
    Binding,
    Exchange,
    Item,
    Queue,
    declaration,
    definitions,
    request_queue,
    retry_exchange,
)
from tests.conftest import Vhost

LANES = {"2207": "call", "2301": "bulk", "1191": "desk"}
TENANTS = ("H1", "H2")
ITEMS = declaration(LANES, TENANTS)
QUEUES = {item.name: item for item in ITEMS if isinstance(item, Queue)}


def test_everything_named_by_the_contract_is_declared() -> None:
    exchanges = {item.name: item.kind for item in ITEMS if isinstance(item, Exchange)}
    assert exchanges["yibao.requests"] == "topic"
    assert exchanges["yibao.events"] == "topic"
    assert exchanges["yibao.desks"] == "direct"
    assert {"yibao.2207", "yibao.1191", "yibao.2301.H1", "yibao.2301.H2"} <= set(QUEUES)
    assert {"yibao.replies.H1", "yibao.events.H2", "yibao.parked", "yibao.expired"} <= set(QUEUES)
    assert {f"yibao.retry.{seconds}" for seconds in (1, 5, 30, 120, 600)} <= set(QUEUES)
    assert "yibao.2301" not in QUEUES


def test_bindings_follow_the_lane() -> None:
    bound = {(each.queue, each.key) for each in ITEMS if isinstance(each, Binding)}
    assert ("yibao.2207", "2207.*") in bound
    assert ("yibao.2301.H2", "2301.H2") in bound
    assert ("yibao.events.H1", "settlement.H1.#") in bound


def test_every_binding_comes_after_what_it_binds() -> None:
    declared: set[str] = set()
    for item in ITEMS:
        if isinstance(item, Binding):
            assert {item.queue, item.exchange} <= declared
        else:
            if isinstance(item, Exchange) and item.alternate:
                assert item.alternate in declared
            declared.add(item.name)


def test_every_queue_is_durable_replicated_and_bounded() -> None:
    for queue in QUEUES.values():
        arguments = queue.arguments()
        assert arguments["x-queue-type"] == "quorum"
        assert int(arguments["x-max-length"]) > 0
        assert int(arguments["x-delivery-limit"]) > 0


def test_a_rung_keeps_the_routing_key_and_rests_as_long_as_its_name_says() -> None:
    for seconds in RETRY_RUNGS_S:
        arguments = QUEUES[retry_exchange(seconds)].arguments()
        assert arguments["x-message-ttl"] == seconds * 1000
        assert arguments["x-dead-letter-exchange"] == REQUESTS_EXCHANGE
        assert "x-dead-letter-routing-key" not in arguments


def test_there_is_no_rung_between_the_rungs() -> None:
    with pytest.raises(ValueError, match="no retry rung of 7 s"):
        retry_exchange(7)


async def test_what_is_applied_passes_the_check_and_applying_again_changes_nothing(
    vhost: Vhost,
) -> None:
    broker = await Broker.connect(vhost.settings(), SystemClock())
    missing = await broker.check(ITEMS)
    assert {each.problem for each in missing} == {"missing"}
    assert len(missing) == len([item for item in ITEMS if not isinstance(item, Binding)])
    await broker.declare(ITEMS)
    await broker.declare(ITEMS)
    assert await broker.check(ITEMS) == ()
    await broker.close()


async def test_imported_definitions_are_what_the_worker_would_declare(vhost: Vhost) -> None:
    vhost.node.import_definitions(definitions(ITEMS, vhost.name))
    broker = await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    assert await broker.check(ITEMS) == ()
    await broker.close()


async def test_a_queue_with_other_limits_is_named_and_left_alone(vhost: Vhost) -> None:
    own = QUEUES[request_queue("2207")]
    other = Queue(
        name=own.name, messages_max=7, overflow="reject-publish", deliveries_max=own.deliveries_max
    )
    before = await Broker.connect(vhost.settings(), SystemClock(), declare=[other])
    items: list[Item] = [Exchange(name="yibao.nowhere", kind="topic"), own, QUEUES[PARKED_QUEUE]]
    differences = await before.check(items)
    assert [(each.item, each.problem) for each in differences] == [
        (items[0], "missing"),
        (own, "differs"),
        (QUEUES[PARKED_QUEUE], "missing"),
    ]
    assert own.name in differences[1].detail
    with pytest.raises(TopologyConflictError, match="inequivalent arg"):
        await Broker.connect(vhost.settings(), SystemClock(), declare=ITEMS)
    assert await before.check([other]) == ()
    await before.close()
