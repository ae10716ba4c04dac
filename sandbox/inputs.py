"""The input against the catalogue of the profile: lengths, codes, mandatory fields.

The rules of the sandbox do not lean on it; it only widens what is refused.
"""

from sandbox.fields import Json
from sandbox.refusals import RefusedError
from schemas.catalogue import Catalogue, UnknownTransactionError, everything, load
from schemas.transaction import Transaction, Where

OFF = "none"
ALL = "all"


class Inputs:
    """Field checks of one profile; the name ``none`` switches them off. ``all`` knows the
    transactions of every place, and so does ``none``."""

    def __init__(self, profile: str) -> None:
        self._known = everything() if profile in {OFF, ALL} else load(profile)
        self._catalogue: Catalogue | None = None if profile == OFF else self._known

    def transaction(self, infno: str) -> Transaction | None:
        """The transaction as the profile has it, when it is the centre that answers it."""
        if infno not in self._known:
            return None
        found = self._known[infno]
        return found if found.where is Where.CENTRE else None

    def check(self, infno: str, given: Json) -> None:
        """Refuses an input with a fault, naming the place but never the value."""
        if self._catalogue is None:
            return
        try:
            transaction = self._catalogue[infno]
        except UnknownTransactionError:
            return
        faults = transaction.faults(given)
        if faults:
            raise RefusedError("field_fault", detail=f"[{faults[0].path}]{faults[0].zh}")
