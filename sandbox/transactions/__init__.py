"""What the sandbox answers, one module per family; importing the package registers them all."""

from sandbox.transactions import (
    desk,
    fees,
    inpatient,
    outpatient,
    people,
    pharmacy,
    queries,
    reversal,
    sessions,
)
from sandbox.transactions.registry import HANDLERS

__all__ = [
    "HANDLERS",
    "desk",
    "fees",
    "inpatient",
    "outpatient",
    "people",
    "pharmacy",
    "queries",
    "reversal",
    "sessions",
]
