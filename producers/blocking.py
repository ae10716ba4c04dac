"""A thin blocking face of ``HisClient`` for programs without an event loop.

All methods may be called from any thread; one background thread runs the loop.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from producers.client import HisClient, Replies
from producers.keys import KeyStore
from producers.wire import ANSWER_S, Answer, CallOptions

T = TypeVar("T")


class BlockingHisClient:
    """``HisClient`` with blocking methods of the same names, arguments and errors."""

    def __init__(self, client: HisClient) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="yibao-his", daemon=True)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        tenant: str,
        key_store: KeyStore,
        replies: Replies = "durable",
        reply_queue: str = "",
        **defaults: Unpack[CallOptions],
    ) -> Self:
        """A client for ``with``; see ``HisClient.connect``."""
        return cls(
            HisClient.connect(
                url,
                tenant=tenant,
                key_store=key_store,
                replies=replies,
                reply_queue=reply_queue,
                **defaults,
            )
        )

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait(self._client.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._wait(self._client.__aexit__(kind, error, trace))
        finally:
            self._stop()

    def call(
        self, infno: str, content: Mapping[str, object] | bytes, **options: Unpack[CallOptions]
    ) -> Answer:
        """See ``HisClient.call``."""
        return self._wait(self._client.call(infno, content, **options))

    def ask_again(self, key: str, wait_s: float = ANSWER_S) -> Answer:
        """See ``HisClient.ask_again``."""
        return self._wait(self._client.ask_again(key, wait_s))

    def final(self, key: str, timeout_s: float) -> Answer:
        """See ``HisClient.final``."""
        return self._wait(self._client.final(key, timeout_s))

    def unfinished(self) -> tuple[str, ...]:
        """See ``HisClient.unfinished``."""
        return self._wait(self._client.unfinished())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
