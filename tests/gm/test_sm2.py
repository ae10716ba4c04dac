"""SM2 signatures: standard vectors, and the faults of the library that must not come through."""

import pytest
from gmssl.sm2 import default_ecc_table

from bus.gm import GmError
from bus.gm.sm2 import PrivateKey, PublicKey

D = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
TEXT = b"message digest"
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
ALICE = bytes.fromhex(
    "B0E3E7D4AC2178F833AD73FA9D1191E41C76C8BFEDB5AD89040BA2E5184BDE58"
    "CC8D096578F7DD2669AC1AC42F7E722BCFA42B9E0BE0B1B5DF7CA0B53FDD5750"
)
ORDER = int(default_ecc_table["n"], 16)


def test_the_standard_key_digest_and_signature_come_out() -> None:
    key = PrivateKey(D)
    assert key.public.encoded == POINT
    digest = key.public.digest(TEXT)
    assert digest.hex().upper() == (
        "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
    )
    assert key._sign(digest, K) == SIGNATURE
    assert key._sign(key.public.digest(TEXT, b"ALICE123@YAHOO.COM"), K) == ALICE


def test_a_signature_is_good_for_its_text_key_and_user_only() -> None:
    public = PublicKey(b"\x04" + POINT)
    assert public.verify(TEXT, SIGNATURE)
    assert public.verify(TEXT, ALICE, b"ALICE123@YAHOO.COM")
    assert not public.verify(b"another text", SIGNATURE)
    assert not public.verify(TEXT, SIGNATURE, b"ALICE123@YAHOO.COM")
    assert not PrivateKey(bytes(31) + b"\x07").public.verify(TEXT, SIGNATURE)


def starting_with(start: str) -> PrivateKey:
    """The first small scalar whose X begins so: gmssl strips such keys."""
    for scalar in range(2, 4000):
        key = PrivateKey(scalar.to_bytes(32, "big"))
        if key.public.encoded.hex().startswith(start):
            return key
    raise AssertionError(start)


@pytest.mark.parametrize("start", ["0", "4", "04"])
def test_keys_that_begin_with_zero_or_four_work(start: str) -> None:
    key = starting_with(start)
    signature = key.sign(TEXT)
    assert PublicKey(key.public.encoded).verify(TEXT, signature)
    assert PublicKey(b"\x04" + key.public.encoded).verify(TEXT, signature)


def test_the_nonce_is_never_the_same() -> None:
    key = PrivateKey(b"\0" + D)
    assert key.sign(TEXT) != key.sign(TEXT)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        SIGNATURE[:-1],
        SIGNATURE + b"\0",
        bytes(32) + SIGNATURE[32:],
        SIGNATURE[:32] + bytes(32),
        ORDER.to_bytes(32, "big") + SIGNATURE[32:],
        (1).to_bytes(32, "big") + (ORDER - 1).to_bytes(32, "big"),
        b"\xff" * 64,
    ],
    ids=["empty", "zeros", "short", "long", "r 0", "s 0", "r = n", "r + s = n", "ones"],
)
def test_a_signature_out_of_range_is_false_not_an_error(signature: bytes) -> None:
    assert PublicKey(POINT).verify(TEXT, signature) is False


@pytest.mark.parametrize(
    "encoded", [b"", POINT[:-1], b"\x03" + POINT, bytes(64), POINT[:-1] + b"\0", b"\xff" * 64]
)
def test_a_public_key_off_the_curve_is_refused(encoded: bytes) -> None:
    with pytest.raises(GmError, match="SM2 public key"):
        PublicKey(encoded)


@pytest.mark.parametrize("encoded", [b"", bytes(32), D[:-1], b"\xff" * 32, b"\x01" + D])
def test_a_private_key_out_of_range_is_refused_and_never_shown(encoded: bytes) -> None:
    with pytest.raises(GmError, match="private key"):
        PrivateKey(encoded)
    assert "3945" not in repr(PrivateKey(D))
