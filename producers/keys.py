"""Where a HIS program keeps its idempotency keys: the port, and the store in memory.

The key and the whole request are kept before the first byte leaves, so that a program that dies
afterwards can ask again for exactly that request instead of making up a second one.
"""

import threading
from typing import Protocol

import msgspec

from bus.clock import Clock, SystemClock


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as kept and as sent, every time with the same bytes.

    ``body`` is the JSON of ``schemas.contract.RequestBody``; ``deadline`` is RFC 3339, and stays
    the one of the first send: an old request asked for again never starts to move money late.
    """

    key: str
    infno: str
    body: bytes
    deadline: str
    traceparent: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kept request. ``reply`` is the last reply's body, empty before any."""

    request: Request
    reply: bytes = b""
    final: bool = False


class KeyStore(Protocol):
    """Durable book of requests by key. Methods block for a disk write; they may be called from
    any thread. Each raises ``KeyStoreError`` when the store cannot be read or written."""

    def keep(self, request: Request) -> Entry | None:
        """Keep a new request, durably. If its key is kept already, change nothing and return
        that entry."""
        ...

    def record(self, key: str, reply: bytes, *, final: bool) -> bool:
        """Store a reply durably. The first final reply stays for good. False: key not kept
        here."""
        ...

    def drop(self, key: str) -> None:
        """Forget a request that is known never to have left."""
        ...

    def find(self, key: str) -> Entry | None:
        """The entry of a key, or None."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Keys without a final outcome, oldest first."""
        ...

    def forget(self, kept_before_ms: int) -> int:
        """Delete finished entries kept before this instant (milliseconds since 1970 UTC); their
        number. Entries hold personal data: call it daily."""
        ...


class MemoryKeyStore:
    """A key store that dies with the program: for look-ups, tests, and nothing that moves
    money."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._entries: dict[str, tuple[int, Entry]] = {}
        self._lock = threading.Lock()

    def keep(self, request: Request) -> Entry | None:
        with self._lock:
            if request.key in self._entries:
                return self._entries[request.key][1]
            self._entries[request.key] = (self._clock.now_ms(), Entry(request=request))
            return None

    def record(self, key: str, reply: bytes, *, final: bool) -> bool:
        with self._lock:
            if key not in self._entries:
                return False
            kept_ms, entry = self._entries[key]
            if not entry.final:
                self._entries[key] = (
                    kept_ms,
                    Entry(request=entry.request, reply=reply, final=final),
                )
            return True

    def drop(self, key: str) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def find(self, key: str) -> Entry | None:
        with self._lock:
            found = self._entries.get(key)
        return found[1] if found else None

    def unfinished(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(key for key, (_, entry) in self._entries.items() if not entry.final)

    def forget(self, kept_before_ms: int) -> int:
        with self._lock:
            old = [
                key
                for key, (kept_ms, entry) in self._entries.items()
                if entry.final and kept_ms < kept_before_ms
            ]
            for key in old:
                del self._entries[key]
        return len(old)
