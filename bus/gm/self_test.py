"""Standard vectors at start: a machine whose SM3 or SM4 is wrong must not seal anything."""

import functools
from collections.abc import Callable

from bus.gm.errors import GmSelfTestError, SealBrokenError
from bus.gm.keyring import MASTER_BYTES, Keyring
from bus.gm.seal import Sealer
from bus.gm.sm3 import hmac_sm3, sm3_hex
from bus.gm.sm4 import sm4_ctr, sm4_ecb_decrypt, sm4_ecb_encrypt

_SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_HMAC_SK_ABC = "991a1e032c12e22eb3fda7fc93a1d0cfa31cfcbf7ffb63d7fce777ea9669869f"
_SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
_SM4_BLOCK = "681edf34d206965e86b3e94f536e4246"


def _tampered_is_refused() -> bool:
    sealer = Sealer(Keyring({"test": bytes(range(MASTER_BYTES))}))
    sealed = bytearray(sealer.seal(b"self test", b"here"))
    sealed[-40] ^= 1
    try:
        sealer.open(bytes(sealed), b"here")
    except SealBrokenError:
        return True
    return False


def _seal_opens() -> bool:
    sealer = Sealer(Keyring({"test": bytes(range(MASTER_BYTES))}))
    return sealer.open(sealer.seal(b"self test", b"here"), b"here") == b"self test"


CHECKS: dict[str, Callable[[], bool]] = {
    "SM3 of abc": lambda: sm3_hex(b"abc") == _SM3_ABC,
    "HMAC-SM3": lambda: hmac_sm3(b"SK", b"abc").hex() == _HMAC_SK_ABC,
    "SM4 block": lambda: sm4_ecb_encrypt(_SM4_KEY, _SM4_KEY).hex().startswith(_SM4_BLOCK),
    "SM4 counter mode": lambda: sm4_ctr(_SM4_KEY, _SM4_KEY, bytes(16)).hex() == _SM4_BLOCK,
    "SM4 decryption": lambda: (
        sm4_ecb_decrypt(_SM4_KEY, sm4_ecb_encrypt(_SM4_KEY, b"abc")) == b"abc"
    ),
    "a sealed body opens": _seal_opens,
    "a changed body is refused": _tampered_is_refused,
}


@functools.cache
def self_test() -> None:
    """Run every check once per process; ``GmSelfTestError`` names the one that failed."""
    for name, check in CHECKS.items():
        if not check():
            raise GmSelfTestError(f"GM self test failed: {name}")
