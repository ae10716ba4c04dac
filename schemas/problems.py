"""The words of a fault: slugs, Chinese and English texts from ``data/problems.toml``."""

from functools import cache

import msgspec

from schemas.contract import Fault
from schemas.data_files import read
from schemas.fields import Field, Kind


class _Words(msgspec.Struct, frozen=True):
    zh: str
    en: str


@cache
def _words() -> dict[str, _Words]:
    return msgspec.convert(read("problems.toml"), dict[str, _Words])


def slugs() -> tuple[str, ...]:
    """Every slug a fault or warning can carry."""
    return tuple(_words())


class Limit(msgspec.Struct, frozen=True):
    """What is allowed, in both languages."""

    zh: str
    en: str


def fault(path: str, problem: str, label: str = "", limit: Limit | str = "") -> Fault:
    """A fault in words. ``KeyError`` for a slug nobody declared."""
    words = _words()[problem]
    zh, en = (limit, limit) if isinstance(limit, str) else (limit.zh, limit.en)
    return Fault(
        path=path,
        label=label,
        problem=problem,
        zh=words.zh.format(label=label or path, limit=zh),
        en=f"{path} {words.en.format(limit=en)}",
        allowed=zh,
    )


def limit_of(field: Field) -> Limit:
    """What the field takes: ``文本，最多30个字符``."""
    length, scale = field.length, field.scale
    match field.kind:
        case Kind.TEXT:
            return (
                Limit(f"文本（最多{length}个字符）", f"text of at most {length} characters")
                if length
                else Limit("文本", "text")
            )
        case Kind.DIGITS:
            return Limit(f"{length}位以内的数字文本", f"text of at most {length} digits")
        case Kind.AMOUNT | Kind.NUMBER:
            return Limit(
                f"整数部分最多{length - scale}位、小数最多{scale}位的数值",
                f"a number with at most {length - scale} digits and {scale} decimals",
            )
        case Kind.WHOLE:
            return (
                Limit(f"最多{length}位的整数", f"a whole number of at most {length} digits")
                if length
                else Limit("整数", "a whole number")
            )
        case Kind.DATE:
            return Limit("yyyy-MM-dd", "yyyy-MM-dd")
        case Kind.TIME:
            return Limit("yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss")
        case Kind.ANY:
            return Limit("文本或JSON对象", "text or a JSON object")
