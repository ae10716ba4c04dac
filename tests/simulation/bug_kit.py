"""How a seeded bug is put in for a while, and the list of all of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from bus.lifecycle.record import State
from bus.lifecycle.table import TABLE, Event, Rule

Patches = Iterator[None]


class Mutant(NamedTuple):
    """``what`` somebody got wrong; ``patched`` puts it in for a while."""

    name: str
    what: str
    patched: Callable[[], AbstractContextManager[None]]


MUTANTS: list[Mutant] = []


def mutant_named(name: str) -> Mutant:
    """One of them."""
    return next(mutant for mutant in MUTANTS if mutant.name == name)


def mutant(function: Callable[[], Iterator[None]]) -> Callable[[], AbstractContextManager[None]]:
    """Register a bug under its function's name."""
    made = contextmanager(function)
    MUTANTS.append(Mutant(function.__name__, function.__doc__ or "", made))
    return made


def replaces(owner: Any, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[Any]:
    """Put ``make(original)`` in the place of ``owner.name``."""
    return patch.object(owner, name, make(getattr(owner, name)))


def rules(state: State, event: Event, rule: Rule) -> AbstractContextManager[Any]:
    """The table with one entry changed."""
    return patch.dict(TABLE[state], {event: rule})
