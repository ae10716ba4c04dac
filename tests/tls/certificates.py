"""Real certificates, and a TLS server that stands before a plain one."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"


class Authority:
    """An authority of its own; ``ca_file`` is what its friends pin."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = name
        self.ca_file = folder / f"{name}.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_bytes(self._certify(name, self._key, "", 1.0))

    def server(self, host: str = LOOPBACK, valid_h: float = 1.0) -> Path:
        """Certificate for ``host`` and its key in one PEM file; ``valid_h`` hours from now on, or
        that long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self._folder / f"{self._name}-{host}-{valid_h:+}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(self._certify("server", key, host, valid_h) + secret)
        return file

    def _certify(
        self, subject: str, key: ec.EllipticCurvePrivateKey, host: str, valid_h: float
    ) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=2))
            .not_valid_after(now + dt.timedelta(hours=valid_h))
            .add_extension(x509.BasicConstraints(ca=not host, path_length=None), critical=True)
        )
        if host:
            names = x509.SubjectAlternativeName([_general(host)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def server_context(chain: Path) -> ssl.SSLContext:
    """What a server with this certificate serves by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@asynccontextmanager
async def front(chain: Path, port: int) -> AsyncIterator[int]:
    """The port of a TLS server that hands everything on to ``port``."""
    flows = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection(LOOPBACK, port)
        flows.append(asyncio.gather(_pipe(reader, far), _pipe(near, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, 0, ssl=server_context(chain))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*flows, return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Line(msgspec.Struct, frozen=True):
    """Where a client connects, what it pins, and what it must say (a pattern)."""

    port: int
    ca_file: str
    said: str = ""


WRONG = {
    "another authority": "not signed by an authority we trust",
    "another name": "for another (name|address)",
    "expired": "has expired",
    "plain": "speaks no TLS|handshake failed",
}
"""What can be wrong with a line, and the words for it."""


@asynccontextmanager
async def spoilt(wrong: str, folder: Path, port: int) -> AsyncIterator[Line]:
    """A line to ``port`` with one thing of ``WRONG``."""
    right = Authority(folder)
    pinned = right if wrong != "another authority" else Authority(folder, "other")
    if wrong == "plain":
        yield Line(port, str(pinned.ca_file), WRONG[wrong])
        return
    host = "elsewhere.example" if wrong == "another name" else LOOPBACK
    chain = right.server(host, -1.0 if wrong == "expired" else 1.0)
    async with front(chain, port) as secured:
        yield Line(secured, str(pinned.ca_file), WRONG[wrong])


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
