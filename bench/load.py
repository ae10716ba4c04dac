"""The load: a closed loop of requests in flight, each reply matched, read and acknowledged.

It runs in the benchmark's own process. A window is warmed up, measured for a stretch of time, then
drained: what is in flight is answered before the next window begins, so windows do not touch.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import msgspec

from bench import amqp, proc
from bench.visits import REPLY_QUEUE, ROUTING_KEY, Requests

SILENCE_S = 30.0
"""A load that hears nothing for this long has failed."""
DEADLINE_S = 300.0
"""The deadline every request carries, as a cashier's desk would send it."""


class LoadError(Exception):
    """The job was not done: a wrong or missing reply, or the broker refused something."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Process ids whose CPU time is charged to the requests of a window."""

    worker: list[int]
    broker: list[int]
    stub: list[int]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is the HIS user's; ``good`` are bytes every right reply holds."""

    url: str
    user: str
    exchange: str
    good: bytes
    in_flight: int
    warm_s: float
    measure_s: float
    watched: Watched


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one window; CPU milliseconds are user and system time per request."""

    requests: int
    """Sent and answered, warm-up and draining included."""
    measured: int
    per_s: float
    p50_ms: float
    p99_ms: float
    worker_cpu_ms: float
    broker_cpu_ms: float
    stub_cpu_ms: float
    client_cpu_ms: float
    others_cores: float
    """Cores that everything else on the machine kept busy meanwhile."""


class _Marks(msgspec.Struct, frozen=True):
    at: float
    busy_s: float
    cpu: tuple[float, float, float, float]


class _Loop:
    """One closed loop on one connection."""

    def __init__(self, load: Load, connection: amqp.Connection, requests: Requests) -> None:
        self._load = load
        self._connection = connection
        self._requests = requests
        self._start = amqp.publish_start(load.exchange, ROUTING_KEY)
        self._deadline = (datetime.now(UTC) + timedelta(seconds=DEADLINE_S)).isoformat(
            timespec="seconds"
        )
        self._sent_at: dict[bytes, float] = {}
        self._sent = 0
        self._heard_at = time.perf_counter()
        self._pushing = True
        self._measuring = False
        self.latencies_s: list[float] = []
        self.failure: LoadError | None = None

    def push(self) -> None:
        """Publish one more request."""
        key, body = self._requests.next()
        props = amqp.properties(
            content_type="application/json",
            headers={"idempotency-key": key, "deadline": self._deadline},
            delivery_mode=2,
            correlation_id=key,
            reply_to=REPLY_QUEUE,
            message_id=key,
            type="2207",
            user_id=self._load.user,
        )
        self._sent += 1
        self._sent_at[key.encode()] = time.perf_counter()
        self._connection.write(self._start + amqp.content(props, body))

    def on_message(self, tag: int, header: bytes, body: bytes) -> None:
        """A reply: match, read, acknowledge, and send the next request."""
        self._connection.ack(tag)
        sent_at = self._sent_at.pop(amqp.correlation_id(header), None)
        if sent_at is None or self._load.good not in body:
            what = "a reply nobody waits for" if sent_at is None else "a wrong reply"
            self.failure = self.failure or LoadError(f"{what}: {body[:600].decode()}")
            return
        self._heard_at = time.perf_counter()
        if self._measuring:
            self.latencies_s.append(self._heard_at - sent_at)
        if self._pushing:
            self.push()

    async def run(self) -> Window:
        """Warm up, measure, drain."""
        for _ in range(self._load.in_flight):
            self.push()
        await self._pass(self._load.warm_s)
        self._measuring, before = True, self._mark()
        await self._pass(self._load.measure_s)
        self._measuring, after = False, self._mark()
        self._pushing = False
        while self._sent_at or self._connection.confirmed < self._sent:
            await self._pass(0.02)
        return self._window(before, after)

    async def _pass(self, seconds: float) -> None:
        """Let the loop run, and raise what went wrong meanwhile."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            await asyncio.sleep(min(left, 0.25))
            if self._connection.closed is not None:
                raise LoadError(f"the broker closed: {self._connection.closed}")
            if self._connection.returned:
                raise LoadError("the broker returned a request as unroutable")
            if self.failure is not None:
                raise self.failure
            if time.perf_counter() - self._heard_at > SILENCE_S:
                raise LoadError(f"{len(self._sent_at)} requests without a reply for {SILENCE_S} s")

    def _mark(self) -> _Marks:
        watched = self._load.watched
        groups = (watched.worker, watched.broker, watched.stub)
        used = tuple(proc.cpu_s(pids) for pids in groups)
        own = time.process_time()
        return _Marks(time.perf_counter(), proc.machine_busy_s(), (*used, own))

    def _window(self, before: _Marks, after: _Marks) -> Window:
        done = len(self.latencies_s)
        if not done:
            raise LoadError("no request was answered inside the window")
        ordered = sorted(self.latencies_s)
        seconds = [b - a for a, b in zip(before.cpu, after.cpu, strict=True)]
        used = [one * 1000 / done for one in seconds]
        wall = after.at - before.at
        others = (after.busy_s - before.busy_s - sum(seconds)) / wall
        return Window(
            requests=self._sent,
            measured=done,
            per_s=done / wall,
            p50_ms=ordered[done // 2] * 1000,
            p99_ms=ordered[min(done - 1, done * 99 // 100)] * 1000,
            worker_cpu_ms=used[0],
            broker_cpu_ms=used[1],
            stub_cpu_ms=used[2],
            client_cpu_ms=used[3],
            others_cores=max(others, 0.0),
        )


async def drive(load: Load, requests: Requests) -> Window:
    """Run one window on a connection of its own. Raises ``LoadError``."""
    connection = await amqp.Connection.open(load.url)
    try:
        await connection.confirm_select()
        await connection.declare_queue(REPLY_QUEUE)
        await connection.purge(REPLY_QUEUE)
        loop = _Loop(load, connection, requests)
        connection.on_message = loop.on_message
        await connection.consume(REPLY_QUEUE)
        return await loop.run()
    finally:
        await connection.close()
