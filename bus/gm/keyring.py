"""The keys of bodies at rest: 32-byte masters with names, and the keyed digests for search."""

import re
import secrets
from collections.abc import Mapping

import msgspec

from bus.gm.errors import KeyringError
from bus.gm.sm3 import hmac_sm3, keyed_hmac_sm3
from bus.gm.sm4 import KEY_BYTES

MASTER_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_HEX = re.compile(rf"[0-9a-fA-F]{{{MASTER_BYTES * 2}}}")


class SealKeys(msgspec.Struct, frozen=True):
    """What one master gives: an SM4 key and an HMAC-SM3 key, derived under different labels."""

    id: bytes
    enc: bytes
    mac: bytes

    def __repr__(self) -> str:
        return "SealKeys(...)"


class Keyring:
    """All masters in order of their lines: every one opens, the last one seals.

    Keyed digests use the FIRST one, so that search columns survive a rotation: append new lines,
    never take the first away from a living journal.
    """

    def __init__(self, masters: Mapping[str, bytes]) -> None:
        if not masters:
            raise KeyringError("the keyring holds no key")
        self._masters = dict(masters)
        self._keys = {name.encode(): _derive(name, master) for name, master in masters.items()}
        search = hmac_sm3(next(iter(masters.values())), b"yibao-bus search digest 1")
        self._search = keyed_hmac_sm3(search)

    @classmethod
    def from_text(cls, text: str) -> "Keyring":
        """From lines ``<key id> <64 hex digits>``; empty lines and lines that start with ``#`` are
        skipped. ``KeyringError`` names a bad line by its number."""
        masters: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            parts = line.split()
            if not parts or parts[0].startswith("#"):
                continue
            if len(parts) != 2 or not _ID.fullmatch(parts[0]) or not _HEX.fullmatch(parts[1]):
                raise KeyringError(f"key line {number}: expected '<key id> <64 hex digits>'")
            if parts[0] in masters:
                raise KeyringError(f"key line {number}: this key id was used before")
            masters[parts[0]] = bytes.fromhex(parts[1])
        return cls(masters)

    def to_text(self) -> str:
        """The lines again, for a process of ours that seals too. A secret like the key file."""
        return "".join(f"{name} {master.hex()}\n" for name, master in self._masters.items())

    @staticmethod
    def generate_text(key_id: str = "k1") -> str:
        """A new line for a key file, with its line end. The caller decides where it is kept."""
        return f"{key_id} {secrets.token_hex(MASTER_BYTES)}\n"

    def sealing(self) -> SealKeys:
        """The keys that seal: the last line's."""
        return next(reversed(self._keys.values()))

    def opening(self, key_id: bytes) -> SealKeys | None:
        """The keys of that name, if we have them."""
        return self._keys.get(key_id)

    def digest(self, kind: str, value: str) -> str:
        """A keyed digest (HMAC-SM3, 64 hex digits) of a person's number for a search column. The
        same value under another ``kind`` gives another digest; without the key nobody can try all
        numbers."""
        return self._search(f"{kind}\0{value}".encode()).hex()

    def __repr__(self) -> str:
        return f"Keyring({len(self._keys)} keys)"


def _derive(name: str, master: bytes) -> SealKeys:
    if len(master) != MASTER_BYTES:
        raise KeyringError(f"a master key has {MASTER_BYTES} bytes")
    return SealKeys(
        name.encode(),
        hmac_sm3(master, b"yibao-bus seal encryption 1")[:KEY_BYTES],
        hmac_sm3(master, b"yibao-bus seal integrity 1"),
    )
