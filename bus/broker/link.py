"""One connection to the broker, from connect to loss, and the lanes (channels) on it."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from functools import partial

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    ConnectionNotAllowed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from pamqp.exceptions import PAMQPException
from yarl import URL

from bus.broker.errors import (
    BrokerRefusedError,
    BrokerUnreachableError,
    QueueMissingError,
    TopologyConflictError,
)
from bus.broker.frames import ack_frame, requeue_frame
from bus.broker.tap import Inlet, Tap, TapFactory
from bus.config.secret import read_secret
from bus.config.settings import BrokerSettings
from bus.tls import advice, client_context

CONNECT_S = 10.0
"""Handshake included. A broker that takes longer is not there."""
RPC_S = 20.0
"""One declaration, consume or cancel. Declaring a quorum queue on a busy cluster takes seconds."""
CLOSE_S = 5.0

_GONE = (AMQPError, PAMQPException, ConnectionError, ChannelInvalidStateError, RuntimeError)

# The library logs whole frames (bodies!) at debug and every failed attempt as an error. All that
# matters reaches us as exceptions.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Lane:
    """A channel. Its hot frames go to ``arrived``; ``closed`` is set when it is gone."""

    def __init__(self, channel: AbstractChannel, tap: Tap) -> None:
        self.channel = channel
        self.number = channel.number
        self.closed = asyncio.Event()
        self.reason = ""
        self._tap = tap
        channel.closing.add_done_callback(self._on_closed)

    @property
    def is_open(self) -> bool:
        """Whether frames written now can mean anything."""
        return not self.closed.is_set()

    def write(self, frames: bytes) -> None:
        """Send frames of this channel with the next flush; nothing on a closed lane."""
        if not self.closed.is_set():
            self._tap.write(frames)

    def ack(self, tag: int) -> None:
        """Acknowledge a delivery of this channel."""
        self.write(ack_frame(self.number, tag))

    def requeue(self, tag: int) -> None:
        """Give a delivery of this channel back."""
        self.write(requeue_frame(self.number, tag))

    async def close(self) -> None:
        """Close the channel; what was delivered on it and not acknowledged goes back."""
        self._tap.flush()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.channel.close()
        except (*_GONE, TimeoutError):
            self.closed.set()

    def _on_closed(self, closing: "asyncio.Future[object]") -> None:
        error = None if closing.cancelled() else closing.exception()
        if error is not None:
            self.reason = reason_of(error)
        self.closed.set()


LaneArrived = Callable[[Lane, bytes, bytes, bytes], None]
"""As ``bus.broker.tap.Arrived``, with the lane it arrived on."""


class Link:
    """A connection that is or was up. It is never mended: a lost link is replaced."""

    def __init__(self, connection: aiormq.Connection, tap: Tap) -> None:
        self._connection = connection
        self._tap = tap
        self.closed = asyncio.Event()
        self.reason = ""
        self.frame_bytes_max = int(connection.connection_tune.frame_max or 0)
        connection.closing.add_done_callback(self._on_closed)

    @classmethod
    async def open(cls, settings: BrokerSettings, name: str) -> "Link":
        """Connect. ``BrokerRefusedError`` on a wrong password, user or virtual host,
        ``BrokerUnreachableError`` otherwise."""
        password = read_secret(settings.password_file, settings.password_env, os.environ)
        url = URL(settings.url).with_password(password)
        url = url.update_query(heartbeat=settings.heartbeat_s, name=name)
        factory = TapFactory()
        connection = aiormq.Connection(
            url, context=_tls(url, settings.ca_file), transport_factory=factory
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()
        except (ProbableAuthenticationError, AuthenticationError, ConnectionNotAllowed) as error:
            raise BrokerRefusedError(_refusal(settings, error)) from None
        except InvalidFrameError as error:
            # The broker's refusal of a virtual host arrives as an unexpected frame.
            if "Connection.Close" in str(error):
                raise BrokerRefusedError(_refusal(settings, error)) from None
            raise BrokerUnreachableError(f"no AMQP broker at {_place(settings)}") from None
        except (*_GONE, OSError, TimeoutError) as error:
            what = advice(error) or str(error) or type(error).__name__
            raise BrokerUnreachableError(f"no broker at {_place(settings)}: {what}") from None
        if factory.tap is None:
            raise BrokerUnreachableError("the client library did not use our transport")
        return cls(connection, factory.tap)

    @property
    def is_open(self) -> bool:
        """Whether the connection is up as far as we know."""
        return not self.closed.is_set()

    async def lane(
        self, arrived: LaneArrived, *, confirms: bool = False, body_bytes_max: int = 0
    ) -> Lane:
        """Open a channel whose deliveries, confirms and returns go to ``arrived``, bodies no longer
        than ``bus.broker.tap.Inlet`` keeps them."""
        with Translated():
            async with asyncio.timeout(RPC_S):
                channel = await self._connection.channel(publisher_confirms=confirms)
        lane = Lane(channel, self._tap)
        # It stays after the channel: late deliveries must not reach the library's decoder.
        self._tap.inlets[lane.number] = Inlet(partial(arrived, lane), body_bytes_max)
        return lane

    async def is_blocked(self) -> bool:
        """Whether the broker has stopped reading from us (memory or disk alarm)."""
        ready = asyncio.ensure_future(self._connection.ready())
        done, _ = await asyncio.wait({ready}, timeout=0)
        ready.cancel()
        return not done and self.is_open

    async def close(self) -> None:
        """Say goodbye to the broker, or cut the line after ``CLOSE_S``."""
        self._tap.flush()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close(ConnectionClosed(200, "closed by us"))
        except (*_GONE, TimeoutError):
            self._tap.abort()
        self.closed.set()

    def _on_closed(self, closing: "asyncio.Future[object]") -> None:
        error = None if closing.cancelled() else closing.exception()
        self.reason = reason_of(error) if error else "closed"
        self.closed.set()


class Translated:
    """Turns the library's exceptions into ours for the calls inside the ``with``."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (BrokerRefusedError, BrokerUnreachableError)):
            return
        if isinstance(error, ChannelNotFoundEntity):
            raise QueueMissingError(reason_of(error)) from None
        if isinstance(error, ChannelPreconditionFailed):
            raise TopologyConflictError(reason_of(error)) from None
        if isinstance(error, (ChannelAccessRefused, ChannelLockedResource)):
            raise BrokerRefusedError(reason_of(error)) from None
        if isinstance(error, (*_GONE, TimeoutError)):
            raise BrokerUnreachableError(reason_of(error)) from None


def reason_of(error: BaseException) -> str:
    """The broker's own words, else the kind of the error."""
    words = [str(part) for part in error.args if isinstance(part, str) and part]
    return words[0] if words else type(error).__name__


def _tls(url: URL, ca_file: str) -> ssl.SSLContext | None:
    return client_context(ca_file) if url.scheme == "amqps" else None


def _place(settings: BrokerSettings) -> str:
    url = URL(settings.url)
    return f"{url.host}:{url.port or ''}{url.path}"


def _refusal(settings: BrokerSettings, error: BaseException) -> str:
    user = URL(settings.url).user or ""
    return f"the broker at {_place(settings)} refuses user {user}: {reason_of(error)}"
