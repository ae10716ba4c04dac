"""The named points of a request's life at which a worker is killed. They stand in points.toml."""

from pathlib import Path
from typing import Any, Literal

import msgspec

FILE = Path(__file__).with_name("points.toml")

Stop = Literal["worker", "commit", "centre"]
Seen = Literal["unseen", "seen", "committed", "answered"]
About = Literal["request", "reversal", "sign_in"]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault of the stand-in centre, as its admin address takes it."""

    fault: str
    params: dict[str, Any] = {}


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One point; the file says what each field means."""

    en: str
    stop: Stop
    journal: str
    centre: Seen
    about: About = "request"
    fault: Fault | None = None
    later: Fault | None = None


def points() -> dict[str, Point]:
    """Slug -> point, in the order of a request's life."""
    return msgspec.toml.decode(FILE.read_bytes(), type=dict[str, Point])
