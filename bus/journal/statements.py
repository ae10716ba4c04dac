"""An engine's statements, each under a name in its ``queries.sql``."""

import re
from importlib.resources import files

_HEAD = re.compile(r"^-- (name|fragment): (\w+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Statement text by name, fragments filled in. Each entry has a sentence of remark and SQL."""
    parts = _HEAD.split(text)[1:]
    fragments: dict[str, str] = {}
    statements: dict[str, str] = {}
    for kind, name, body in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
        sql = " ".join(line for line in body.split("\n") if line and not line.startswith("--"))
        for fragment, filling in fragments.items():
            sql = sql.replace("{" + fragment + "}", filling)
        (fragments if kind == "fragment" else statements)[name] = sql
    return statements


def load(package: str) -> dict[str, str]:
    """The statements beside the modules of ``package``."""
    return parse(files(package).joinpath("queries.sql").read_text(encoding="utf-8"))
