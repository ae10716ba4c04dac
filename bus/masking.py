"""Identities and secrets are taken out of whatever is about to be logged or shown in an error.

The rules are data: ``masking.toml``. Names of persons cannot be told from other words, so a value
is known by its key; numbers are known by their look as well.
"""

import re
import tomllib
import traceback
from collections.abc import Mapping
from enum import Enum
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import msgspec

MASK = "***"

DEPTH_MAX = 8
"""Levels of a structure that are shown; deeper ones are no use in a log line."""

TEXT_CHARS_MAX = 4096
"""Longest text shown; enough for an exception with its trace, never a whole message body."""

CAUSES_MAX, FRAMES_MAX = 8, 16
"""Of one error, and steps of each, in a log line."""

_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")

ITEMS_MAX = 64
"""Items of one list or table shown."""


def masked(value: Any, depth: int = 0) -> Any:
    """``value`` as plain JSON types with every identity and secret replaced by ``***``.

    Never raises and never calls code of the value that could have side effects beyond ``str``.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        text = masked_text(str(value))
        return text if MASK in text else value
    if isinstance(value, Enum):
        return masked(value.value, depth)
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, bytes | bytearray | memoryview | msgspec.Raw):
        return f"<{len(memoryview(value))} bytes>"
    if depth >= DEPTH_MAX:
        return "..."
    return _masked_structure(value, depth)


def masked_error(error: BaseException) -> str:
    """Kind and text of an error, for people. Texts of errors are English or a library's: Chinese in
    them is what somebody sent, a name for instance, which no look tells from other words."""
    return masked_text(_CHINESE.sub(MASK, f"{type(error).__name__}: {error}".rstrip(": ")))


def trace_of(error: BaseException) -> str:
    """Kinds of an unexpected error and its causes with the places they came from, the first cause
    first. Without their texts: those may quote whatever a request held."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < CAUSES_MAX:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(_places(each) for each in reversed(chain))


def _places(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    kind = type(error).__qualname__ + (f" [errno {number}]" if isinstance(number, int) else "")
    steps = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return "\n".join([kind, *(f"  {step.filename}:{step.lineno} {step.name}" for step in steps)])


def masked_text(text: str) -> str:
    """The text with every part that looks like an identity or a secret replaced by ``***``."""
    if len(text) > 2 * TEXT_CHARS_MAX:
        text = text[: 2 * TEXT_CHARS_MAX]
    for pattern in _patterns():
        text = pattern.sub(_replacement, text)
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + "..."


@lru_cache(maxsize=1024)
def is_sensitive(key: str) -> bool:
    """Whether values under this key are never shown."""
    return _key_pattern().fullmatch(key) is not None


def _masked_structure(value: Any, depth: int) -> Any:
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        pairs = list(value.items())[:ITEMS_MAX]
        return {masked_text(str(key)): _under(str(key), item, depth) for key, item in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, depth + 1) for item in list(value)[:ITEMS_MAX]]
    if isinstance(value, BaseException):
        return masked_error(value)
    return masked_text(str(value))


def _under(key: str, value: Any, depth: int) -> Any:
    if is_sensitive(key) and value not in (None, "", b""):
        return MASK
    return masked(value, depth + 1)


def _replacement(match: re.Match[str]) -> str:
    """Keep what the pattern calls ``keep`` (the key), mask the rest."""
    return (match.groupdict().get("keep") or "") + MASK


class _Rules(msgspec.Struct, frozen=True):
    keys: tuple[str, ...]
    key_ends: tuple[str, ...]
    patterns: dict[str, str]


@cache
def _rules() -> _Rules:
    text = resources.files("bus").joinpath("masking.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Rules)


def _key_expression() -> str:
    """Any sensitive key; a prefix is bounded so that a long word costs linear time."""
    keys = "|".join(_loose(key) for key in _rules().keys)
    ends = "|".join(_loose(end) for end in _rules().key_ends)
    return f"(?:{keys}|[A-Za-z0-9_-]{{0,40}}?(?:{ends}))"


def _loose(key: str) -> str:
    """``_`` inside a key may be left out; at its beginning it keeps words like ``hotel`` apart."""
    first, *rest = key.split("_")
    inner = "[_-]?".join([first, *rest] if first else rest)
    return inner if first else f"[_-]{inner}"


@cache
def _key_pattern() -> re.Pattern[str]:
    return re.compile(_key_expression(), re.IGNORECASE)


_VALUE = r"""(?:
    (?P<quote>["'])(?:\\.|(?!(?P=quote)).)*(?:(?P=quote)|$)      # a text, even when cut off
  | (?P<escaped>\\+["']).*?(?:(?P=escaped)|$)                    # a text inside a text
  | \[[^\]]*(?:\]|$) | \{[^}]*(?:\}|$)                            # a list, a table
  | [^\s,;&<>"'}\])]+(?:[ ]+[^\x00-\x7f][^\s,;&<>"'}\])]*)*    # a bare word, Chinese words after it
)"""
"""What may follow a sensitive key in a text (verbose syntax)."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    key = rf"(?P<keep>(?<![A-Za-z0-9]){_key_expression()}(?:\\*[\"'])?\s*[:=>]\s*)"
    return (
        *(re.compile(pattern) for pattern in _rules().patterns.values()),
        re.compile(key + _VALUE, re.IGNORECASE | re.VERBOSE | re.DOTALL),
    )
