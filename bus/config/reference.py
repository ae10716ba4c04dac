"""The documented side of the settings: meaning and limits of each, and the example file."""

import json
import tomllib
from functools import cache
from importlib import resources
from typing import Any, get_args, get_origin

import msgspec

from bus.config.settings import Settings

TENANT_EXAMPLE = "H53010000001"
NAME_EXAMPLE = {"gateways": "main", "institutions": TENANT_EXAMPLE, "schedules": "closing"}
"""What the named sections are called in the example."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting of ``reference.toml``; ``keys`` and ``choices`` of a table hold for its keys and
    its values."""

    en: str
    zh: str
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    form: str = ""
    keys: str = ""
    example: Any = None

    @property
    def bounds(self) -> str:
        """The bounds in words, empty when there are none."""
        if self.min is None or self.max is None:
            return ""
        return f"from {_number(self.min)} to {_number(self.max)}"


@cache
def rules() -> dict[str, dict[str, Rule]]:
    """All rules: section (``broker``, ``gateway`` ...) -> setting -> rule."""
    text = resources.files("bus.config").joinpath("reference.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, dict[str, Rule]])


def rules_of(kind: type[msgspec.Struct]) -> dict[str, Rule]:
    """The rules of one struct of ``bus.config.settings``."""
    return rules().get(kind.__name__.removesuffix("Settings").lower(), {})


def struct_inside(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The struct of a field's type, and whether the field is a table of named ones."""
    if get_origin(kind) is dict:
        value = get_args(kind)[1]
        return (value, True) if _is_struct(value) else (None, False)
    return (kind, False) if _is_struct(kind) else (None, False)


def example_toml() -> str:
    """A whole configuration file in which every setting is explained; it loads once the files it
    names exist."""
    lines = [
        "# yibao.toml. Relative paths are relative to this file. 相对路径以本文件所在目录为准。",
        "# A line that begins with `#:` shows a default. 以 `#:` 开头的行是默认值。",
    ]
    _section(Settings, "", lines)
    return "\n".join(lines) + "\n"


def _section(kind: type[msgspec.Struct], path: str, lines: list[str]) -> None:
    inner = []
    for field in msgspec.structs.fields(kind):
        struct, named = struct_inside(field.type)
        if struct is None:
            _setting(field, rules_of(kind)[field.name], lines)
        else:
            parts = (path, field.name, NAME_EXAMPLE[field.name] if named else "")
            inner.append((struct, ".".join(part for part in parts if part)))
    for struct, name in inner:
        lines += ["", f"[{name}]"]
        _section(struct, name, lines)


def _setting(field: msgspec.structs.FieldInfo, rule: Rule, lines: list[str]) -> None:
    allowed = " | ".join(rule.choices) if rule.choices else rule.bounds
    lines.append(f"# {rule.zh}")
    note = f"# {rule.en}" + (f" ({allowed})" if allowed else "")
    lines.append(note)
    if rule.example is not None:
        lines.append(f"{field.name} = {_toml(rule.example)}")
    else:
        lines.append(f"#: {field.name} = {_toml(default_of(field))}")


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """The default of an optional field."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
