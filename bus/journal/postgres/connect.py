"""Connections to the journal's database: every option said, every error ours."""

from typing import Any

import msgspec
import psycopg

from bus.journal.port import JournalUnavailableError
from bus.journal.postgres.queries import SQL
from bus.journal.postgres.values import register

SESSION_SETUP = SQL["session_setup"]

CONNECT_S = 5
LOCK_WAIT_S = 5.0
"""How long a statement waits for another process. A commit takes milliseconds: five seconds of lock
mean that something is wrong, and callers must know."""
STATEMENT_S = 10.0
"""The longest a statement may run: all are look-ups by key."""
IDLE_IN_COMMIT_S = 3.0
"""When the server ends a commit whose host has vanished half-way. Less than ``LOCK_WAIT_S``: others
that wait for its locks go on unharmed. A host that was only slow begins its commit again."""
ANSWER_S = 15.0
"""When we give up a connection whose server says nothing at all: after its own limits."""
SILENT_S = 10
"""When the kernel is to give up a connection that acknowledges nothing."""
ENDED = {None, "57P01", "57P05"}
"""SQLSTATE of a connection found ended: without a word, by an administrator, as idle too long."""
STATEMENTS_MAX = 128
"""More than there are statements: each is prepared once per connection."""

_ADVICE = {
    "certificate verify failed": "; set journal.ca_file to the authority (PEM) of this server; if"
    " it was right until now, its certificate may have expired, or somebody else answers there",
    "does not match host name": "; write the name the certificate has into journal.url",
    "does not support SSL": "; switch TLS on there (ssl = on): with journal.ca_file nothing goes in"
    " the clear",
}
"""What to do about the database library's own words."""
FIXED = {
    # A plan made while a book was empty walks through it, and is kept while the book grows. All
    # statements are look-ups by key, so their plans are known to be index look-ups, always.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "client_encoding": "UTF8",
    "timezone": "UTC",
}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is. ``url``: postgresql://user@host:port/database without a password;
    ``ca_file``: PEM of the authority that must have signed the server's certificate."""

    url: str
    password: str
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"Address({self.url})"


def reason_of(error: BaseException) -> str:
    """What happened, without the values that the server adds in a second line."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"{error.diag.message_primary} ({error.sqlstate})"
    text = str(error).partition("\n")[0]
    todo = next((todo for mark, todo in _ADVICE.items() if mark in text), "")
    return f"{text}{todo}" if text else type(error).__name__


def unavailable(error: BaseException) -> JournalUnavailableError:
    """What callers see of an error of the server or of the way to it."""
    return JournalUnavailableError(f"journal: {reason_of(error)}")


async def connect(address: Address) -> psycopg.AsyncConnection:
    """A connection in autocommit mode. Raises ``psycopg.Error``, also for a server that loses
    commits in a power cut (``fsync = off``)."""
    limits = {
        "lock_timeout": f"{round(LOCK_WAIT_S * 1000)}",
        "statement_timeout": f"{round(STATEMENT_S * 1000)}",
        "idle_in_transaction_session_timeout": f"{round(IDLE_IN_COMMIT_S * 1000)}",
    }
    tls: dict[str, Any] = {}
    if address.ca_file:
        tls = {"sslmode": "verify-full", "sslrootcert": address.ca_file}
    connection = await psycopg.AsyncConnection.connect(
        address.url,
        autocommit=True,
        password=address.password,
        connect_timeout=CONNECT_S,
        application_name="yibao-bus",
        options=" ".join(f"-c {name}={value}" for name, value in (limits | FIXED).items()),
        target_session_attrs="primary",
        keepalives_idle=SILENT_S,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=SILENT_S * 1000,
        **tls,
    )
    try:
        connection.prepare_threshold = 0
        connection.prepared_max = STATEMENTS_MAX
        register(connection.adapters)
        _require_fsync(await (await connection.execute(SESSION_SETUP)).fetchone())
    except BaseException:
        await connection.close()
        raise
    return connection


def _require_fsync(row: tuple[Any, ...] | None) -> None:
    if row is None or row[0] != "on":
        raise psycopg.OperationalError("the server runs with fsync = off: commits can be lost")
