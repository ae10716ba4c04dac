"""Provocations: for each refusal of the sandbox a function that runs into it.

A provocation gets a signed-in hospital with a patient and must end in exactly that refusal.
"""

from collections.abc import Callable

from tests.sandbox.sandbox_hospital import Hospital

Provocation = Callable[[Hospital], object]

PROVOCATIONS: dict[str, list[Provocation]] = {}

PLACES: dict[str, str] = {}
"""Name of a provocation -> the hospital fixture it runs with."""


def runs_into(slug: str, *, place: str = "") -> Callable[[Provocation], Provocation]:
    """Register a provocation of ``slug``; ``place`` is the hospital fixture it needs."""

    def register(provocation: Provocation) -> Provocation:
        PROVOCATIONS.setdefault(slug, []).append(provocation)
        PLACES[provocation.__name__] = place or "plain_hospital"
        return provocation

    return register
