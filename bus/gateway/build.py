"""The one place where a gateway is put together from its settings."""

import ssl
from collections.abc import Callable, Mapping

import httpx

from bus.clock import Clock
from bus.config.settings import GatewaySettings
from bus.gateway.addresses import addresses, base_url, tls_context
from bus.gateway.breaker import BreakerHolder
from bus.gateway.connection import AnswerLimits
from bus.gateway.fallback import TracedAiohttpTransport
from bus.gateway.guard import Guard
from bus.gateway.http import HttpGateway, HttpParts
from bus.gateway.secret import GatewayConfigError, read_secret
from bus.gateway.signing import Credentials, build_scheme
from bus.gateway.transport import HttptoolsTransport

TRANSPORTS: Mapping[str, Callable[..., httpx.AsyncBaseTransport]] = {
    "httptools": HttptoolsTransport,
    "aiohttp": TracedAiohttpTransport,
}
"""Transport name of the settings -> class; all take the same arguments."""


def build_gateway(
    name: str, settings: GatewaySettings, paths: Mapping[str, str], clock: Clock
) -> HttpGateway:
    """The driver of one address. ``paths`` is the profile's infno -> path table.

    ``GatewayConfigError`` names the gateway and the setting that cannot work.
    """
    try:
        return HttpGateway(_parts(settings, paths, clock))
    except GatewayConfigError as error:
        raise GatewayConfigError(f"gateway {name}: {error}") from None


def _parts(settings: GatewaySettings, paths: Mapping[str, str], clock: Clock) -> HttpParts:
    if settings.driver != "http":
        raise GatewayConfigError(f"driver {settings.driver!r} is none of http")
    base = base_url(settings.url)
    secret = read_secret(file=settings.secret_file, env=settings.secret_env)
    return HttpParts(
        transport=_transport(settings, tls_context(base, settings.ca_file)),
        scheme=build_scheme(settings.scheme, Credentials(account=settings.account, secret=secret)),
        address_of=addresses(settings.paths, base, paths),
        guard=_guard(settings, clock),
        clock=clock,
        connect_s=settings.connect_s,
    )


def _transport(
    settings: GatewaySettings, context: ssl.SSLContext | None
) -> httpx.AsyncBaseTransport:
    factory = TRANSPORTS.get(settings.transport)
    if factory is None:
        raise GatewayConfigError(
            f"transport {settings.transport!r} is none of {', '.join(sorted(TRANSPORTS))}"
        )
    return factory(
        ssl_context=context,
        limits=AnswerLimits(body_bytes_max=settings.answer_bytes_max),
        connections_max=settings.connections_max,
        keepalive_s=settings.keepalive_s,
    )


def _guard(settings: GatewaySettings, clock: Clock) -> Guard:
    breaker = BreakerHolder(failures_max=settings.breaker.failures, open_s=settings.breaker.open_s)
    return Guard(
        breaker,
        concurrency=settings.concurrency,
        rate_per_s=settings.rate_per_s,
        clock=clock,
    )
