"""TLS to the broker: a pinned CA is trusted, no other. A small TLS front stands before the node."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bus.broker.client import Broker
from bus.broker.errors import BrokerUnreachableError
from bus.broker.port import Message
from bus.clock import SystemClock
from bus.config.settings import BrokerSettings
from tests.broker.conftest import plain_queue
from tests.conftest import Vhost


def self_signed(folder: Path, name: str) -> Path:
    """A certificate for 127.0.0.1 with its key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def secured(vhost: Vhost, tmp_path: Path) -> AsyncIterator[BrokerSettings]:
    """Settings that reach the node through TLS, its certificate pinned."""
    pem = self_signed(tmp_path, "broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    flows = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", vhost.node.port)
        flows.append(asyncio.gather(pipe(reader, far), pipe(near, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    plain = vhost.settings()
    url = plain.url.replace("amqp://", "amqps://").replace(f":{vhost.node.port}/", f":{port}/")
    yield msgspec.structs.replace(plain, url=url, ca_file=str(pem))
    server.close()
    await server.wait_closed()
    await asyncio.gather(*flows, return_exceptions=True)


async def test_messages_flow_over_tls_under_a_pinned_ca(secured: BrokerSettings) -> None:
    broker = await Broker.connect(secured, SystemClock(), declare=[plain_queue("q")])
    body = bytes(range(256)) * 2000
    await broker.publish(Message(body=body, routing_key="q"))
    got = await broker.get("q")
    assert got is not None
    assert got.body == body
    got.ack()
    await broker.close()


async def test_a_broker_under_another_ca_is_not_trusted(
    secured: BrokerSettings, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(secured, ca_file=str(self_signed(tmp_path, "other")))
    with pytest.raises(BrokerUnreachableError, match=r"(?i)certificate"):
        await Broker.connect(other, SystemClock())
