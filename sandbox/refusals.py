"""How the centre says no: the texts are data (``data/refusals.toml``), the code raises slugs."""

import tomllib
from functools import cache
from importlib import resources


class RefusedError(Exception):
    """The centre refuses a call; nothing of it is kept. ``slug`` is a key of the data file."""

    def __init__(self, slug: str, **filled: str) -> None:
        super().__init__(slug)
        self.slug = slug
        self.filled = filled

    @property
    def err_msg(self) -> str:
        """The text as the centre words it: layer, text, rule."""
        layer, rule, text = refusal_texts()[self.slug]
        return f"{layer}-{text.format_map(self.filled)}[{rule}]"


@cache
def refusal_texts() -> dict[str, tuple[str, str, str]]:
    """slug -> (layer, rule id, text)."""
    raw = resources.files("sandbox").joinpath("data/refusals.toml").read_text("utf-8")
    return {slug: (row[0], row[1], row[2]) for slug, row in tomllib.loads(raw).items()}
