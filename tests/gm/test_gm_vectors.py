"""Standard vectors, and every backend against every other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.gm import (
    GmError,
    GmSelfTestError,
    hmac_sm3,
    self_test,
    sm3_hex,
    sm4_ctr,
    sm4_ecb_decrypt,
    sm4_ecb_encrypt,
)
from bus.gm import self_test as self_test_function
from bus.gm import sm3 as sm3_function
from bus.gm.self_test import CHECKS
from bus.gm.sm3 import Sm3Backend
from bus.gm.sm3 import backends as sm3_backends
from bus.gm.sm4 import Sm4Backend, sm4_ctr_keyed
from bus.gm.sm4 import backends as sm4_backends

SM3_VECTORS = {
    b"": "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
    b"abc": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
}
SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
SM4_ECB = "681edf34d206965e86b3e94f536e4246002a8a4efa863ccad024ac0300bb40d2"

KEYS = st.binary(min_size=16, max_size=16)
TEXTS = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"", b"\0" * 16, b"\0" * 31, "医保中心".encode() * 9]),
)


@pytest.mark.parametrize("backend", sm3_backends().values(), ids=sm3_backends())
def test_sm3_gives_the_standard_digests(backend: Sm3Backend) -> None:
    for text, digest in SM3_VECTORS.items():
        assert backend.digest(text).hex() == digest
    assert backend.mac(b"SK", b"abc").hex() == (
        "991a1e032c12e22eb3fda7fc93a1d0cfa31cfcbf7ffb63d7fce777ea9669869f"
    )


@pytest.mark.parametrize("backend", sm4_backends().values(), ids=sm4_backends())
def test_sm4_gives_the_standard_block_and_padding(backend: Sm4Backend) -> None:
    assert sm4_ecb_encrypt(SM4_KEY, SM4_KEY, backend=backend).hex() == SM4_ECB
    assert sm4_ecb_decrypt(SM4_KEY, bytes.fromhex(SM4_ECB), backend=backend) == SM4_KEY


def test_both_families_have_a_fast_and_an_always_working_backend_here() -> None:
    assert set(sm3_backends()) == {"openssl", "gmssl"}
    assert set(sm4_backends()) == {"cryptography", "gmssl"}


@settings(max_examples=40, deadline=None)
@given(text=TEXTS, key=st.binary(max_size=80))
def test_all_sm3_backends_agree_on_any_text_and_key(text: bytes, key: bytes) -> None:
    assert len({backend.digest(text) for backend in sm3_backends().values()}) == 1
    assert len({backend.mac(key, text) for backend in sm3_backends().values()}) == 1


@settings(max_examples=40, deadline=None)
@given(key=KEYS, counter=st.one_of(KEYS, st.just(b"\xff" * 16)), text=TEXTS)
def test_all_sm4_backends_agree_on_any_text_and_key(
    key: bytes, counter: bytes, text: bytes
) -> None:
    backends = sm4_backends().values()
    assert len({sm4_ctr(key, counter, text, backend=one) for one in backends}) == 1
    sealed = {sm4_ecb_encrypt(key, text, backend=one) for one in backends}
    assert len(sealed) == 1
    assert {sm4_ecb_decrypt(key, sealed.copy().pop(), backend=one) for one in backends} == {text}


@settings(max_examples=40, deadline=None)
@given(key=KEYS, counters=st.lists(KEYS, min_size=2, max_size=4), text=TEXTS)
def test_a_key_made_ready_once_gives_what_a_fresh_one_gives(
    key: bytes, counters: list[bytes], text: bytes
) -> None:
    for sm4 in sm4_backends().values():
        ready = sm4_ctr_keyed(key, backend=sm4)
        for counter in counters:  # none begins where the one before stopped
            assert ready(counter, text) == sm4_ctr(key, counter, text, backend=sm4)
    for sm3 in sm3_backends().values():
        mac = sm3.keyed(key)
        for counter in counters:
            assert mac(counter, text) == sm3.mac(key, counter + text)
            assert mac() == sm3.mac(key, b"")


@pytest.mark.parametrize("backend", sm4_backends().values(), ids=sm4_backends())
@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_key_of_the_wrong_length_is_refused_not_cut(length: int, backend: Sm4Backend) -> None:
    with pytest.raises(GmError, match="16 bytes"):
        sm4_ecb_encrypt(bytes(length), b"abc", backend=backend)
    with pytest.raises(GmError, match="16 bytes"):
        sm4_ctr(bytes(length), bytes(16), b"abc", backend=backend)
    with pytest.raises(GmError, match="16 bytes"):
        sm4_ctr(bytes(16), bytes(length), b"abc", backend=backend)
    with pytest.raises(GmError, match="16 bytes"):
        sm4_ctr_keyed(bytes(length), backend=backend)


@pytest.mark.parametrize("backend", sm4_backends().values(), ids=sm4_backends())
def test_a_text_that_is_no_whole_block_or_badly_padded_is_refused(backend: Sm4Backend) -> None:
    for text in (b"", b"x" * 15, b"x" * 17):
        with pytest.raises(GmError, match="whole blocks"):
            sm4_ecb_decrypt(SM4_KEY, text, backend=backend)
    for tail in (b"\0", b"\x11", b"\x02\x03"):
        bad = backend.encrypt(SM4_KEY, tail.rjust(16, b"x"))
        with pytest.raises(GmError, match="padding"):
            sm4_ecb_decrypt(SM4_KEY, bad, backend=backend)


def test_gmssl_does_not_touch_the_text_of_its_caller() -> None:
    text = b"abc"
    backend = sm3_backends()["gmssl"]
    assert backend.digest(text) == backend.digest(text)


def test_the_self_test_passes_here_and_names_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    self_test()
    monkeypatch.setitem(CHECKS, "SM3 of abc", lambda: False)
    self_test_function.cache_clear()
    with pytest.raises(GmSelfTestError, match="SM3 of abc"):
        self_test()


def test_the_short_names_use_a_backend_that_passed() -> None:
    assert sm3_hex(b"abc") == SM3_VECTORS[b"abc"] == sm3_function(b"abc").hex()
    assert hmac_sm3(b"SK", b"abc") == sm3_backends()["gmssl"].mac(b"SK", b"abc")
