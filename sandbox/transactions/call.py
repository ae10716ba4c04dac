"""One call under way: what every transaction sees of it."""

from datetime import datetime

import msgspec

from sandbox.books import Books
from sandbox.clock import day_text, moment_text, wall
from sandbox.envelope import Envelope
from sandbox.fields import Json
from sandbox.refusals import RefusedError
from sandbox.rules import lifecycle


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A checked request together with the books and the time it is judged at."""

    envelope: Envelope
    books: Books
    now_ms: int

    @property
    def input(self) -> Json:
        """The input object as sent."""
        return self.envelope.input

    @property
    def infno(self) -> str:
        """The transaction number with its letter."""
        return self.envelope.infno

    @property
    def tenant(self) -> str:
        """The institution that asks."""
        return self.envelope.fixmedins_code

    @property
    def msgid(self) -> str:
        """The message number of this call."""
        return self.envelope.msgid

    @property
    def now(self) -> datetime:
        """The centre's wall time of this call."""
        return wall(self.now_ms)

    @property
    def moment(self) -> str:
        """``yyyy-MM-dd HH:mm:ss`` of this call."""
        return moment_text(self.now)

    @property
    def today(self) -> str:
        """``yyyy-MM-dd`` of this call."""
        return day_text(self.now)

    def step(self, kind: str, state: str, event: str = "") -> str:
        """The state after this call (or ``event``); refuses what the life cycle does not allow."""
        asked = event or lifecycle.base(self.infno)
        following = lifecycle.step(kind, state, asked)
        if following is None:
            slug = lifecycle.REASONS.get((kind, state, asked), "order")
            raise RefusedError(slug, state=state, infno=self.infno)
        return following
