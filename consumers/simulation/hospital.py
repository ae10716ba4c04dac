"""A hospital's programs: they ask, wait, lose patience, ask again, click twice, and go away.

A program keeps what it must: the idempotency key of what it asks (the contract's first rule).
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count

import msgspec

from bus.broker.port import Message
from bus.clock import rfc3339
from bus.topology import REQUESTS_EXCHANGE, reply_queue, request_key
from consumers.order import DIRECT_REPLY
from consumers.simulation.broker import SimBroker
from consumers.simulation.ground import Ground
from consumers.simulation.inputs import Values, input_for
from consumers.simulation.requests import Publication, Request, Told
from consumers.simulation.watch import Watch, key_of
from schemas.contract import Reply
from schemas.jsontext import reread

TENANT = "H53010000001"
OPTER = "0101"
HIS_USER = "his"
ROUNDS_MAX = 200
"""Times a program asks for the same outcome before it is told by a person."""

MANNERS = (
    *("plain",) * 9,
    *("twice",) * 3,
    *("click",) * 3,
    *("changed",) * 2,
    *("vanish",) * 2,
    "hasty",
    "short_lived",
)
"""How a request is asked, as often as it stands here."""

_read_reply = msgspec.json.Decoder(Reply)


class Hospital:
    """The programs of one institution share numbers and what they are told."""

    def __init__(self, ground: Ground, broker: SimBroker, watch: Watch) -> None:
        self.ground = ground
        self.broker = broker
        self.watch = watch
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Event] = {}
        broker.boxes[reply_queue(TENANT)] = self.hear
        broker.on_event = self.hear

    def number(self, prefix: str) -> str:
        """A number never given before."""
        return f"{prefix}{next(self._numbers)}"

    def request(self, infno: str, values: Values, rows: Sequence[Values] = ()) -> Request:
        """A new request under a new key."""
        transaction = self.ground.catalogue[infno]
        request = Request(
            key=self.number("K"),
            tenant=TENANT,
            infno=infno,
            kept=transaction.effect not in ("query", "session"),
            contents=[msgspec.json.encode(input_for(transaction, values, rows))],
        )
        self.watch.requests[request.key] = request
        return request

    async def publish(self, request: Request, content: int = 0, **options: str) -> str:
        """Send until the broker confirms; every message has a correlation of its own."""
        ground = self.ground
        while True:
            message = self._message(request, content, options)
            request.publications[message.correlation_id] = Publication(content=content)
            await ground.pause(ground.traits.latency_us)
            lost = ground.chance(ground.traits.publish_lost)
            if not lost:
                ground.note("HIS", f"asks {request.infno} {message.correlation_id} {options or ''}")
                self.broker.accept(message)
            if not lost and not ground.chance(ground.traits.confirm_lost):
                return message.correlation_id
            await ground.pause(500_000)

    def _message(self, request: Request, content: int, options: Mapping[str, str]) -> Message:
        body = {
            "infno": request.infno,
            "input": msgspec.Raw(request.contents[content]),
            "opter": OPTER,
            "opter_name": "示例",
            "insuplc_admdvs": "530102",
        }
        headers: dict[str, str | int] = {"idempotency-key": request.key}
        if "deadline_s" in options:
            until_ms = self.ground.wall_ms() + round(float(options["deadline_s"]) * 1000)
            headers["deadline"] = rfc3339(until_ms)
        if "ttl_ms" in options:
            headers["simulated-expiration"] = int(options["ttl_ms"])
        correlation = f"{request.key}#{len(request.publications) + 1}"
        return Message(
            body=msgspec.json.encode(body),
            exchange=REQUESTS_EXCHANGE,
            routing_key=request_key(request.infno, TENANT),
            message_id=correlation,
            correlation_id=correlation,
            type=request.infno,
            reply_to=options.get("reply_to", ""),
            user_id=HIS_USER,
            headers=headers,
        )

    def hear(self, message: Message) -> None:
        """A reply or an event came."""
        waiting = self._waiting.get(key_of(message))
        if waiting is not None:
            waiting.set()

    async def wait(self, request: Request, seconds: float) -> Told | None:
        """The final answer, once it is there; ``None`` after ``seconds`` without one."""
        heard = self._waiting.setdefault(request.key, asyncio.Event())
        until = self.ground.loop.time() + seconds
        while True:
            finals = request.finals()
            if finals:
                return finals[-1]
            heard.clear()
            left = until - self.ground.loop.time()
            if left <= 0:
                return None
            try:
                async with asyncio.timeout(left):
                    await heard.wait()
            except TimeoutError:
                return None


class Program:
    """One cashier's desk: asks one thing after the other."""

    def __init__(self, hospital: Hospital, name: str) -> None:
        self._hospital = hospital
        self._ground = hospital.ground
        self._name = name

    async def ask(self, infno: str, values: Values, rows: Sequence[Values] = ()) -> Told | None:
        """Ask in some manner, and stay until there is a final answer or it is held."""
        hospital = self._hospital
        request = hospital.request(infno, values, rows)
        manner = self._ground.dice.choice(MANNERS)
        await getattr(self, f"_{manner}")(request, values, rows)
        return await self._stay(request)

    async def _stay(self, request: Request) -> Told | None:
        """Wait; when it takes too long ask again under the same key."""
        for _ in range(ROUNDS_MAX):
            told = await self._hospital.wait(request, self._ground.dice.uniform(5, 60))
            if told is not None:
                return told
            record = self._hospital.watch.records.get(request.key)
            if self._ground.calm and record is not None and record.state == "held":
                return None
            await self._hospital.publish(request)
        return None

    # -- manners ---------------------------------------------------------------------------------

    async def _plain(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        await self._hospital.publish(request)

    async def _twice(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """A program that sends a second time what it has sent just now."""
        await self._hospital.publish(request)
        for _ in range(self._ground.dice.randint(1, 2)):
            await self._ground.pause(self._ground.dice.choice((1_000, 300_000, 10_000_000)))
            await self._hospital.publish(request)

    async def _click(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """An impatient second click: the same thing under another key and number."""
        number = self._hospital.number
        fresh = {name: number("N") for name in ("invono", "ipt_otp_no", "ipt_no")}
        again = [{**row, "feedetl_sn": number("N")} for row in rows]
        second = self._hospital.request(request.infno, {**values, **fresh}, again)
        await self._hospital.publish(request)
        await self._ground.pause(self._ground.dice.choice((1_000, 300_000)))
        await self._hospital.publish(second)
        self._ground.loop.spawn(None, self._stay(second))

    async def _changed(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """Another content under the same key."""
        other = reread(request.contents[0])
        other["exContent"] = "changed"
        request.contents.append(msgspec.json.encode(other))
        first = self._ground.dice.randint(0, 1)
        await self._hospital.publish(request, first)
        await self._ground.pause(self._ground.dice.choice((1_000, 300_000, 10_000_000)))
        await self._hospital.publish(request, 1 - first)

    async def _vanish(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """The program ends before its reply, and comes back later with the key it kept."""
        kind = self._ground.dice.choice((DIRECT_REPLY, "amq.gen"))
        await self._hospital.publish(request, reply_to=f"{kind}-{self._name}")
        await self._ground.pause(self._ground.dice.choice((2_000_000, 20_000_000)))

    async def _hasty(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """A deadline that may be over before anything is sent."""
        deadline_s = str(self._ground.dice.choice((0.0, 0.05, 2.0)))
        await self._hospital.publish(request, deadline_s=deadline_s)

    async def _short_lived(self, request: Request, values: Values, rows: Sequence[Values]) -> None:
        """A message the broker itself takes away."""
        await self._hospital.publish(request, ttl_ms=str(self._ground.dice.choice((1, 2_000))))


def output_of(told: Told | None) -> dict[str, object]:
    """The output of a succeeded answer; {} when there is none."""
    if told is None or told.status != "succeeded":
        return {}
    reply = _read_reply.decode(told.body)
    output = reread(bytes(reply.output)) if isinstance(reply.output, msgspec.Raw) else {}
    return output if isinstance(output, dict) else {}
