"""Shared by all tests: one real RabbitMQ node per run, and a virtual host of its own per test; one
real PostgreSQL server per run, and a database of its own per folder of a test.

Without rabbitmq-server or postgresql the tests that need it fail (they are never skipped)."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from bus.config.settings import BrokerSettings
from compose.node import USER, PrivateNode
from compose.pg import PrivatePostgres

# The same examples in every run, so that red means changed; HYPOTHESIS_PROFILE=default explores.
# A busy machine is no fault of a test.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

_numbers = itertools.count(1)


class Vhost(msgspec.Struct, frozen=True):
    """A virtual host nobody else uses; ``url`` is that of an administrator."""

    node: PrivateNode
    name: str
    url: str
    password_file: str

    def settings(self) -> BrokerSettings:
        """What a process of ours would have in its configuration file for this broker."""
        return BrokerSettings(
            url=f"amqp://{USER}@127.0.0.1:{self.node.port}/{self.name}",
            password_file=self.password_file,
            reconnect_s_max=0.5,
        )


@pytest.fixture(scope="session")
def broker_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNode]:
    """A private RabbitMQ node for the whole run. Do not stop it: take one of your own for that."""
    with PrivateNode(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture
def vhost(broker_node: PrivateNode, tmp_path: Path) -> Iterator[Vhost]:
    """An empty virtual host on the shared node (some 20 ms), removed after the test."""
    name = f"test-{next(_numbers)}"
    broker_node.add_vhost(name)
    secret = tmp_path / "broker-password"
    secret.write_text(broker_node.password, encoding="ascii")
    secret.chmod(0o600)
    yield Vhost(broker_node, name, broker_node.url(name), str(secret))
    broker_node.drop_vhost(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server for the whole run. Do not stop it: take one of your own for
    that."""
    with PrivatePostgres() as server:
        yield server
