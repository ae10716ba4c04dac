"""Both key stores keep the same promises; the one in a file keeps them through a restart."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.clock import SystemClock
from producers import FileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore, Request


class Hands(SystemClock):
    """A clock set by hand."""

    def __init__(self) -> None:
        self.ms = 1000

    def now_ms(self) -> int:
        return self.ms


def request(key: str, body: bytes = b"{}") -> Request:
    return Request(
        key=key, infno="2207", body=body, deadline="2026-11-23T10:15:00Z", traceparent="00-1"
    )


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, clock: Hands, tmp_path: Path) -> Iterator[KeyStore]:
    if request.param == "memory":
        yield MemoryKeyStore(clock)
        return
    kept = FileKeyStore(tmp_path / "keys.sqlite3", clock)
    yield kept
    kept.close()


def test_a_request_is_kept_whole_and_once(store: KeyStore) -> None:
    assert store.keep(request("a", b"first")) is None
    again = store.keep(request("a", b"second"))
    assert again is not None
    assert again.request == request("a", b"first")
    assert store.find("a") == again
    assert store.find("b") is None


def test_unfinished_are_listed_oldest_first_until_a_final_reply(store: KeyStore) -> None:
    for key in "cab":
        store.keep(request(key))
    store.record("a", b"doubt", final=False)
    store.record("c", b"done", final=True)
    assert store.unfinished() == ("a", "b")


def test_the_first_final_reply_stays(store: KeyStore) -> None:
    store.keep(request("a"))
    assert store.record("a", b"doubt", final=False)
    assert store.record("a", b"done", final=True)
    assert store.record("a", b"late doubt", final=False)
    assert store.record("a", b"another end", final=True)
    entry = store.find("a")
    assert entry is not None
    assert (entry.reply, entry.final) == (b"done", True)


def test_a_reply_to_a_strangers_key_is_not_kept(store: KeyStore) -> None:
    assert not store.record("stranger", b"done", final=True)
    assert store.find("stranger") is None


def test_a_dropped_key_may_be_used_anew(store: KeyStore) -> None:
    store.keep(request("a", b"first"))
    store.drop("a")
    store.drop("never there")
    assert store.keep(request("a", b"second")) is None


def test_only_old_finished_entries_are_forgotten(store: KeyStore, clock: Hands) -> None:
    store.keep(request("open"))
    store.keep(request("done"))
    store.record("done", b"done", final=True)
    clock.ms = 2000
    store.keep(request("new"))
    store.record("new", b"done", final=True)
    assert store.forget(kept_before_ms=2000) == 1
    assert [store.find(key) is not None for key in ("open", "done", "new")] == [True, False, True]


def test_a_file_outlives_its_program_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite3"
    first = FileKeyStore(path)
    first.keep(request("a"))
    second = FileKeyStore(path)
    assert second.unfinished() == ("a",)
    second.record("a", b"done", final=True)
    assert first.unfinished() == ()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first.close()
    second.close()


def test_a_file_that_is_no_key_store_is_a_clear_fault(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite3"
    path.write_bytes(b"this is not a database, and is longer than its header would be" * 20)
    with pytest.raises(KeyStoreError, match="key store"):
        FileKeyStore(path)
    with pytest.raises(KeyStoreError):
        FileKeyStore(tmp_path / "no such folder" / "keys.sqlite3")


def test_a_store_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys.sqlite3")
    store.close()
    with pytest.raises(KeyStoreError):
        store.keep(request("a"))
