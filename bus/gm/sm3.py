"""SM3 (GM/T 0004-2012, 32-byte digest) and HMAC-SM3 (RFC 2104 with SM3, 64-byte block).

OpenSSL through hashlib when it offers SM3, else gmssl, which is about 800 times slower but always
works. Both give the same bytes.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol

import msgspec

BLOCK_BYTES = 64


class Mac(Protocol):
    """HMAC-SM3 under one key; may be called from several threads."""

    def __call__(self, *parts: bytes) -> bytes:
        """The 32 bytes of all parts together."""
        ...


class Sm3Backend(msgspec.Struct, frozen=True):
    """One implementation: ``digest(data)`` and ``mac(key, data)``, both 32 bytes, and ``keyed``: a
    key made ready once for many messages."""

    digest: Callable[[bytes], bytes]
    mac: Callable[[bytes, bytes], bytes]
    keyed: Callable[[bytes], Mac]


def _openssl() -> Sm3Backend | None:
    if "sm3" not in hashlib.algorithms_available:
        return None
    return Sm3Backend(
        digest=lambda data: hashlib.new("sm3", data).digest(),
        mac=lambda key, data: hmac.digest(key, data, "sm3"),
        keyed=_openssl_keyed,
    )


def _openssl_keyed(key: bytes) -> Mac:
    begun = hmac.new(key, digestmod="sm3")

    def mac(*parts: bytes) -> bytes:
        one = begun.copy()
        for part in parts:
            one.update(part)
        return one.digest()

    return mac


def _gmssl() -> Sm3Backend:
    from gmssl.sm3 import sm3_hash  # noqa: PLC0415 - 10 ms of import, only without OpenSSL's SM3

    def digest(data: bytes) -> bytes:
        # gmssl appends its padding to the list it is given: always a fresh one.
        return bytes.fromhex(sm3_hash(list(data)))

    def mac(key: bytes, data: bytes) -> bytes:
        block = (digest(key) if len(key) > BLOCK_BYTES else key).ljust(BLOCK_BYTES, b"\0")
        inner = digest(bytes(byte ^ 0x36 for byte in block) + data)
        return digest(bytes(byte ^ 0x5C for byte in block) + inner)

    return Sm3Backend(
        digest=digest,
        mac=mac,
        keyed=lambda key: lambda *parts: mac(key, b"".join(parts)),
    )


def backends() -> dict[str, Sm3Backend]:
    """All implementations that work here, by name; ``gmssl`` is always among them."""
    fast = _openssl()
    return ({"openssl": fast} if fast else {}) | {"gmssl": _gmssl()}


_USED = _openssl() or _gmssl()


def sm3(data: bytes) -> bytes:
    """The SM3 digest, 32 bytes."""
    return _USED.digest(data)


def sm3_hex(data: bytes) -> str:
    """The SM3 digest as 64 lower-case hex digits."""
    return _USED.digest(data).hex()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC-SM3, 32 bytes; any key length."""
    return _USED.mac(key, data)


def keyed_hmac_sm3(key: bytes) -> Mac:
    """HMAC-SM3 with the key made ready once: for keys that are used again and again."""
    return _USED.keyed(key)
