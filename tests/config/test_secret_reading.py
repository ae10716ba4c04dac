"""Secrets come from one place, are readable by few, and never show up in a fault."""

from pathlib import Path

import pytest

from bus.config.load import ConfigError, read_secret
from bus.config.secret import SECRET_BYTES_MAX


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("s3cret-planted\n", "utf-8")
    file.chmod(0o640)
    return file


def test_a_secret_is_the_text_of_its_file_without_the_last_line_break(secret: Path) -> None:
    assert read_secret(str(secret), "", {}) == "s3cret-planted"


def test_a_secret_comes_from_the_variable_as_it_stands() -> None:
    assert read_secret("", "KEY", {"KEY": " a b "}) == " a b "


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o777])
def test_a_file_open_to_everybody_is_refused_with_the_remedy(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(ConfigError, match="chmod o= ") as raised:
        read_secret(str(secret), "", {})
    assert "s3cret-planted" not in str(raised.value)


def test_a_secret_given_twice_or_not_at_all_is_refused(secret: Path) -> None:
    with pytest.raises(ConfigError, match="given twice"):
        read_secret(str(secret), "KEY", {"KEY": "x"})
    with pytest.raises(ConfigError, match="a secret is needed"):
        read_secret("", "", {})


def test_an_unset_or_empty_variable_is_refused() -> None:
    for env in ({}, {"KEY": ""}):
        with pytest.raises(ConfigError, match="KEY is not set or empty"):
            read_secret("", "KEY", env)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * (SECRET_BYTES_MAX + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_a_secret_is_refused(secret: Path, content: bytes, said: str) -> None:
    secret.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_secret(str(secret), "", {})


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_secret(str(tmp_path / "nothing"), "", {})
    with pytest.raises(ConfigError, match="not a file"):
        read_secret(str(tmp_path), "", {})
