"""Composition: the journal that the settings name, with its keys."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bus.clock import Clock
from bus.config.faults import SettingsError
from bus.config.secret import read_secret
from bus.config.settings import JournalSettings
from bus.gm import Keyring, KeyringError, Sealer, self_test
from bus.journal.sqlite import SqliteJournal

if TYPE_CHECKING:
    from bus.journal.postgres import PostgresJournal


class JournalSettingsError(SettingsError):
    """The journal settings cannot be used; the text says what to change."""


class JournalKeysError(JournalSettingsError):
    """The keys of bodies at rest are missing or malformed; the text says what to do."""


HOW = "Put lines '<key id> <64 hex digits>' there; the last line seals, all lines open."


def open_journal(settings: JournalSettings, clock: Clock) -> "SqliteJournal | PostgresJournal":
    """The engine, ready for ``await journal.open()``. Runs the GM self test first.

    Raises ``JournalSettingsError``, ``JournalKeysError``, ``ConfigError`` for a password that
    cannot be read, or ``GmSelfTestError``.
    """
    if settings.engine not in {"sqlite", "postgres"}:
        known = "use 'sqlite' or 'postgres'"
        raise JournalSettingsError(f"journal.engine {settings.engine!r} is unknown; {known}")
    self_test()
    sealer = Sealer(read_keyring(settings))
    if settings.engine == "sqlite":
        return SqliteJournal(
            settings.path, sealer, clock=clock, group_rows_max=settings.group_rows_max
        )
    return _open_postgres(settings, sealer, clock)


def _open_postgres(settings: JournalSettings, sealer: Sealer, clock: Clock) -> "PostgresJournal":
    # The library takes a tenth of a second to load, which the verbs of one host need not wait for.
    from bus.journal.postgres import Address, PostgresJournal  # noqa: PLC0415

    password = read_secret(settings.password_file, settings.password_env, os.environ)
    return PostgresJournal(
        Address(url=settings.url, password=password, ca_file=settings.ca_file),
        sealer,
        clock=clock,
        group_rows_max=settings.group_rows_max,
        connections_max=settings.connections_max,
    )


def place_of(settings: JournalSettings) -> str:
    """Where the journal is, for people: the file, or the address of the database."""
    return settings.path if settings.engine == "sqlite" else settings.url


def read_keyring(settings: JournalSettings) -> Keyring:
    """The keyring of ``keys_file`` or ``keys_env``. Nothing is generated: a key made up here
    would be lost with the process, and everything sealed under it too."""
    place, text = _keys_text(settings)
    try:
        return Keyring.from_text(text)
    except KeyringError as error:
        raise JournalKeysError(f"{place}: {error}. {HOW}") from error


def _keys_text(settings: JournalSettings) -> tuple[str, str]:
    if bool(settings.keys_file) == bool(settings.keys_env):
        raise JournalKeysError(f"set either journal.keys_file or journal.keys_env. {HOW}")
    if settings.keys_file:
        place = f"journal.keys_file {settings.keys_file}"
        try:
            return place, Path(settings.keys_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise JournalKeysError(f"{place}: {reason}. {HOW}") from error
    place = f"journal.keys_env {settings.keys_env}"
    text = os.environ.get(settings.keys_env)
    if text is None:
        raise JournalKeysError(f"{place}: the variable is not set. {HOW}")
    return place, text
