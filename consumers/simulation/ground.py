"""What all parts of a simulated world stand on: time, dice, the story, and what went wrong."""

import random
from typing import NamedTuple

import msgspec

from consumers.simulation.loop import VirtualLoop
from consumers.simulation.traits import Traits, draw
from schemas.catalogue import Catalogue, load

STEPS_MAX = 400_000
"""Callbacks of one history; an ordinary one takes some thousand."""
MORNING_MS = 1_773_100_800_000
"""2026-03-10 08:00 at the centre."""
MIDNIGHT_MS = MORNING_MS + (16 * 3600 - 20) * 1000
"""Twenty seconds before the centre's next day."""

DAY_MS = 86_400_000


class Line(NamedTuple):
    """One step of a history."""

    at_us: int
    who: str
    what: str

    def text(self) -> str:
        """For people."""
        return f"{self.at_us / 1_000_000:12.6f}  {self.who:<8} {self.what}"


class Breach(msgspec.Struct, frozen=True):
    """A promise that was not kept: the rule's name, and what shows it."""

    rule: str
    text: str


class Ground:
    """One world's time, dice and story. ``dice`` is the only source of chance."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.traits: Traits = draw(self.dice)
        self.loop = VirtualLoop(STEPS_MAX)  # type: ignore[abstract]  # it has no sockets
        self.catalogue: Catalogue = load("yunnan")
        self.lines: list[Line] = []
        self.breaches: list[Breach] = []
        self.began_ms = MIDNIGHT_MS if self.traits.midnight else MORNING_MS
        self._calm_us = round(self.traits.calm_after_s * 1_000_000)

    @property
    def calm(self) -> bool:
        """Whether faults are over."""
        return self.loop.now_us >= self._calm_us

    def wall_ms(self) -> int:
        """The true time, milliseconds since 1970."""
        return self.began_ms + self.loop.now_us // 1000

    def next_day(self) -> None:
        """Everybody's clock goes on by a day in which nothing happens."""
        self.began_ms += DAY_MS
        self.note("world", "the NEXT DAY")

    def chance(self, rate: float) -> bool:
        """Whether a fault of this rate happens here."""
        return rate > 0 and not self.calm and self.dice.random() < rate

    def around(self, usual_us: int) -> int:
        """A time near ``usual_us``, sometimes ten times as long."""
        spread = 10 if self.dice.random() < 0.05 else 1
        return int(usual_us * spread * (0.5 + self.dice.random()))

    def note(self, who: str, what: str) -> None:
        """A line of the story."""
        self.lines.append(Line(self.loop.now_us, who, what))

    def breach(self, rule: str, text: str) -> None:
        """A promise was not kept."""
        self.note("JUDGE", f"{rule}: {text}")
        self.breaches.append(Breach(rule, text))

    async def pause(self, usual_us: int) -> None:
        """Some time passes."""
        await self.loop.pause_us(self.around(usual_us))
