"""Which address a transaction is posted to: one for all, one per infno, or the profile's table."""

import ssl
from collections.abc import Callable, Mapping

import httpx

from bus.config.faults import SettingsError
from bus.gateway.secret import GatewayConfigError
from bus.tls import client_context

AddressOf = Callable[[str], httpx.URL | None]
"""infno -> address; ``None`` when this gateway has none for it."""

SHAPES = ("single", "infno", "table")


def base_url(text: str) -> httpx.URL:
    """The gateway's url, checked: http or https, a host, no user, no query, no fragment."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise GatewayConfigError("url cannot be read") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise GatewayConfigError("url must be http://host... or https://host...")
    if url.userinfo or url.query or url.fragment:
        raise GatewayConfigError("url must not hold a user, a query or a fragment")
    return url


def addresses(shape: str, base: httpx.URL, paths: Mapping[str, str]) -> AddressOf:
    """How infnos become addresses. ``table`` appends the profile's path to the base's path."""
    if shape == "single":
        return lambda _infno: base
    if shape == "infno":
        return _Appended(base, None)
    if shape == "table":
        if not paths:
            raise GatewayConfigError("paths = table, but the profile has no path table")
        return _Appended(base, paths)
    raise GatewayConfigError(f"paths {shape!r} is none of {', '.join(SHAPES)}")


class _Appended:
    """Builds each address once; infnos are bounded by the catalogue."""

    def __init__(self, base: httpx.URL, paths: Mapping[str, str] | None) -> None:
        self._base = base
        self._paths = paths
        self._known: dict[str, httpx.URL] = {}

    def __call__(self, infno: str) -> httpx.URL | None:
        url = self._known.get(infno)
        if url is None:
            tail = self._tail(infno)
            if tail is None:
                return None
            url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/{tail}")
            self._known[infno] = url
        return url

    def _tail(self, infno: str) -> str | None:
        if self._paths is not None:
            path = self._paths.get(infno)
            return path.lstrip("/") if path else None
        return infno if infno.isascii() and infno.isalnum() else None


def tls_context(base: httpx.URL, ca_file: str) -> ssl.SSLContext | None:
    """The context for https (``None`` for http). With ``ca_file`` only that authority is trusted,
    otherwise the system's; the host name is always checked; TLS 1.2 at least."""
    if base.scheme != "https":
        if ca_file:
            raise GatewayConfigError("ca_file is set, but url is not https")
        return None
    try:
        return client_context(ca_file)
    except SettingsError as error:
        raise GatewayConfigError(str(error)) from None
