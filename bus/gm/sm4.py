"""SM4 (GM/T 0002-2012, 16-byte key and block): CTR for bodies at rest, ECB with PKCS#7 for the
envelopes that ask for it.

``cryptography`` when it is there and its OpenSSL has SM4, else gmssl's block cipher, repaired: key
length, whole blocks and padding are checked here, since gmssl cuts long keys and believes any
padding.
"""

from collections.abc import Callable
from threading import Lock

import msgspec

from bus.gm.errors import GmError

BLOCK_BYTES = 16
KEY_BYTES = 16

Cipher = Callable[[bytes, bytes], bytes]
"""(key, whole blocks) -> as many bytes."""
Ctr = Callable[[bytes, bytes], bytes]
"""(first counter, data) -> as many bytes; may be called from several threads."""


class Sm4Backend(msgspec.Struct, frozen=True):
    """One implementation: whole-block ECB both ways, and CTR as (key, first counter, data)."""

    encrypt: Cipher
    decrypt: Cipher
    ctr: Callable[[bytes, bytes, bytes], bytes]
    keyed: Callable[[bytes], "Ctr"]
    """CTR with the key made ready once for many texts."""


def _cryptography() -> Sm4Backend | None:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - optional backend
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - optional backend
            Cipher as Machine,
        )
        from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415 - optional backend
            algorithms,
            modes,
        )
    except ImportError:
        return None

    def encrypt(key: bytes, blocks: bytes) -> bytes:
        run = Machine(algorithms.SM4(key), modes.ECB()).encryptor()  # noqa: S305 - asked for
        return run.update(blocks) + run.finalize()

    def decrypt(key: bytes, blocks: bytes) -> bytes:
        run = Machine(algorithms.SM4(key), modes.ECB()).decryptor()  # noqa: S305 - asked for
        return run.update(blocks) + run.finalize()

    def ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
        run = Machine(algorithms.SM4(key), modes.CTR(counter)).encryptor()
        return run.update(data) + run.finalize()

    def keyed(key: bytes) -> Ctr:
        machine = Machine(algorithms.SM4(key), modes.CTR(bytes(BLOCK_BYTES))).encryptor()
        turn = Lock()  # the machine has one counter, and two texts under one would be readable

        def run(counter: bytes, data: bytes) -> bytes:
            with turn:
                machine.reset_nonce(counter)
                return machine.update(data)

        return run

    try:
        encrypt(bytes(KEY_BYTES), bytes(BLOCK_BYTES))
    except UnsupportedAlgorithm:
        return None
    return Sm4Backend(encrypt=encrypt, decrypt=decrypt, ctr=ctr, keyed=keyed)


def _gmssl() -> Sm4Backend:
    from gmssl.sm4 import SM4_DECRYPT, SM4_ENCRYPT, CryptSM4  # noqa: PLC0415 - slow fallback

    def whole(key: bytes, blocks: bytes, mode: int) -> bytes:
        machine = CryptSM4()
        machine.set_key(key, mode)
        out = bytearray()
        for start in range(0, len(blocks), BLOCK_BYTES):
            out += bytes(machine.one_round(machine.sk, blocks[start : start + BLOCK_BYTES]))
        return bytes(out)

    def ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
        first = int.from_bytes(counter, "big")
        count = -(-len(data) // BLOCK_BYTES)
        counters = b"".join(
            ((first + number) % (1 << 128)).to_bytes(BLOCK_BYTES, "big") for number in range(count)
        )
        stream = whole(key, counters, SM4_ENCRYPT)[: len(data)]
        mixed = int.from_bytes(stream, "big") ^ int.from_bytes(data, "big")
        return mixed.to_bytes(len(data), "big")

    return Sm4Backend(
        encrypt=lambda key, blocks: whole(key, blocks, SM4_ENCRYPT),
        decrypt=lambda key, blocks: whole(key, blocks, SM4_DECRYPT),
        ctr=ctr,
        keyed=lambda key: lambda counter, data: ctr(key, counter, data),
    )


def backends() -> dict[str, Sm4Backend]:
    """All implementations that work here, by name; ``gmssl`` is always among them."""
    fast = _cryptography()
    return ({"cryptography": fast} if fast else {}) | {"gmssl": _gmssl()}


_USED = _cryptography() or _gmssl()


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise GmError(f"an SM4 key has {KEY_BYTES} bytes, this one {len(key)}")


def sm4_ctr(key: bytes, counter: bytes, data: bytes, *, backend: Sm4Backend = _USED) -> bytes:
    """Encrypt or decrypt (the same thing) with the 16-byte first ``counter`` block, big-endian,
    never to be used twice under one key. ``GmError`` for a wrong length."""
    _check_key(key)
    if len(counter) != BLOCK_BYTES:
        raise GmError(f"a counter block has {BLOCK_BYTES} bytes, this one {len(counter)}")
    return backend.ctr(key, counter, data)


def sm4_ctr_keyed(key: bytes, *, backend: Sm4Backend = _USED) -> Ctr:
    """``sm4_ctr`` with the key made ready once. The counters it is given must have 16 bytes."""
    _check_key(key)
    return backend.keyed(key)


def sm4_ecb_encrypt(key: bytes, plain: bytes, *, backend: Sm4Backend = _USED) -> bytes:
    """ECB with PKCS#7 padding: one to sixteen bytes longer, whole blocks."""
    _check_key(key)
    pad = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    return backend.encrypt(key, plain + bytes([pad]) * pad)


def sm4_ecb_decrypt(key: bytes, sealed: bytes, *, backend: Sm4Backend = _USED) -> bytes:
    """The inverse; ``GmError`` when the length or the padding is wrong (a wrong key, mostly)."""
    _check_key(key)
    if not sealed or len(sealed) % BLOCK_BYTES:
        raise GmError("an SM4-ECB text is one or more whole blocks")
    padded = backend.decrypt(key, sealed)
    pad = padded[-1]
    if not 1 <= pad <= BLOCK_BYTES or padded[-pad:] != bytes([pad]) * pad:
        raise GmError("the SM4 padding is wrong: another key, or a changed text")
    return padded[:-pad]
