"""Holds chosen requests at one line of the worker, and says so: there the process is killed.

The worker's own code has no hook for this. Its functions are wrapped at the ports (broker, journal,
gateway connection), and every wrapper lets through what the plan does not name.
"""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from bus.broker.outlet import Outlet
from bus.gateway.connection import Connection
from bus.journal.port import Fresh
from bus.journal.sqlite import SqliteJournal
from bus.lifecycle.record import FINAL, Record, Step
from consumers import resolver
from consumers.dispatch import Dispatcher

SETTLED_TURNS = 3
"""Turns of the loop after which what was written in one of them is on the socket."""


class Plan(msgspec.Struct, frozen=True):
    """Where to hold which requests, by their idempotency keys."""

    point: str = ""
    keys: tuple[str, ...] = ()


class Trap:
    """``plan``: a file that may appear and change while the worker runs. ``tell``: a file that gets
    one JSON line per request that stands at the point."""

    def __init__(self, plan: Path, tell: Path) -> None:
        self._file = plan
        self._tell = tell
        self._read_ns = 0
        self._plan = Plan()
        self._keys: dict[str, str] = {}
        self._held: list[asyncio.Future[None]] = []
        self._gathered: set[str] = set()
        self._all_here: dict[str, asyncio.Event] = {}

    def wants(self, point: str, key: str) -> bool:
        """Whether this request is to be held here."""
        plan = self._current()
        return plan.point == point and key in plan.keys

    async def hold(self, point: str, key: str) -> None:
        """Stand still for ever when the plan says so."""
        if self.wants(point, key):
            self.say(key)
            await self.for_ever()

    async def for_ever(self) -> None:
        """The kill ends it."""
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(held)
        await held

    async def together(self, point: str, key: str) -> None:
        """Go on when every request of the plan is here: so they get into one commit."""
        if not self.wants(point, key):
            return
        here = self._all_here.setdefault(point, asyncio.Event())
        self._gathered.add(key)
        self.say(key)
        if self._gathered.issuperset(self._plan.keys):
            here.set()
        await here.wait()

    def say(self, key: str) -> None:
        """One line for whoever kills."""
        with self._tell.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key}) + "\n")

    def know(self, record: Record) -> None:
        """Remember the numbers under which a request travels."""
        for msgid in (record.msgid, record.reversal_msgid):
            if msgid and record.key in self._current().keys:
                self._keys[msgid] = record.key

    def key_in(self, payload: bytes) -> str:
        """The key of the request whose envelope this is, or ''."""
        return next((key for msgid, key in self._keys.items() if msgid.encode() in payload), "")

    def _current(self) -> Plan:
        try:
            at_ns = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return self._plan
        if at_ns != self._read_ns:
            self._plan = msgspec.json.decode(self._file.read_bytes(), type=Plan)
            self._read_ns = at_ns
        return self._plan


def spring(trap: Trap) -> None:
    """Wrap the worker's functions. Before a worker is built."""
    _wrap(Dispatcher, "handle", lambda do: _received(trap, do))
    _wrap(SqliteJournal, "begin", lambda do: _begun(trap, do))
    _wrap(SqliteJournal, "advance", lambda do: _advanced(trap, do))
    _wrap(Connection, "begin", lambda do: _sent(trap, do))
    _wrap(Outlet, "publish", lambda do: _published(trap, do))
    _wrap(resolver, "look", lambda do: _looked(trap, do))


def _wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
    done = getattr(owner, name)
    setattr(owner, name, functools.wraps(done)(wrapper(done)))


Do = Callable[..., Awaitable[Any]]


def _received(trap: Trap, do: Do) -> Do:
    async def handle(self: Any, delivery: Any) -> None:
        await trap.hold("received", str(delivery.headers.get("idempotency-key", "")))
        await do(self, delivery)

    return handle


def _begun(trap: Trap, do: Do) -> Do:
    async def begin(self: Any, record: Record, now_ms: int, story: Any) -> Any:
        await trap.together("row_written", record.key)
        begun = await do(self, record, now_ms, story)
        if isinstance(begun, Fresh):
            trap.know(begun.record)
            await trap.hold("committed_unsent", record.key)
        return begun

    return begin


def _advanced(trap: Trap, do: Do) -> Do:
    async def advance(self: Any, record: Record, story: Any, facts: Any = ()) -> bool:
        key, done = record.key, record.state in FINAL
        trap.know(record)
        if done:
            await trap.hold("answer_read", key)
            await trap.together("outcome_written", key)
        if story.what.startswith("reversal_") and story.what != "reversal_sent":
            await trap.hold("reversal_answered", key)
        kept: bool = await do(self, record, story, facts)
        if done:
            await trap.hold("outcome_committed", key)
        if record.step is Step.REVERSAL:
            await trap.hold("reversal_committed", key)
        return kept

    return advance


def _sent(trap: Trap, do: Callable[..., Any]) -> Callable[..., Any]:
    def begin(self: Connection, payload: bytes) -> Any:
        key = trap.key_in(payload)
        if not trap.wants("first_bytes", key):
            return do(self, payload)
        do(self, payload[: len(payload) // 2])
        trap.say(key)
        return asyncio.ensure_future(trap.for_ever())

    return begin


def _published(trap: Trap, do: Do) -> Do:
    async def publish(self: Any, message: Any) -> None:
        key = "" if message.exchange else str(message.headers.get("idempotency-key", ""))
        if not trap.wants("reply_published", key):
            await do(self, message)
            await trap.hold("reply_confirmed", key)
            return
        publishing = asyncio.ensure_future(do(self, message))
        for _ in range(SETTLED_TURNS):
            await asyncio.sleep(0)
        if publishing.done():
            raise RuntimeError("the confirm came before the kill")
        await trap.hold("reply_published", key)

    return publish


def _looked(trap: Trap, do: Do) -> Do:
    async def look(case: Any, chain: Any) -> Any:
        sight = await do(case, chain)
        await trap.hold("reconciling", case.record.key)
        return sight

    return look
