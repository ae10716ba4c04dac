"""Sealing of bodies at rest: SM4-CTR, then HMAC-SM3 over everything and the place it belongs to.

Layout: version (1 byte) | length of the key id (1) | key id | counter (16) | SM4-CTR text |
tag (32).
"""

import hmac
import secrets

from bus.gm.errors import SealBrokenError
from bus.gm.keyring import Keyring
from bus.gm.sm3 import hmac_sm3, keyed_hmac_sm3
from bus.gm.sm4 import BLOCK_BYTES, sm4_ctr, sm4_ctr_keyed

VERSION = 1
TAG_BYTES = 32


class Sealer:
    """Seals with the keyring's last key, opens with any."""

    def __init__(self, keys: Keyring) -> None:
        self.keys = keys
        own = keys.sealing()
        self._encrypt = sm4_ctr_keyed(own.enc)
        self._mac = keyed_hmac_sm3(own.mac)
        self._head = bytes([VERSION, len(own.id)]) + own.id

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """The sealed body; it opens only under the same ``context`` (which tenant, key and field
        it is), so that bodies cannot be swapped between rows."""
        counter = secrets.token_bytes(BLOCK_BYTES)
        body = b"%b%b%b" % (self._head, counter, self._encrypt(counter, plain))
        return body + self._mac(_place(context), body)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plain body; ``SealBrokenError`` when anything about it is not as it was sealed."""
        head = 2 + sealed[1] if len(sealed) > 2 else 0
        if len(sealed) < head + BLOCK_BYTES + TAG_BYTES or sealed[0] != VERSION:
            raise SealBrokenError("not a sealed body of a version we know")
        keys = self.keys.opening(sealed[2:head])
        if keys is None:
            raise SealBrokenError("sealed under a key that is not in the keyring")
        body, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
        if not hmac.compare_digest(tag, hmac_sm3(keys.mac, _place(context) + body)):
            raise SealBrokenError("the sealed body was changed or belongs to another row")
        start = head + BLOCK_BYTES
        return sm4_ctr(keys.enc, body[head:start], body[start:])


def _place(context: bytes) -> bytes:
    return len(context).to_bytes(4, "big") + context
