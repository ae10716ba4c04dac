"""Bodies at rest: nobody reads, changes or moves one without being noticed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.gm import Keyring, KeyringError, SealBrokenError, Sealer

OLD = "k1 " + "11" * 32
NEW = "k2 " + "22" * 32


def sealer(*lines: str) -> Sealer:
    return Sealer(Keyring.from_text("\n".join(lines)))


@settings(max_examples=60, deadline=None)
@given(plain=st.binary(max_size=3000), context=st.binary(max_size=60))
def test_what_was_sealed_opens_to_the_same_bytes(plain: bytes, context: bytes) -> None:
    sealed = sealer(OLD).seal(plain, context)
    assert sealer(OLD).open(sealed, context) == plain


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(sealer(OLD).seal(b"530102199001010017", b"H1/key/request"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBrokenError):
        sealer(OLD).open(bytes(sealed), b"H1/key/request")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120))
def test_garbage_is_a_broken_seal_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(SealBrokenError):
        sealer(OLD).open(garbage, b"")


def test_a_cut_body_is_noticed_at_every_length() -> None:
    sealed = sealer(OLD).seal(b"body", b"here")
    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            sealer(OLD).open(sealed[:length], b"here")


def test_a_body_moved_to_another_row_is_noticed() -> None:
    with pytest.raises(SealBrokenError):
        sealer(OLD).open(sealer(OLD).seal(b"body", b"H1/a"), b"H1/b")


def test_the_same_body_never_looks_the_same_twice() -> None:
    one = sealer(OLD)
    assert one.seal(b"body", b"") != one.seal(b"body", b"")


def test_bodies_sealed_by_many_threads_at_once_all_open() -> None:
    one = sealer(OLD)
    bodies = [number.to_bytes(2, "big") * 3000 for number in range(400)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        sealed = list(pool.map(lambda body: one.seal(body, b""), bodies))
    assert [sealer(OLD).open(each, b"") for each in sealed] == bodies


def test_after_rotation_old_bodies_open_and_new_ones_use_the_new_key() -> None:
    before = sealer(OLD).seal(b"old", b"")
    rotated = sealer(OLD, NEW)
    assert rotated.open(before, b"") == b"old"
    assert sealer(NEW).open(rotated.seal(b"new", b""), b"") == b"new"
    with pytest.raises(SealBrokenError, match="not in the keyring"):
        sealer(OLD).open(rotated.seal(b"new", b""), b"")


def test_the_same_key_id_with_other_bytes_does_not_open() -> None:
    with pytest.raises(SealBrokenError, match="changed"):
        sealer("k1 " + "33" * 32).open(sealer(OLD).seal(b"body", b""), b"")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no key"),
        ("# only a remark\n\n", "no key"),
        ("k1", "line 1"),
        ("# remark\nk1 " + "1" * 63, "line 2"),
        ("k1 " + "g" * 64, "line 1"),
        ("k!1 " + "1" * 64, "line 1"),
        (f"{OLD} extra", "line 1"),
        (f"{OLD}\n{OLD}", "line 2"),
    ],
)
def test_a_malformed_key_text_is_refused_by_line_without_showing_it(text: str, reason: str) -> None:
    with pytest.raises(KeyringError, match=reason) as caught:
        Keyring.from_text(text)
    assert "1111" not in str(caught.value)


def test_a_generated_key_line_is_a_keyring_and_never_twice_the_same() -> None:
    text = Keyring.generate_text("k2026")
    assert text.startswith("k2026 ")
    assert Keyring.from_text(text)
    assert text != Keyring.generate_text("k2026")


def test_search_digests_survive_a_rotation_and_differ_by_kind_and_key() -> None:
    old, rotated = Keyring.from_text(OLD), Keyring.from_text(f"{OLD}\n{NEW}")
    digest = old.digest("psn_no", "53000000000001")
    assert len(digest) == 64
    assert digest == rotated.digest("psn_no", "53000000000001")
    assert digest != old.digest("mdtrt_id", "53000000000001")
    assert digest != Keyring.from_text(NEW).digest("psn_no", "53000000000001")


def test_no_key_shows_in_any_text_of_the_keyring() -> None:
    keys = Keyring.from_text(OLD)
    for shown in (repr(keys), repr(keys.sealing()), str(keys.sealing())):
        assert "11" not in shown
        assert "\\x" not in shown
