"""The journal that the settings name, with its keys; nothing is made up silently."""

from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.config.faults import ConfigError
from bus.config.settings import JournalSettings
from bus.gm import Keyring
from bus.journal.open import JournalKeysError, JournalSettingsError, open_journal, place_of
from compose.pg import PrivatePostgres
from tests.journal.journal_databases import address_in, make_books
from tests.journal.journal_engines import TENANT, begun, record, stored


def settings(folder: Path, **changes: str) -> JournalSettings:
    return JournalSettings(path=str(folder / "j.sqlite3"), **changes)  # type: ignore[arg-type]  # texts only


async def test_keys_come_from_a_file(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(Keyring.generate_text(), encoding="utf-8")
    journal = open_journal(settings(tmp_path, keys_file=str(keys)), SystemClock())
    await journal.open()
    one = await begun(journal, record("k"))
    assert await stored(journal, TENANT, "k") == one
    await journal.check()
    await journal.close()


async def test_keys_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YIBAO_TEST_KEYS", Keyring.generate_text())
    journal = open_journal(settings(tmp_path, keys_env="YIBAO_TEST_KEYS"), SystemClock())
    await journal.open()
    await journal.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "either journal.keys_file or journal.keys_env"),
        ({"keys_file": "a", "keys_env": "b"}, "either"),
        ({"keys_file": "/nowhere/keys"}, "No such file"),
        ({"keys_env": "YIBAO_NOT_SET"}, "not set"),
        ({"keys_env": "YIBAO_BAD_KEYS"}, "line 2"),
    ],
)
def test_missing_or_malformed_keys_are_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], reason: str
) -> None:
    monkeypatch.setenv("YIBAO_BAD_KEYS", Keyring.generate_text() + "k2 secretsecret")
    with pytest.raises(JournalKeysError, match=reason) as caught:
        open_journal(settings(tmp_path, **changes), SystemClock())
    assert "64 hex digits" in str(caught.value)
    assert "secretsecret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_key_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(JournalKeysError, match="not UTF-8"):
        open_journal(settings(tmp_path, keys_file=str(keys)), SystemClock())


async def test_the_shared_journal_is_opened_by_its_settings(
    postgres_server: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YIBAO_TEST_KEYS", Keyring.generate_text())
    make_books(postgres_server, tmp_path)
    address = address_in(tmp_path)
    secret = tmp_path / "password"
    secret.write_text(address.password + "\n", encoding="ascii")
    secret.chmod(0o600)
    chosen = settings(
        tmp_path,
        engine="postgres",
        url=address.url,
        password_file=str(secret),
        keys_env="YIBAO_TEST_KEYS",
    )
    assert place_of(chosen) == address.url
    journal = open_journal(chosen, SystemClock())
    await journal.open()
    one = await begun(journal, record("k"))
    assert await stored(journal, TENANT, "k") == one
    await journal.check()
    await journal.close()


def test_a_shared_journal_without_its_password_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YIBAO_TEST_KEYS", Keyring.generate_text())
    chosen = settings(tmp_path, engine="postgres", keys_env="YIBAO_TEST_KEYS")
    with pytest.raises(ConfigError, match="secret"):
        open_journal(chosen, SystemClock())


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalSettingsError, match="'sqlite' or 'postgres'"):
        open_journal(settings(tmp_path, engine="oracle"), SystemClock())
