"""The broker, the cluster and the journal's database are restarted and killed while desks work."""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

import psycopg

from bus.topology import request_queue
from compose.chaos.case import Case
from compose.chaos.ground import ChaosStage
from compose.chaos.lanes import standing, whole_books
from compose.chaos.load import Disturb, Shop
from compose.cluster import PrivateCluster, balanced
from compose.demo.program import program
from compose.demo.stage import write_private
from compose.node import PrivateNode
from compose.pg import PrivatePostgres

Scenes = Mapping[str, Disturb]
"""What happens, by name, in their order."""


async def broker(base: Path, rounds: int) -> list[Case]:
    """The only broker is restarted, and killed."""
    node = PrivateNode(base / "broker" / "rabbitmq")

    async def killed() -> None:
        await asyncio.to_thread(node.kill9)
        await asyncio.to_thread(node.start_again)

    scenes = {"restarted": lambda: asyncio.to_thread(node.restart), "kill -9": killed}
    try:
        await asyncio.to_thread(node.start)
        return await _played(ChaosStage(base / "broker" / "stage", node), "broker", scenes, rounds)
    finally:
        await asyncio.to_thread(node.stop)


async def cluster(base: Path, rounds: int) -> list[Case]:
    """Of three brokers the one that leads the queue under load is killed, and comes back."""
    nodes = PrivateCluster(base / "cluster")
    queue = request_queue("2102")
    try:
        await asyncio.to_thread(nodes.start)
        async with balanced(nodes.nodes) as port:
            stage = ChaosStage(base / "cluster" / "stage", nodes.nodes[0], port=port)

            async def leader_killed() -> None:
                leader = await asyncio.to_thread(nodes.leader, stage.vhost, queue)
                await asyncio.to_thread(leader.kill9)
                back.append(leader)

            async def leader_back() -> None:
                await asyncio.to_thread(back.pop().start_again)

            back: list[PrivateNode] = []
            scenes = {"the queue's leader, kill -9": leader_killed, "the same, back": leader_back}
            return await _played(stage, "cluster", scenes, rounds)
    finally:
        await asyncio.to_thread(nodes.stop)


async def database(node: PrivateNode, base: Path, rounds: int) -> list[Case]:
    """The journal's server is restarted, and killed; two workers share it."""
    server = PrivatePostgres()

    async def killed() -> None:
        await asyncio.to_thread(server.kill9)
        await asyncio.to_thread(server.start_again)

    scenes = {"restarted": lambda: asyncio.to_thread(server.restart), "kill -9": killed}
    try:
        await asyncio.to_thread(server.start)
        journal = await asyncio.to_thread(_books, server, base)
        stage = ChaosStage(base / "database", node, journal=journal)
        return await _played(stage, "journal", scenes, rounds, workers=2)
    finally:
        await asyncio.to_thread(server.stop)


def _books(server: PrivatePostgres, base: Path) -> str:
    """A user with a schema of its own; the journal's part of the configuration."""
    user, password = "journal", secrets.token_hex(16)
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'".encode())
        admin.execute(f"CREATE SCHEMA AUTHORIZATION {user}".encode())
    file = base / "database-password"
    write_private(file, password)
    url = server.url("postgres", user)
    return f'engine = "postgres"\nurl = "{url}"\npassword_file = "{file}"'


async def _played(
    stage: ChaosStage, group: str, scenes: Scenes, rounds: int, workers: int = 1
) -> list[Case]:
    cases: list[Case] = []
    async with standing(stage):
        for _ in range(workers - 1):
            await asyncio.to_thread(stage.start_worker)
        async with program(stage) as his, program(stage) as other:
            for _ in range(rounds):
                for name, disturb in scenes.items():
                    cases += await Shop(stage, (his, other), (group, name)).during(disturb)
        await whole_books(stage, cases)
    return cases
