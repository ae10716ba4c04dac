"""Who in this program waits for which key."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from producers.wire import Answer


class Waiter(msgspec.Struct, eq=False):
    """One caller. ``final_only``: an ``in_doubt`` is not what it waits for."""

    answer: asyncio.Future[Answer]
    final_only: bool


class Waiters:
    """Replies are matched by key; any number of callers may wait for one key."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[Waiter]] = defaultdict(list)

    @contextmanager
    def waiting(self, key: str, *, final_only: bool) -> Iterator[asyncio.Future[Answer]]:
        """Enter a caller; the future gets the first answer it waits for."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiter = Waiter(future, final_only)
        self._by_key[key].append(waiter)
        try:
            yield future
        finally:
            self._by_key[key].remove(waiter)
            if not self._by_key[key]:
                del self._by_key[key]
            future.cancel()

    def deliver(self, key: str, answer: Answer) -> None:
        """Give an answer to everybody who waits for it; a second one changes nothing."""
        for waiter in self._by_key.get(key, ()):
            wanted = answer.status.is_final or not waiter.final_only
            if wanted and not waiter.answer.done():
                waiter.answer.set_result(answer)

    def count(self, key: str) -> int:
        """How many callers wait for the key."""
        return len(self._by_key.get(key, ()))
