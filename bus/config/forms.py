"""Checks of a value's form, by the names that ``reference.toml`` uses.

Each takes a value of the right type and returns what is allowed when the value is wrong, else "".
"""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

INFNO = re.compile(r"[0-9]{4,6}[A-Z]?|D[0-9]{3}|rxSetlStockQuery")
"""Transaction numbers: 2207, 2203A, 100001, and the e-prescriptions' D001 and rxSetlStockQuery."""

TENANT = re.compile(r"[A-Z0-9]{12}")
"""fixmedins_code: 12 characters; the first part of every msgid."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_LABEL = re.compile(r"[\x21-\x7e]{0,128}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,127})?")
_POSTGRES = re.compile(
    r"postgresql://[A-Za-z0-9_.\-]{1,63}@"
    r"[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?(,[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?){0,8}"
    r"/[A-Za-z0-9_\-]{1,63}"
)
_HOST = re.compile(r"[A-Za-z0-9.:\-]{1,253}")
_AREA = re.compile(r"([0-9]{6})?")


def broker_url(value: str) -> str:
    allowed = "amqp://user@host:port/vhost or amqps://..., without a password"
    url = _split(value)
    if url is None or url.scheme not in {"amqp", "amqps"}:
        return allowed
    wanted = url.username and url.hostname and url.password is None and not url.query
    return "" if wanted else allowed


def postgres_url(value: str) -> str:
    allowed = "postgresql://user@host:port/database without a password; more hosts behind commas"
    return _match(_POSTGRES, value, allowed)


def http_url(value: str) -> str:
    allowed = "http://host:port/path or https://..., without user, query or fragment"
    url = _split(value)
    if url is None or url.scheme not in {"http", "https"} or not url.hostname:
        return allowed
    return allowed if "@" in url.netloc or url.query or url.fragment else ""


def times(value: tuple[str, ...]) -> str:
    wrong = not value or not all(_CLOCK.fullmatch(item) for item in value)
    return 'one or more times of a day, such as ["07:00", "22:30"]' if wrong else ""


def weekdays(value: tuple[str, ...]) -> str:
    return "" if set(value) <= set(WEEKDAYS) else f"of {', '.join(WEEKDAYS)}; empty = every day"


def ip(value: str) -> str:
    try:
        _ = value and ipaddress.ip_address(value)
    except ValueError:
        return "an IPv4 or IPv6 address, or empty"
    return ""


def labels(value: tuple[str, ...]) -> str:
    wrong = any(not item or label(item) for item in value)
    return "a list of printable ASCII names without blanks" if wrong else ""


def label(value: str) -> str:
    return _match(_LABEL, value, "at most 128 printable ASCII characters without blanks")


def file(value: str) -> str:
    return "a path without control characters" if not value.isprintable() else ""


def file_needed(value: str) -> str:
    return "a path, not empty" if not value.strip() else file(value)


def text_needed(value: str) -> str:
    return "text, not empty, without control characters" if not _is_text(value) else ""


def _is_text(value: str) -> bool:
    return bool(value.strip()) and value.isprintable()


def _split(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:
        return None
    return url if value.isprintable() and " " not in value else None


def _match(pattern: re.Pattern[str], value: str, allowed: str) -> str:
    return "" if pattern.fullmatch(value) else allowed


FORMS: dict[str, Callable[..., str]] = {
    "area": lambda value: _match(_AREA, value, "six digits, or empty"),
    "broker_url": broker_url,
    "file": file,
    "file_needed": file_needed,
    "host": lambda value: _match(_HOST, value, "a host name or an IP address"),
    "http_url": http_url,
    "ip": ip,
    "label": label,
    "labels": labels,
    "postgres_url": postgres_url,
    "text_needed": text_needed,
    "times": times,
    "variable": lambda value: _match(_VARIABLE, value, "the name of an environment variable"),
    "weekdays": weekdays,
}
