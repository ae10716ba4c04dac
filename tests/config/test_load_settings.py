"""The configuration file: all faults at once, references that lead somewhere, secrets by name."""

import os
from pathlib import Path

import pytest

from bus.config.load import ConfigError, example_toml, load_settings

BASE = """
[broker]
password_env = "BROKER"
[journal]
keys_env = "KEYS"
[gateways.main]
url = "http://10.0.0.1/fsi"
[institutions.H53010000001]
name = "示例医院"
gateway = "main"
"""
ENV = {"BROKER": "pw-planted", "KEYS": "k1 " + "0" * 64}


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "yibao.toml"
    file.write_text(text, "utf-8")
    return file


def faults_of(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """Path -> slug of every fault of the file."""
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, text), ENV if env is None else env)
    return {fault.path: fault.problem for fault in raised.value.faults}


def test_a_small_file_loads_with_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, BASE), ENV)
    assert settings.gateways["main"].money_s == 120
    assert settings.institutions["H53010000001"].profile == "yunnan"
    assert settings.journal.path == str(tmp_path / "yibao-journal.sqlite3")


def test_relative_names_are_relative_to_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    text = BASE.replace("[journal]", '[journal]\npath = "data/j.sqlite3"')
    assert load_settings(write(tmp_path, text), ENV).journal.path == str(
        tmp_path / "data/j.sqlite3"
    )
    text = BASE.replace("[journal]", '[journal]\npath = "/srv/j.sqlite3"')
    assert load_settings(write(tmp_path, text), ENV).journal.path == "/srv/j.sqlite3"


def test_the_documented_example_loads_once_its_files_exist(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for name in ("broker-password", "journal-keys", "gateway-secret"):
        secret = tmp_path / "secrets" / name
        secret.write_text("k1 " + "0" * 64)
        secret.chmod(0o600)
    settings = load_settings(write(tmp_path, example_toml()), {})
    assert settings.institutions["H53010000001"].users == ("his-example",)


def test_every_fault_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = """
    worker = 3
    [broker]
    url = "amqp://user:pw-planted@host/vhost"
    heartbeat_s = 1.5
    pasword_file = "x"
    [gateways.main]
    money_s = -1
    scheme = "tif"
    secret_file = "a"
    secret_env = "B"
    [gateways.main.breaker]
    failures = 0
    [institutions.h1]
    gateway = "mian"
    profile = "atlantis"
    mdtrtarea_admvs = "5301"
    where = {"1192" = "moon", "119" = "desk"}
    """
    assert faults_of(tmp_path, text) == {
        "worker": "wrong_type",
        "broker.pasword_file": "unknown",
        "broker.url": "wrong_form",
        "broker.heartbeat_s": "wrong_type",
        "broker.password_file": "no_secret",
        "journal.keys_file": "no_secret",
        "gateways.main.url": "missing",
        "gateways.main.money_s": "out_of_range",
        "gateways.main.breaker.failures": "out_of_range",
        "gateways.main.account": "missing",
        "gateways.main.secret_env": "two_secrets",
        "institutions.h1": "bad_tenant",
        "institutions.h1.name": "missing",
        "institutions.h1.gateway": "no_gateway",
        "institutions.h1.profile": "no_profile",
        "institutions.h1.mdtrtarea_admvs": "wrong_form",
        "institutions.h1.where.1192": "not_a_choice",
        "institutions.h1.where.119": "bad_infno",
    }


def test_a_fault_says_what_is_allowed_in_both_languages(tmp_path: Path) -> None:
    text = BASE.replace("[gateways.main]", "[gateways.main]\nmoney_s = 9000")
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, text), ENV)
    said = str(raised.value)
    assert "gateways.main.money_s: must be from 0.1 to 900, found 9000" in said
    assert "数值超出允许范围" in said


def test_a_misspelt_setting_gets_a_suggestion(tmp_path: Path) -> None:
    text = BASE.replace("password_env", "pasword_env")
    with pytest.raises(ConfigError, match="did you mean password_env"):
        load_settings(write(tmp_path, text), ENV)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "true", '"60"'])
def test_what_is_no_ordinary_number_is_no_deadline(tmp_path: Path, number: str) -> None:
    text = BASE.replace("[gateways.main]", f"[gateways.main]\ncall_s = {number}")
    assert set(faults_of(tmp_path, text)) == {"gateways.main.call_s"}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/x",
        "http://",
        "http://u@h/x",
        "http://h/x?a=1",
        "http://h:99999/",
        "h/x",
        "http://h /x",
    ],
)
def test_a_gateway_address_of_another_form_is_refused(tmp_path: Path, url: str) -> None:
    text = BASE.replace("http://10.0.0.1/fsi", url)
    assert faults_of(tmp_path, text) == {"gateways.main.url": "wrong_form"}


def test_a_broker_user_speaks_for_one_institution_only(tmp_path: Path) -> None:
    second = '\nusers = ["his"]\n[institutions.H53010000002]\nname = "B"\ngateway = "main"\n'
    assert faults_of(tmp_path, BASE + second + 'users = ["his"]') == {
        "institutions.H53010000002.users": "user_twice"
    }
    load_settings(write(tmp_path, BASE + second + 'users = ["other"]'), ENV)


@pytest.mark.parametrize("scheme", ["apikey", "tif"])
def test_a_signing_scheme_needs_its_secret(tmp_path: Path, scheme: str) -> None:
    text = BASE.replace("[gateways.main]", f'[gateways.main]\nscheme = "{scheme}"\naccount = "a"')
    assert faults_of(tmp_path, text) == {"gateways.main.secret_file": "no_secret"}
    text = text.replace("account =", 'secret_env = "BROKER"\naccount =')
    load_settings(write(tmp_path, text), ENV)


def test_a_secret_variable_that_is_not_set_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path, BASE, {"KEYS": "k"}) == {"broker.password_env": "secret_env"}


def test_a_pinned_authority_must_exist(tmp_path: Path) -> None:
    text = BASE.replace("[gateways.main]", '[gateways.main]\nca_file = "ca.pem"')
    assert faults_of(tmp_path, text) == {"gateways.main.ca_file": "wrong_form"}
    (tmp_path / "ca.pem").touch()
    load_settings(write(tmp_path, text), ENV)


def test_no_fault_ever_shows_a_secret(tmp_path: Path) -> None:
    text = BASE.replace('url = "http', 'secret = "pw-planted"\nurl = "http')
    text = text.replace(
        "[journal]", 'url = "amqp://u:pw-planted@h/v"\npassword = "pw-planted"\n[journal]'
    )
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, text), ENV)
    assert len(raised.value.faults) == 3
    assert "pw-planted" not in str(raised.value)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a = ", b"[a]\n[a]\n", b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_one_fault(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "yibao.toml"
    file.write_bytes(raw)
    with pytest.raises(ConfigError) as raised:
        load_settings(file, {})
    assert [fault.problem for fault in raised.value.faults] == ["not_toml"]


def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(tmp_path / "nothing.toml", dict(os.environ))
    assert [fault.problem for fault in raised.value.faults] == ["unreadable"]


POSTGRES = BASE.replace("[journal]", '[journal]\nengine = "postgres"')


def test_a_shared_journal_needs_its_password_and_a_file_does_not(tmp_path: Path) -> None:
    assert faults_of(tmp_path, POSTGRES) == {"journal.password_file": "no_secret"}
    text = POSTGRES.replace("[journal]", '[journal]\npassword_env = "DATABASE"')
    assert faults_of(tmp_path, text) == {"journal.password_env": "secret_env"}
    settings = load_settings(write(tmp_path, text), ENV | {"DATABASE": "pw"})
    assert settings.journal.engine == "postgres"
    assert load_settings(write(tmp_path, BASE), ENV).journal.engine == "sqlite"


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("postgresql://bus@db.local:5432/yibao", True),
        ("postgresql://bus@db1:5432,db2:5432/yibao", True),
        ("postgresql://bus:secret@db.local/yibao", False),
        ("postgresql://db.local/yibao", False),
        ("postgresql://bus@db.local/yibao?sslmode=disable", False),
        ("mysql://bus@db.local/yibao", False),
        ("", False),
    ],
)
def test_a_journal_address_has_a_user_and_no_password(
    tmp_path: Path, url: str, right: bool
) -> None:
    text = POSTGRES.replace("[journal]", f'[journal]\npassword_env = "KEYS"\nurl = "{url}"')
    if right:
        assert load_settings(write(tmp_path, text), ENV).journal.url == url
    else:
        assert faults_of(tmp_path, text) == {"journal.url": "wrong_form"}


def test_the_authority_of_a_journal_must_exist(tmp_path: Path) -> None:
    text = BASE.replace("[journal]", '[journal]\nca_file = "ca.pem"')
    assert faults_of(tmp_path, text) == {"journal.ca_file": "wrong_form"}


def test_a_pinned_authority_without_tls_to_the_broker_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-")
    plain = BASE.replace("[broker]", '[broker]\nca_file = "ca.pem"')
    assert faults_of(tmp_path, plain) == {"broker.ca_file": "wrong_form"}
    secured = plain.replace("[broker]", '[broker]\nurl = "amqps://u@h:5671/v"')
    assert load_settings(write(tmp_path, secured), ENV).broker.ca_file.endswith("ca.pem")


@pytest.mark.parametrize(
    ("section", "setting"),
    [("broker", "operators"), ("broker", "monitors"), ("institutions.H53010000001", "bridges")],
)
def test_a_broker_user_has_one_duty(tmp_path: Path, section: str, setting: str) -> None:
    users = BASE + 'users = ["his"]\n'
    twice = users.replace(f"[{section}]", f'[{section}]\n{setting} = ["his"]')
    (path,) = faults_of(tmp_path, twice)
    assert path.endswith((setting, "users"))
    worker = users.replace(f"[{section}]", f'[{section}]\n{setting} = ["yibao-worker"]')
    assert faults_of(tmp_path, worker) == {f"{section}.{setting}": "user_twice"}
