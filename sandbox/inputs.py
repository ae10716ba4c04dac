"""The input against the catalogue of the profile: lengths, codes, mandatory fields.

The rules of the sandbox do not lean on it; it only widens what is refused.
"""

from typing import Any

from sandbox.fields import Json
from sandbox.refusals import RefusedError
from schemas.catalogue import UnknownTransactionError, load

OFF = "none"


class Inputs:
    """Field checks of one profile; the name ``none`` switches them off."""

    def __init__(self, profile: str) -> None:
        self._catalogue = None if profile == OFF else load(profile)

    def check(self, infno: str, given: Json) -> None:
        """Refuses an input with a fault, naming the place but never the value."""
        if self._catalogue is None:
            return
        try:
            transaction: Any = self._catalogue[infno]
        except UnknownTransactionError:
            return
        faults = transaction.faults(given)
        if faults:
            raise RefusedError("field_fault", detail=f"[{faults[0].path}]{faults[0].zh}")
