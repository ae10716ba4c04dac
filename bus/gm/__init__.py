"""GM algorithms (SM2, SM3, SM4) behind one door, and the sealing of bodies at rest.

Everything else in the tree uses these names and no GM library (decision 0005).
"""

from bus.gm.errors import GmError, GmSelfTestError, KeyringError, SealBrokenError
from bus.gm.keyring import Keyring
from bus.gm.seal import Sealer
from bus.gm.self_test import self_test
from bus.gm.sm3 import hmac_sm3, sm3, sm3_hex
from bus.gm.sm4 import sm4_ctr, sm4_ecb_decrypt, sm4_ecb_encrypt

__all__ = [
    "GmError",
    "GmSelfTestError",
    "Keyring",
    "KeyringError",
    "SealBrokenError",
    "Sealer",
    "hmac_sm3",
    "self_test",
    "sm3",
    "sm3_hex",
    "sm4_ctr",
    "sm4_ecb_decrypt",
    "sm4_ecb_encrypt",
]
