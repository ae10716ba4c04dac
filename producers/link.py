"""One supervised connection to the broker: it comes back by itself, and says when it was lost."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import unquote, urlsplit

import aio_pika
import msgspec
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage, HeadersType
from aiormq.exceptions import (
    AMQPError,
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    DeliveryError,
    ProbableAuthenticationError,
    PublishError,
)
from pamqp.common import FieldTable
from pamqp.exceptions import PAMQPException

from bus import topology
from bus.tls import advice
from producers.errors import NotConnectedError, OutcomeUnknownError, RefusedError, UnroutableError
from producers.keys import Request
from producers.wire import new_key

CONNECT_S = 10.0
"""One attempt to connect, log in and declare; a node in the next room answers in milliseconds."""
CONFIRM_S = 30.0
"""A confirm that takes longer means a broker in trouble: the connection is given up as lost."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 5.0
"""Pauses between attempts to connect: doubled up to the bound, for as long as the program runs."""
REFUSED_S = 5.0
"""A broker that refuses a message gets a new connection, but not more often than this: after a
quorum queue has lost its leader, it may refuse everything on a channel for ever (RabbitMQ 3.10)."""
PREFETCH = 64
"""Replies taken before the first is on the disk; each is at most a few hundred KB."""
QUEUE_UNUSED_MS = 30 * 86_400_000
"""A reply queue nobody has read for 30 days belongs to a program that is gone; replies in it are
older than the week they are kept for, and the journal has them."""
DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"

_log = logging.getLogger("yibao.his")
_FAULTS = (AMQPError, PAMQPException, OSError, RuntimeError, TimeoutError)

_REASONS: dict[type[BaseException], str] = {
    ChannelLockedResource: "another program uses this reply queue",
    ChannelAccessRefused: "this broker user may not use this reply queue or tenant",
    ChannelNotFoundEntity: "the exchanges of the bus are not on this broker and virtual host",
    ProbableAuthenticationError: "wrong broker user or password",
}

OnMessage = Callable[[str, bytes], Awaitable[bool]]
"""Takes key and body of a reply or event; True when the message is dealt with for good."""


class LinkLostError(Exception):
    """The connection went away, or the broker did not confirm: the message may be there or not."""


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``reply_queue`` is empty for direct reply-to."""

    url: str
    tenant: str
    reply_queue: str = ""
    own_queue: bool = True
    """Whether this client declares ``reply_queue``; the tenant's shared queue is the bus's."""
    queue_unused_ms: int = QUEUE_UNUSED_MS
    """The broker drops an own queue that nobody has read for this long."""
    connect_s: float = CONNECT_S
    """How long the first connection may take."""

    @property
    def event_queue(self) -> str:
        """The exclusive queue of late outcomes, one for each reply queue."""
        name = self.reply_queue.removeprefix(topology.reply_queue(self.tenant)).lstrip(".")
        own = name or ("shared" if self.reply_queue else new_key())
        return f"{topology.event_queue(self.tenant)}.{own}"

    @property
    def user(self) -> str:
        """The broker user the URL names; the broker compares it with the ``user_id`` property."""
        return unquote(urlsplit(self.url).username or "guest")


def reply_queue_arguments(settings: LinkSettings) -> FieldTable:
    """Limits of a client's own reply queue: those of the tenant's, and an end when unused."""
    tenant = settings.tenant
    shared = next(
        item
        for item in topology.tenant_items(tenant)
        if isinstance(item, topology.Queue) and item.name == topology.reply_queue(tenant)
    )
    return {**shared.arguments(), "x-expires": settings.queue_unused_ms}


def as_message(request: Request, settings: LinkSettings) -> aio_pika.Message:
    """The request as an AMQP message; ``message_id`` and ``timestamp`` differ between two sends."""
    headers: HeadersType = {"idempotency-key": request.key, "deadline": request.deadline}
    if request.traceparent:
        headers["traceparent"] = request.traceparent
    return aio_pika.Message(
        request.body,
        headers=headers,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=new_key(),
        timestamp=datetime.now(UTC),
        correlation_id=request.key,
        reply_to=settings.reply_queue or DIRECT_REPLY_TO,
        type=request.infno,
        user_id=settings.user,
    )


async def connected(url: str) -> AbstractConnection:
    """An open connection. What a failed attempt leaves is closed here: the library does it when the
    object is garbage, which may be after the event loop has ended."""
    connection = aio_pika.Connection(aio_pika.connection.make_url(url))
    try:
        await connection.connect()
    except BaseException:
        await connection.close()
        raise
    return connection


class Session:
    """One connection while it lasts: a channel for requests and replies, a channel for events."""

    def __init__(
        self, connection: AbstractConnection, settings: LinkSettings, on_message: OnMessage
    ) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._settings = settings
        self._on_message = on_message
        self._in_flight = 0
        self._made_s = asyncio.get_running_loop().time()
        self._requests: AbstractExchange

    async def open(self) -> None:
        """Declare what is ours, start consuming, make ready to publish."""
        channel = await self._channel(publisher_confirms=True)
        settings = self._settings
        if settings.reply_queue and settings.own_queue:
            await channel.declare_queue(
                settings.reply_queue, durable=True, arguments=reply_queue_arguments(settings)
            )
        name = settings.reply_queue or DIRECT_REPLY_TO
        direct = not settings.reply_queue
        await channel.set_qos(prefetch_count=PREFETCH, global_=False)
        queue = await channel.get_queue(name, ensure=False)
        await queue.consume(self._take, no_ack=direct)
        self._requests = await channel.get_exchange(topology.REQUESTS_EXCHANGE, ensure=False)
        await self._listen()

    async def publish(self, request: Request) -> None:
        """Return when the broker has the request.

        ``UnroutableError``/``RefusedError``: it has it not. ``OutcomeUnknownError``: it did not
        take it over, or refused one of several in flight. ``LinkLostError``: unknown.
        """
        message = as_message(request, self._settings)
        key = topology.request_key(request.infno, self._settings.tenant)
        self._in_flight += 1
        try:
            await self._requests.publish(message, key, mandatory=True, timeout=CONFIRM_S)
        except PublishError:
            raise UnroutableError(
                "no queue takes this transaction of this tenant; nothing was sent", request.key
            ) from None
        except (ChannelAccessRefused, ChannelNotFoundEntity):
            raise self._refusal(request.key) from None
        except DeliveryError:
            if asyncio.get_running_loop().time() - self._made_s > REFUSED_S:
                self.give_up()
            raise OutcomeUnknownError(
                "the broker did not take the request over: its queue is full or in trouble;"
                " ask again with the same key",
                request.key,
            ) from None
        except _FAULTS:
            self.give_up()
            raise LinkLostError from None
        finally:
            self._in_flight -= 1

    def give_up(self, *_: object) -> None:
        """Count this session as lost; the supervisor closes it and connects anew."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def close(self) -> None:
        """Close the connection; whatever it says then no longer matters."""
        self.give_up()
        with contextlib.suppress(*_FAULTS):
            async with asyncio.timeout(CONNECT_S):
                await self._connection.close()

    async def _channel(self, *, publisher_confirms: bool) -> aio_pika.abc.AbstractChannel:
        channel = self._connection.channel(
            publisher_confirms=publisher_confirms, on_return_raises=publisher_confirms
        )
        await channel.initialize(timeout=CONNECT_S)
        channel.close_callbacks.add(self.give_up)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self.give_up)
        return channel

    async def _listen(self) -> None:
        """Late final outcomes: an exclusive queue bound to the settlement events of the tenant.

        It is named after the reply queue: a second program on that reply queue, which would take
        the first one's replies, is locked out here (quorum queues know no exclusive consumer).
        """
        tenant = self._settings.tenant
        channel = await self._channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=PREFETCH, global_=False)
        queue = await channel.declare_queue(
            self._settings.event_queue, exclusive=True, auto_delete=True
        )
        await queue.bind(topology.EVENTS_EXCHANGE, topology.settlement_event(tenant, "*"))
        await queue.consume(self._take_event, no_ack=False)

    async def _take_event(self, message: AbstractIncomingMessage) -> None:
        """Only the routing key says what an event is: some brokers let whoever may publish any
        event (a device bridge) send copies (``CC``) of it to those who wait for others."""
        prefix = topology.settlement_event(self._settings.tenant, "")
        if str(message.routing_key).startswith(prefix):
            await self._take(message)
            return
        with contextlib.suppress(*_FAULTS):
            await message.ack()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        stated = message.headers.get("idempotency-key")
        key = stated if isinstance(stated, str) else message.correlation_id or ""
        settled = await self._on_message(key, message.body)
        if settled and not str(message.routing_key).startswith(DIRECT_REPLY_TO):
            with contextlib.suppress(*_FAULTS):
                await message.ack()

    def _refusal(self, key: str) -> RefusedError | OutcomeUnknownError:
        if self._in_flight > 1:
            return OutcomeUnknownError("the broker refused one of several requests in flight", key)
        return RefusedError(
            "the broker refused the request: check its user, the tenant and the permissions", key
        )


class Link:
    """Keeps one ``Session`` open; after a loss it opens the next, forever."""

    def __init__(self, settings: LinkSettings, on_message: OnMessage) -> None:
        self._settings = settings
        self._on_message = on_message
        self._session: asyncio.Future[Session]
        self._fault = "no attempt yet"
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> "Link":
        """Connect; ``NotConnectedError`` when the broker is not there in time."""
        self._session = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep(), name="yibao-his-link")
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await self.session()
        except BaseException as error:
            await self._stop()
            if isinstance(error, TimeoutError):
                raise NotConnectedError(f"no connection to the broker: {self._fault}") from None
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def session(self) -> Session:
        """The open session; waits for one as long as it takes."""
        return await asyncio.shield(self._session)

    @property
    def fault(self) -> str:
        """Why there was no session the last time one was tried; no password in it."""
        return self._fault

    async def _keep(self) -> None:
        pause_s = PAUSE_S_MIN
        while True:
            session = await self._open()
            if session is None:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_S_MAX)
                continue
            pause_s = PAUSE_S_MIN
            self._session.set_result(session)
            try:
                await asyncio.shield(session.lost)
            finally:
                self._session = asyncio.get_running_loop().create_future()
                await session.close()
            _log.warning("the connection to the broker was lost; connecting again")

    async def _open(self) -> Session | None:
        session: Session | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await connected(self._settings.url)
                session = Session(connection, self._settings, self._on_message)
                await session.open()
        except Exception as error:  # noqa: BLE001 - no fault of one attempt ends the supervision
            self._fault = advice(error) or _REASONS.get(type(error), type(error).__name__)
            _log.warning("no connection to the broker: %s", self._fault)
        except asyncio.CancelledError:
            if session:
                await session.close()
            raise
        else:
            return session
        if session:
            await session.close()
        return None

    async def _stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
