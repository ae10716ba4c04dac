"""The HIS client: one call, one final outcome, whatever happens to the network or the program.

The key and the request are on the disk before the first byte leaves. After a lost connection the
same request is published again under the same key, and the bus answers with the stored reply. A
request is never sent under a second key by this module (decision 0009).
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar, Unpack

import msgspec

from bus import topology
from bus.clock import Clock, SystemClock
from producers.errors import (
    BadRequestError,
    KeyReusedError,
    KeyStoreError,
    NotConnectedError,
    ReplyTimeoutError,
    RequestNotSentError,
    UnknownKeyError,
)
from producers.keys import Entry, KeyStore, Request
from producers.link import Link, LinkLostError, LinkSettings, Session
from producers.waiting import Waiters
from producers.wire import (
    ANSWER_S,
    Answer,
    CallOptions,
    build_request,
    read_reply,
    same_content,
    wait_s,
)

Replies = Literal["durable", "direct"]

ASK_S_FIRST, ASK_S_MAX = 2.0, 60.0
"""``final`` asks again after 2, 4, 8 ... 60 s: the event usually comes first, and a doubt may take
the centre's own ten minutes."""
RETRY_S = 0.2
"""Pause before a publish that failed is tried again on the same or the next connection."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = logging.getLogger("yibao.his")
P = ParamSpec("P")
T = TypeVar("T")


class HisClient:
    """A connection of one HIS program to the bus. Use it as an asynchronous context manager."""

    def __init__(
        self,
        settings: LinkSettings,
        key_store: KeyStore,
        defaults: CallOptions,
        clock: Clock | None = None,
    ) -> None:
        self._keys = key_store
        self._defaults = defaults
        self._clock = clock or SystemClock()
        self._waiters = Waiters()
        self._link = Link(settings, self._on_message)
        self._stack = AsyncExitStack()

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
        """A client for ``async with``; entering it raises ``NotConnectedError`` without a broker.

        ``url``: amqp(s)://user:password@host:port/vhost, aiormq's query options (``cafile``,
        ``heartbeat``) included. ``tenant``: the fixmedins_code the user may speak for.
        ``reply_queue``: short name of this program's own durable queue (``cashier-7`` is
        ``yibao.replies.<tenant>.cashier-7``); empty: the tenant's shared queue, for the one program
        that owns it. ``defaults``: call options for every call.
        """
        if not _NAME.fullmatch(tenant) or (reply_queue and not _NAME.fullmatch(reply_queue)):
            raise BadRequestError("tenant and reply_queue are 1 to 64 of A-Z a-z 0-9 - _")
        queue = topology.reply_queue(tenant)
        queue = f"{queue}.{reply_queue}" if reply_queue else queue
        settings = LinkSettings(
            url=url,
            tenant=tenant,
            reply_queue=queue if replies == "durable" else "",
            own_queue=bool(reply_queue),
        )
        return cls(settings, key_store, defaults)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._link)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def call(
        self, infno: str, content: Mapping[str, object] | bytes, **options: Unpack[CallOptions]
    ) -> Answer:
        """Send one transaction and return its reply; ``answer.status`` says what happened.

        ``content`` is the ``input`` object, amounts as text or ``Decimal``, or its JSON text. An
        ``in_doubt`` is followed by the final outcome: ``await client.final(answer.key)``.

        Raises ``RequestNotSentError`` (nothing left), ``OutcomeUnknownError`` (ask again with
        ``error.key``). A key that was kept with this same content is asked for again.
        """
        merged: CallOptions = {**self._defaults, **options}
        request = build_request(infno, content, merged, self._clock.now_ms())
        known = await _in_thread(self._keys.keep, request)
        if known and not same_content(known.request, request):
            raise KeyReusedError("this key was kept for other content", request.key)
        if known and known.final:
            return read_reply(known.reply, request.key)
        if known:
            return await self._ask(known.request, wait_s(merged), final_only=False)
        return await self._ask_first(request, wait_s(merged))

    async def ask_again(self, key: str, wait_s: float = ANSWER_S) -> Answer:
        """The outcome of a kept request: the one on the disk, else the bus is asked once more.

        If the request had never left, it is sent now, still under its first deadline.
        ``UnknownKeyError`` when the key was never kept here; otherwise like ``call``.
        """
        entry = await self._entry(key)
        if entry.final:
            return read_reply(entry.reply, key)
        return await self._ask(entry.request, wait_s, final_only=False)

    async def final(self, key: str, timeout_s: float) -> Answer:
        """The final outcome of a kept request, from its event or by asking again at growing
        intervals. ``ReplyTimeoutError`` when it is still unknown after ``timeout_s``."""
        entry = await self._entry(key)
        if entry.final:
            return read_reply(entry.reply, key)
        return await self._ask(entry.request, timeout_s, final_only=True)

    async def unfinished(self) -> tuple[str, ...]:
        """Keys without a final outcome, oldest first: what to ``ask_again`` after a restart."""
        return await _in_thread(self._keys.unfinished)

    async def _entry(self, key: str) -> Entry:
        entry = await _in_thread(self._keys.find, key)
        if entry is None:
            raise UnknownKeyError("no request is kept under this key", key)
        return entry

    async def _ask_first(self, request: Request, wait_s: float) -> Answer:
        """The first send of a new key: when nothing left, the key is forgotten again, so that no
        later ``ask_again`` sends what the cashier was told had not been sent."""
        try:
            return await self._ask(request, wait_s, final_only=False, sent=False)
        except RequestNotSentError:
            if not self._waiters.count(request.key):
                await _in_thread(self._keys.drop, request.key)
            raise

    async def _ask(
        self, request: Request, wait_s: float, *, final_only: bool, sent: bool = True
    ) -> Answer:
        """Publish, and publish again after every lost connection, until the answer is there."""
        ask = _Ask(request, sent)
        pause_s = ASK_S_FIRST
        with self._waiters.waiting(request.key, final_only=final_only) as answer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while not answer.done():
                        session = await self._link.session()
                        await _publish(session, ask)
                        news: set[asyncio.Future[Any]] = {answer, session.lost}
                        await asyncio.wait(
                            news,
                            timeout=pause_s if final_only else None,
                            return_when=asyncio.FIRST_COMPLETED,
                        )
                        pause_s = min(pause_s * 2, ASK_S_MAX)
            if answer.done():
                return answer.result()
        if ask.sent:
            raise ReplyTimeoutError(
                "no reply in time; the outcome is unknown here: ask again with the same key",
                request.key,
            )
        raise NotConnectedError(f"no connection to the broker: {self._link.fault}", request.key)

    async def _on_message(self, key: str, body: bytes) -> bool:
        """A reply or an event: on the disk first, then to whoever waits. False leaves it with the
        broker, which delivers it again after the next connect."""
        try:
            answer = read_reply(body, key)
        except (ValueError, RecursionError):
            _log.warning("a reply that is none of the contract was dropped")
            return True
        settled = True
        try:
            await _in_thread(self._keys.record, key, body, final=answer.status.is_final)
        except KeyStoreError:
            _log.exception("an outcome could not be kept; the bus will tell it again")
            settled = False
        self._waiters.deliver(key, answer)
        return settled


class _Ask(msgspec.Struct):
    """A request being asked. ``sent``: an earlier publish may have reached the bus; while none
    has, a refusal is certain and is raised; afterwards only the time limit ends the wait."""

    request: Request
    sent: bool


async def _publish(session: Session, ask: _Ask) -> None:
    before, ask.sent = ask.sent, True
    try:
        await session.publish(ask.request)
    except LinkLostError:
        await asyncio.sleep(RETRY_S)
    except RequestNotSentError:
        ask.sent = before
        if not before:
            raise
        await asyncio.sleep(RETRY_S)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The key store waits for the disk, the event loop does not."""
    return await asyncio.to_thread(work, *args, **kwargs)
