"""Who may do what on the broker, as data for RabbitMQ's definitions import. Pure.

A HIS may publish requests of its own tenant only (topic permission), read its own queues only, and
declare broker-named queues. It has no right on the default exchange, so it cannot put a message
straight into anybody's queue.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from bus.topology import names
from bus.topology.items import Binding, Exchange, Item, Queue

_NOTHING = "^$"
_OURS = r"^yibao\..+$"
_OURS_BUT_A_TENANTS = r"^yibao\.(?!(replies|events|desk)\.).+$"
_BROKER_NAMED = r"amq\.gen-.*"
SALT_BYTES = 4
"""RabbitMQ's password hash begins with a salt of this size."""


class Role(StrEnum):
    """What a broker user is."""

    HIS = "his"
    WORKER = "worker"
    OPERATOR = "operator"
    BRIDGE = "bridge"
    MONITOR = "monitor"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A broker user; ``tenant`` for a HIS or a bridge. ``password_hash`` as ``password_hash()``
    makes it, '' leaves an existing user's password alone."""

    user: str
    role: Role
    tenant: str = ""
    password_hash: str = ""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Regular expressions over names, as the broker takes them."""

    configure: str
    write: str
    read: str


def rights(account: Account) -> Rights:
    """What the account may declare, publish to and consume from."""
    match account.role:
        case Role.WORKER:
            # amq.default: replies go to queues by name, the HIS's broker-named ones included.
            return Rights(
                configure=_OURS, write=rf"{_OURS}|^amq\.default$", read=_OURS_BUT_A_TENANTS
            )
        case Role.OPERATOR:
            aside = (names.PARKED_QUEUE, names.EXPIRED_QUEUE, names.UNROUTED_QUEUE)
            return Rights(
                configure=_NOTHING,
                write=rf"^({re.escape(names.REQUESTS_EXCHANGE)}|amq\.default)$",
                read=rf"^({'|'.join(map(re.escape, aside))})$",
            )
        case Role.BRIDGE:
            # Nothing to declare: who declares exchanges can go round topic permissions.
            return Rights(
                configure=_NOTHING,
                write=rf"^{re.escape(names.EVENTS_EXCHANGE)}$",
                read=rf"^yibao\.desk\.{_tenant(account)}\..+$",
            )
        case Role.MONITOR:
            return Rights(configure=_NOTHING, write=_NOTHING, read=_NOTHING)
        case Role.HIS:
            return _rights_of_his(account)


def _rights_of_his(account: Account) -> Rights:
    queues = rf"yibao\.(replies|events)\.{_tenant(account)}(\..+)?|{_BROKER_NAMED}"
    return Rights(
        configure=rf"^({queues})$",
        write=rf"^({re.escape(names.REQUESTS_EXCHANGE)}|{queues})$",
        read=rf"^({re.escape(names.EVENTS_EXCHANGE)}|{queues})$",
    )


def topic_rights(account: Account) -> dict[str, tuple[str, str]]:
    """Exchange -> (routing keys it may publish, binding keys it may read), for a HIS and a
    bridge."""
    if account.role is Role.BRIDGE:
        return {names.EVENTS_EXCHANGE: (rf"^device\.{_tenant(account)}\..+$", _NOTHING)}
    if account.role is not Role.HIS:
        return {}
    tenant = _tenant(account)
    return {
        names.REQUESTS_EXCHANGE: (rf"^[^.]+\.{tenant}$", _NOTHING),
        names.EVENTS_EXCHANGE: (
            _NOTHING,
            rf"^((settlement|batch|device|session)\.{tenant}\..+|centre\.[^.#*]+)$",
        ),
    }


def definitions(
    items: Iterable[Item], vhost: str, accounts: Iterable[Account] = ()
) -> dict[str, Any]:
    """Everything as one document for ``rabbitmqctl import_definitions``."""
    listed, people = tuple(items), tuple(accounts)
    return {
        "vhosts": [{"name": vhost}],
        "users": [_user(each) for each in people if each.password_hash],
        "permissions": [
            {"user": each.user, "vhost": vhost, **msgspec.structs.asdict(rights(each))}
            for each in people
        ],
        "topic_permissions": [
            {
                "user": each.user,
                "vhost": vhost,
                "exchange": exchange,
                "write": write,
                "read": read,
            }
            for each in people
            for exchange, (write, read) in topic_rights(each).items()
        ],
        "exchanges": [_exchange(each, vhost) for each in listed if isinstance(each, Exchange)],
        "queues": [_queue(each, vhost) for each in listed if isinstance(each, Queue)],
        "bindings": [_binding(each, vhost) for each in listed if isinstance(each, Binding)],
    }


def password_hash(password: str, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256; ``salt`` is ``SALT_BYTES`` random bytes."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {SALT_BYTES} bytes")
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def salt_of(hashed: str) -> bytes:
    """The salt of a hash of ``password_hash``; empty when it is none."""
    try:
        return base64.b64decode(hashed, validate=True)[:SALT_BYTES]
    except ValueError:
        return b""


def _tenant(account: Account) -> str:
    if not account.tenant or "." in account.tenant:
        raise ValueError(f"the account {account.user} needs a tenant without dots")
    return re.escape(account.tenant)


def _user(account: Account) -> dict[str, Any]:
    return {
        "name": account.user,
        "password_hash": account.password_hash,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["monitoring"] if account.role is Role.MONITOR else [],
    }


def _exchange(item: Exchange, vhost: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "vhost": vhost,
        "type": item.kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": item.arguments(),
    }


def _queue(item: Queue, vhost: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "vhost": vhost,
        "durable": True,
        "auto_delete": False,
        "arguments": item.arguments(),
    }


def _binding(item: Binding, vhost: str) -> dict[str, Any]:
    return {
        "source": item.exchange,
        "vhost": vhost,
        "destination": item.queue,
        "destination_type": "queue",
        "routing_key": item.key,
        "arguments": {},
    }
