"""What a broker lacks, or has too much of, for the accounts of a configuration. Pure.

Both sides are documents in RabbitMQ's definitions format: what ``definitions`` makes, and what the
management API or a file says there is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bus.topology.permissions import SALT_BYTES, password_hash, salt_of

Document = Mapping[str, Any]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be. ``kind`` is a section of the document; ``problem`` is
    missing, differs or surplus; ``detail`` holds no secret."""

    kind: str
    name: str
    problem: str
    detail: str = ""
    wanted: dict[str, Any] = {}
    """The object as it should be; empty for what should not be."""


_KEYS = {
    "vhosts": ("name",),
    "users": ("name",),
    "permissions": ("user", "vhost"),
    "topic_permissions": ("user", "vhost", "exchange"),
}
"""What identifies an object of a section."""
_COMPARED = {
    "vhosts": (),
    "users": ("password_hash", "tags"),
    "permissions": ("configure", "write", "read"),
    "topic_permissions": ("write", "read"),
}


def differences(wanted: Document, found: Document, vhost: str) -> tuple[Change, ...]:
    """What has to change in ``found``, in an order in which it can be imported; surplus last."""
    return (*_lacking(wanted, found), *_surplus(wanted, found, vhost))


def to_import(changes: tuple[Change, ...]) -> dict[str, list[dict[str, Any]]]:
    """The changes that add or mend, as a document."""
    return {
        kind: [each.wanted for each in changes if each.kind == kind and each.wanted]
        for kind in _KEYS
    }


def hash_for(password: str, found: Document, user: str, salt: bytes) -> str:
    """The hash the broker has when it is one of this password, else a new one with ``salt``."""
    for each in found.get("users", ()):
        known = str(each.get("password_hash") or "")
        if each.get("name") == user and len(salt_of(known)) == SALT_BYTES:
            same = password_hash(password, salt_of(known))
            return known if same == known else password_hash(password, salt)
    return password_hash(password, salt)


def _lacking(wanted: Document, found: Document) -> Iterator[Change]:
    for kind, keys in _KEYS.items():
        there = {_name(each, keys): each for each in found.get(kind, ())}
        for each in wanted.get(kind, ()):
            name = _name(each, keys)
            if name not in there:
                yield Change(kind=kind, name=_said(name), problem="missing", wanted=each)
                continue
            other = [
                part for part in _COMPARED[kind] if _value(each, part) != _value(there[name], part)
            ]
            if other:
                yield Change(
                    kind=kind,
                    name=_said(name),
                    problem="differs",
                    detail=_words(each, there[name], other),
                    wanted=each,
                )


def _surplus(wanted: Document, found: Document, vhost: str) -> Iterator[Change]:
    """Rights on this virtual host nobody in the configuration has. Users themselves are left alone:
    they may have duties elsewhere."""
    known = {each["user"] for each in wanted.get("permissions", ())}
    for each in found.get("permissions", ()):
        if each.get("vhost") == vhost and each.get("user") not in known:
            said = " ".join(f"{part}={each.get(part)}" for part in _COMPARED["permissions"])
            yield Change(
                kind="permissions",
                name=_said((each["user"], vhost)),
                problem="surplus",
                detail=said,
            )


def _name(each: Document, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(each.get(key, "")) for key in keys)


def _said(name: tuple[str, ...]) -> str:
    return " ".join(name)


def _value(each: Document, part: str) -> object:
    value = each.get(part)
    if part != "tags":
        return value
    listed = value.split(",") if isinstance(value, str) else value or []
    return sorted(str(tag) for tag in listed if tag)


def _words(wanted: Document, found: Document, parts: list[str]) -> str:
    """``password_hash`` is named and not shown."""
    return "; ".join(
        "password"
        if part == "password_hash"
        else f"{part}: {_value(found, part)} -> {_value(wanted, part)}"
        for part in parts
    )
