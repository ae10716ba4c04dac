"""How a gateway wants to be convinced: one class per signing scheme, one registry of them.

A scheme takes the draft of a request and gives the headers to add and the body to send (a scheme
that signs or encrypts the body returns other bytes, one that fetches a token awaits it). The
driver knows none of them by name.
"""

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

from bus.gateway.secret import GatewayConfigError, Secret
from bus.gateway.wire import Headers


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A request before it is signed. ``now_ms`` is the clock's, ``nonce`` unique per request."""

    infno: str
    body: bytes
    now_ms: int
    nonce: str


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What goes on the wire: headers to add and the exact bytes that were signed."""

    headers: Headers
    body: bytes


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The account (paasid, access key, ...) and its secret."""

    account: str
    secret: Secret


class Scheme(Protocol):
    """One signing scheme with its credentials inside."""

    fixed: Headers | None
    """The headers when they are the same for every request and the body goes as it is: then the
    driver does not ask ``sign``. ``None`` for a scheme that signs."""

    async def sign(self, draft: Draft) -> Signed:
        """Headers and body for this draft. Whatever it awaits happens before the line."""
        ...


class NoScheme:
    """``none``: the front-end machine on the hospital's own network asks for nothing."""

    def __init__(self, credentials: Credentials) -> None:
        del credentials
        self.fixed: Headers | None = ()

    async def sign(self, draft: Draft) -> Signed:
        return Signed(headers=(), body=draft.body)


class ApiKeyScheme:
    """``apikey``: one header with the key."""

    def __init__(self, credentials: Credentials) -> None:
        _need(credentials, account=False)
        key = _header(credentials.secret.reveal(), "secret")
        self.fixed: Headers | None = ((b"apikey", key),)

    async def sign(self, draft: Draft) -> Signed:
        return Signed(headers=self.fixed or (), body=draft.body)


class TifScheme:
    """``tif``: account, seconds, nonce and a digest over them; the body is not covered."""

    def __init__(self, credentials: Credentials) -> None:
        _need(credentials, account=True)
        self.fixed: Headers | None = None
        self._account = _header(credentials.account, "account")
        self._secret = credentials.secret

    async def sign(self, draft: Draft) -> Signed:
        seconds = str(draft.now_ms // 1000)
        digest = tif_signature(seconds, draft.nonce, self._secret.reveal())
        headers = (
            (b"x-tif-paasid", self._account),
            (b"x-tif-timestamp", seconds.encode("ascii")),
            (b"x-tif-nonce", draft.nonce.encode("ascii")),
            (b"x-tif-signature", digest.encode("ascii")),
        )
        return Signed(headers=headers, body=draft.body)


def tif_signature(seconds: str, nonce: str, secret: str) -> str:
    """Lower-case hex SHA-256 of timestamp + secret + nonce + timestamp."""
    return hashlib.sha256(f"{seconds}{secret}{nonce}{seconds}".encode()).hexdigest()


SCHEMES: Mapping[str, Callable[[Credentials], Scheme]] = MappingProxyType(
    {"none": NoScheme, "apikey": ApiKeyScheme, "tif": TifScheme}
)
"""Scheme name of the settings -> how to build it."""


def build_scheme(name: str, credentials: Credentials) -> Scheme:
    """The scheme by its name in the settings; ``GatewayConfigError`` when there is none."""
    factory = SCHEMES.get(name)
    if factory is None:
        raise GatewayConfigError(f"scheme {name!r} is none of {', '.join(sorted(SCHEMES))}")
    return factory(credentials)


def _need(credentials: Credentials, *, account: bool) -> None:
    if not credentials.secret:
        raise GatewayConfigError("this scheme needs secret_file or secret_env")
    if account and not credentials.account:
        raise GatewayConfigError("this scheme needs account")


def _header(text: str, what: str) -> bytes:
    if not (text.isascii() and text.isprintable()):
        raise GatewayConfigError(f"{what} is not printable ASCII and cannot be a header")
    return text.encode("ascii")
