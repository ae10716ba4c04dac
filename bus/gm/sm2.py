"""SM2 signatures with SM3 (GM/T 0003.2, raw r||s of 64 bytes), by gmssl with its faults repaired.

Slow (some 20 ms each): not for a loop's thread. Keys are checked to lie on the curve; the nonce
comes from the system's generator; r and s are checked to lie in range before anything is computed.
"""

import secrets

from gmssl.sm2 import CryptSM2, default_ecc_table

from bus.gm.errors import GmError
from bus.gm.sm3 import sm3

COORDINATE_BYTES = 32
USER_ID = b"1234567812345678"
"""The standard's default; what the insurance side uses."""

_P, _N, _A, _B = (int(default_ecc_table[name], 16) for name in ("p", "n", "a", "b"))
_CURVE = bytes.fromhex(default_ecc_table["a"] + default_ecc_table["b"] + default_ecc_table["g"])


class PublicKey:
    """A point on the curve, from 64 bytes X||Y or 65 bytes 04||X||Y; ``GmError`` when it is none.

    The leading 04 is told from a coordinate by the length alone.
    """

    def __init__(self, encoded: bytes) -> None:
        if len(encoded) == 2 * COORDINATE_BYTES + 1 and encoded[0] == 4:
            encoded = encoded[1:]
        if len(encoded) != 2 * COORDINATE_BYTES:
            raise GmError("an SM2 public key has 64 bytes, or 65 with a leading 04")
        x, y = (
            int.from_bytes(half, "big")
            for half in (encoded[:COORDINATE_BYTES], encoded[COORDINATE_BYTES:])
        )
        if x >= _P or y >= _P or (y * y - x * x * x - _A * x - _B) % _P:
            raise GmError("the SM2 public key is no point on the curve")
        self.encoded = encoded

    def verify(self, text: bytes, signature: bytes, user_id: bytes = USER_ID) -> bool:
        """Whether ``signature`` (r||s) is this key's on ``text``. Anything odd is ``False``."""
        if len(signature) != 2 * COORDINATE_BYTES:
            return False
        for half in (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]):
            if not 1 <= int.from_bytes(half, "big") < _N:
                return False
        try:
            return _machine(self, "").verify(signature.hex(), self.digest(text, user_id)) is True
        except (ValueError, TypeError):
            return False  # gmssl's arithmetic meets the point at infinity

    def digest(self, text: bytes, user_id: bytes = USER_ID) -> bytes:
        """e = SM3(Z || text), Z being the digest of user id, curve and key."""
        z = sm3((len(user_id) * 8).to_bytes(2, "big") + user_id + _CURVE + self.encoded)
        return sm3(z + text)


class PrivateKey:
    """A scalar of 32 bytes (33 with a leading 00, as some issue it); ``GmError`` out of range."""

    def __init__(self, encoded: bytes) -> None:
        scalar = int.from_bytes(encoded, "big")
        if len(encoded) not in {COORDINATE_BYTES, COORDINATE_BYTES + 1} or not 1 <= scalar < _N - 1:
            raise GmError("an SM2 private key is a number of 32 bytes within the curve's order")
        self._hex = f"{scalar:064x}"
        point = _bare(self._hex)._kg(scalar, default_ecc_table["g"])  # noqa: SLF001 - no public way
        self.public = PublicKey(bytes.fromhex(point))

    def sign(self, text: bytes, user_id: bytes = USER_ID) -> bytes:
        """r||s, 64 bytes, another one each time."""
        digest = self.public.digest(text, user_id)
        while True:
            signature = self._sign(digest, secrets.randbelow(_N - 1) + 1)
            if signature:
                return signature

    def _sign(self, digest: bytes, nonce: int) -> bytes:
        """With a given nonce; empty in the rare case that another one must be drawn."""
        signature = _machine(self.public, self._hex).sign(digest, f"{nonce:064x}")
        return bytes.fromhex(signature) if signature else b""

    def __repr__(self) -> str:
        return "PrivateKey(...)"


def _bare(private: str) -> CryptSM2:
    return CryptSM2(private_key=private, public_key="", mode=1, asn1=False)


def _machine(public: PublicKey, private: str) -> CryptSM2:
    machine = _bare(private)
    # Its constructor strips every leading 0 and 4 of the key: set it afterwards.
    machine.public_key = public.encoded.hex()
    return machine
