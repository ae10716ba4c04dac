"""What a HIS's broker user can and cannot do, on the real broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed
from pamqp import commands

from bus.topology import (
    EVENTS_EXCHANGE,
    REQUESTS_EXCHANGE,
    RETRY_RUNGS_S,
    Account,
    Role,
    declaration,
    definitions,
    event_queue,
    password_hash,
    reply_queue,
    request_queue,
    retry_exchange,
    settlement_event,
)
from bus.topology.permissions import rights, topic_rights
from tests.conftest import Vhost

A, B = "H53010000001", "H530100000011"
"""One code is the beginning of the other: a pattern without an end would let A read B."""
PASSWORD = "only for this test"
ITEMS = declaration({"2207": "call", "2301": "bulk"}, (A, B))


def account(user: str, role: Role, tenant: str = "") -> Account:
    hashed = password_hash(PASSWORD, b"salt")
    return Account(user=user, role=role, tenant=tenant, password_hash=hashed)


@pytest.fixture
def hospital(vhost: Vhost) -> Vhost:
    """The virtual host with the topology, two HIS users, a worker and an operator."""
    people = (
        account("his-a", Role.HIS, A),
        account("his-b", Role.HIS, B),
        account("worker", Role.WORKER),
        account("operator", Role.OPERATOR),
    )
    vhost.node.import_definitions(definitions(ITEMS, vhost.name, people))
    return vhost


@asynccontextmanager
async def login(hospital: Vhost, user: str) -> AsyncIterator[AbstractChannel]:
    url = hospital.node.url(hospital.name, user, PASSWORD.replace(" ", "%20"))
    connection = await aiormq.connect(url)
    try:
        yield await connection.channel(on_return_raises=True)
    finally:
        await connection.close()


async def ignore(_message: object) -> None:
    """A consumer that has to be there and gets nothing."""


def properties(user_id: str = "") -> commands.Basic.Properties:
    return commands.Basic.Properties(delivery_mode=2, user_id=user_id or None, message_id="m")


async def test_a_his_publishes_its_own_requests_and_the_broker_vouches_for_its_name(
    hospital: Vhost,
) -> None:
    async with login(hospital, "his-a") as channel:
        await channel.basic_publish(
            b"{}",
            exchange=REQUESTS_EXCHANGE,
            routing_key=f"2207.{A}",
            properties=properties("his-a"),
            mandatory=True,
        )
        with pytest.raises(ChannelPreconditionFailed, match="user_id"):
            await channel.basic_publish(
                b"{}",
                exchange=REQUESTS_EXCHANGE,
                routing_key=f"2207.{A}",
                properties=properties("his-b"),
            )


@pytest.mark.parametrize(
    ("exchange", "key"),
    [
        (REQUESTS_EXCHANGE, f"2207.{B}"),
        (REQUESTS_EXCHANGE, f"2207.x.{A}"),
        (REQUESTS_EXCHANGE, A),
        (EVENTS_EXCHANGE, settlement_event(A, "succeeded")),
        (retry_exchange(RETRY_RUNGS_S[0]), f"2207.{A}"),
        ("", request_queue("2207")),
        ("", reply_queue(B)),
        ("yibao.expired", f"2207.{A}"),
    ],
)
async def test_a_his_cannot_publish_as_another_nor_past_the_requests(
    hospital: Vhost, exchange: str, key: str
) -> None:
    async with login(hospital, "his-a") as channel:
        with pytest.raises(ChannelAccessRefused):
            await channel.basic_publish(
                b"{}", exchange=exchange, routing_key=key, properties=properties()
            )


@pytest.mark.parametrize(
    "queue",
    [reply_queue(B), event_queue(B), request_queue("2207"), "yibao.parked", "yibao.expired"],
)
async def test_a_his_cannot_read_what_is_not_its_own(hospital: Vhost, queue: str) -> None:
    async with login(hospital, "his-a") as channel:
        with pytest.raises(ChannelAccessRefused):
            await channel.basic_get(queue)


async def test_a_his_reads_its_replies_and_the_events_of_its_own_tenant_only(
    hospital: Vhost,
) -> None:
    async with login(hospital, "his-a") as channel:
        await channel.basic_get(reply_queue(A))
        await channel.basic_get(event_queue(A))
        own = (await channel.queue_declare("", exclusive=True)).queue or ""
        await channel.queue_bind(own, EVENTS_EXCHANGE, f"settlement.{A}.#")
        await channel.queue_bind(own, EVENTS_EXCHANGE, "centre.down")
        async with login(hospital, "worker") as worker:
            for tenant in (A, B):
                key = settlement_event(tenant, "reversed")
                await worker.basic_publish(
                    tenant.encode(),
                    exchange=EVENTS_EXCHANGE,
                    routing_key=key,
                    properties=properties(),
                    mandatory=True,
                )
        assert (await channel.basic_get(own, no_ack=True)).body == A.encode()
        assert (await channel.basic_get(own, no_ack=True)).body == b""
        assert (await channel.basic_get(event_queue(A), no_ack=True)).body == A.encode()


@pytest.mark.parametrize("key", [f"settlement.{B}.#", "#", "settlement.#", f"*.{A}.#", "centre.#"])
async def test_a_his_cannot_listen_to_the_events_of_another(hospital: Vhost, key: str) -> None:
    async with login(hospital, "his-a") as channel:
        own = (await channel.queue_declare("", exclusive=True)).queue or ""
        with pytest.raises(ChannelAccessRefused):
            await channel.queue_bind(own, EVENTS_EXCHANGE, key)


async def test_a_his_may_use_direct_reply_to_and_name_further_reply_queues_of_its_own(
    hospital: Vhost,
) -> None:
    async with login(hospital, "his-a") as channel:
        await channel.basic_consume("amq.rabbitmq.reply-to", ignore, no_ack=True)
        quorum = {"x-queue-type": "quorum"}
        more = f"{reply_queue(A)}.window-3"
        await channel.queue_declare(more, durable=True, arguments=dict(quorum))
        with pytest.raises(ChannelAccessRefused):
            await channel.queue_declare(
                f"{reply_queue(A)}1.window-3", durable=True, arguments=dict(quorum)
            )


async def test_the_worker_declares_and_uses_the_whole_topology_and_nothing_else(
    hospital: Vhost,
) -> None:
    async with login(hospital, "worker") as channel:
        await channel.queue_declare(
            "yibao.9001", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await channel.basic_publish(b"x", routing_key=reply_queue(A), mandatory=True)
        with pytest.raises(ChannelAccessRefused):
            await channel.queue_declare("theirs", durable=True)


def test_a_his_account_without_a_tenant_is_refused() -> None:
    for tenant in ("", "H1.H2"):
        with pytest.raises(ValueError, match="needs a tenant"):
            rights(Account(user="x", role=Role.HIS, tenant=tenant))


def test_only_a_his_is_bound_to_topics() -> None:
    assert topic_rights(Account(user="w", role=Role.WORKER)) == {}
    assert set(topic_rights(Account(user="h", role=Role.HIS, tenant=A))) == {
        REQUESTS_EXCHANGE,
        EVENTS_EXCHANGE,
    }


def test_a_password_salt_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        password_hash("x", b"")
