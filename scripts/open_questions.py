"""The tables of docs/open-questions: what is left to ask the centre, drawn from the catalogue."""

from collections.abc import Iterable

from schemas.catalogue import classified, everything
from schemas.data_files import read
from schemas.transaction import Confidence, Transaction

QUESTIONS = "questions.toml"

_HEADS = {
    "en": {
        "questions": "| transactions | question | until it is answered |",
        "listed": "| number | name | note |",
        "uncertain": "| number | name | from |",
    },
    "zh": {
        "questions": "| 交易 | 问题 | 答复之前的做法 |",
        "listed": "| 编号 | 名称 | 地区 |",
        "uncertain": "| 编号 | 名称 | 依据 |",
    },
}


def parts(language: str) -> dict[str, str]:
    """Block name -> table, in ``en`` or ``zh``."""
    every = [everything()[key] for key in classified()]
    listed = [one for one in every if one.listed]
    low = [one for one in every if one.confidence is Confidence.LOW and not one.listed]
    chinese = language == "zh"
    rows = {
        "questions": [_question(row, language) for row in read(QUESTIONS).values()],
        "listed": [(_number(one), *_listed(one, chinese=chinese)) for one in listed],
        "uncertain": [(_number(one), *_uncertain(one, chinese=chinese)) for one in low],
    }
    return {name: _table(_HEADS[language][name], rows[name]) for name in rows}


def _question(row: dict[str, str], language: str) -> tuple[str, str, str]:
    infnos = row["infnos"] or ["*"]
    return (", ".join(infnos), row[language], row[f"now_{language}"])


def _number(one: Transaction) -> str:
    return f"{one.infno}@{one.edition}" if one.edition else one.infno


def _listed(one: Transaction, *, chinese: bool) -> tuple[str, str]:
    if chinese:
        return one.name, one.region or "-"
    return one.name_en, "; ".join(one.notes)


def _uncertain(one: Transaction, *, chinese: bool) -> tuple[str, str]:
    column = 0 if chinese else 1
    origins = ", ".join(read("editions.toml")[slug][column] for slug in one.origin)
    return (one.name if chinese else one.name_en), origins


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "\n".join([head, rule, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
