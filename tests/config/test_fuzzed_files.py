"""Files with anything in them: every one is loaded or refused in words, none ends the program."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bus.command_line import CommandError
from bus.config.load import ConfigError, load_settings
from bus.gm import Keyring, KeyringError
from producers.commands import call
from producers.errors import BadRequestError
from producers.wire import build_request, read_reply

GOOD = b"""[broker]
password_env = "BROKER"
[journal]
keys_env = "KEYS"
[gateways.main]
url = "http://10.0.0.1/fsi"
[institutions.H53010000001]
name = "x"
gateway = "main"
"""
ENV = {"BROKER": "planted", "KEYS": "k1 " + "0" * 64}
IN_FOLDER = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
values = st.sampled_from(
    [b"1" * 5000, b"[" * 3000, b"nan", b"inf", b"-1", b"[]", b"{}", b"true", b'""', b"1979-05-27"]
)
names = st.sampled_from(
    [b"[journal]\npath", b"[broker]\nheartbeat_s", b"[worker]\nprefetch", b"[gateways]\nmain"]
)
spoilt = st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=6), st.integers(0, 6)).map(
    lambda made: GOOD[: made[0]] + made[1] + GOOD[made[0] + made[2] :]
)
odd = st.tuples(names, values).map(lambda made: made[0] + b" = " + made[1])
inputs = st.binary(max_size=80) | st.integers(1, 200_000).map(lambda n: b'{"a":' + b"[" * n)


def refusal(kind: type[Exception], read: Callable[[], object]) -> str | None:
    """The words of a refusal; ``None`` when there was none."""
    try:
        read()
    except kind as error:
        return str(error)
    return None


@given(st.binary(max_size=80) | spoilt | odd)
@example(b"a = " + b"1" * 5000)
@example(b"a = " + b"[" * 100_000)
@IN_FOLDER
def test_any_configuration_file_is_loaded_or_refused_with_its_faults(
    tmp_path: Path, text: bytes
) -> None:
    file = tmp_path / "yibao.toml"
    file.write_bytes(text)
    refused = refusal(ConfigError, lambda: load_settings(file, ENV))
    assert refused is None or refused.startswith(str(file))
    assert "planted" not in (refused or "")


@given(st.text(max_size=200))
def test_any_key_file_is_a_keyring_or_refused_without_its_text(text: str) -> None:
    assert "\n" not in (refusal(KeyringError, lambda: Keyring.from_text(text)) or "")


@given(inputs)
@example(b'{"input":' + b"[" * 100_000)
@example(b"\xff\xfe")
@IN_FOLDER
def test_any_input_file_makes_a_request_or_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "input.json"
    file.write_bytes(text)
    try:
        request = build_request("2207", call._content(str(file)), {}, 0)
    except (CommandError, BadRequestError):
        return
    assert request.infno == "2207"


def test_an_input_without_an_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(call, "INPUT_BYTES_MAX", 1000)
    file = tmp_path / "input.json"
    file.write_bytes(b'{"data":"' + b"x" * 2000 + b'"}')
    for endless in (file, Path(os.devnull).with_name("zero")):
        with pytest.raises(CommandError, match="too large"):
            call._content(str(endless))


@given(inputs)
@example(b'{"status":' + b"[" * 100_000)
def test_any_reply_is_an_answer_or_none(body: bytes) -> None:
    try:
        read_reply(body, "key")
    except (ValueError, RecursionError):
        return
