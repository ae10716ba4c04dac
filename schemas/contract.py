"""The HIS contract, version 1: what a request and a reply look like on the wire.

Names of exchanges, queues and headers live in ``bus.topology``; the codes and the words shown to
people live in ``data/outcomes.toml`` (see ``schemas.outcomes``).
"""

import re
from enum import StrEnum
from typing import Any

import msgspec

CONTRACT_VERSION = 1
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,128}")
"""An idempotency key is a name: 128 holds a UUID with room for a HIS's own prefix."""


class Status(StrEnum):
    """The outcome a HIS is told. Exactly one final status is ever given for an idempotency key."""

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    INVALID = "invalid"
    CONFLICT = "conflict"
    BUSY = "busy"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    REVERSED = "reversed"
    IN_DOUBT = "in_doubt"

    @property
    def is_final(self) -> bool:
        """Whether nothing more follows; only ``in_doubt`` is followed by a ``settlement.*``
        event."""
        return self is not Status.IN_DOUBT


class RequestBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Body of a request message. The bus adds the rest of the centre's envelope.

    ``input`` stays raw JSON here: it is decoded once, against the catalogue, at the edge.
    """

    infno: str
    input: msgspec.Raw
    opter: str = ""
    opter_name: str = ""
    opter_type: str = "1"
    insuplc_admdvs: str = ""
    desk: str = ""
    after_batch: str = ""


class CentreAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the centre said, when it said anything: its own words, never ours."""

    infcode: str = ""
    err_msg: str = ""
    inf_refmsgid: str = ""
    warn_msg: str = ""
    layer: str = ""
    rule: str = ""


class Times(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 3339 times with offset; empty when the step did not happen."""

    received: str = ""
    sent: str = ""
    answered: str = ""
    replied: str = ""


class FaultLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One fault of an ``invalid`` message; all faults are listed at once."""

    path: str
    label: str = ""
    problem: str
    message: str
    message_en: str
    allowed: str = ""


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Body of a reply message and of a ``settlement.*`` event.

    ``message`` is for the cashier's screen (Chinese), ``code`` is a stable English slug for
    programs, ``output`` is the centre's output with amounts as text in JSON.
    """

    status: Status
    code: str
    message: str
    infno: str = ""
    msgid: str = ""
    output: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    centre: CentreAnswer | None = None
    faults: tuple[FaultLine, ...] = ()
    attempts: int = 0
    times: Times | None = None
    flags: tuple[str, ...] = ()
    version: int = msgspec.field(default=CONTRACT_VERSION)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a message: where (JSON path such as ``$.input.data.psn_no``), the
    field's
    Chinese label, a stable slug, both texts, and what is allowed instead."""

    path: str
    problem: str
    zh: str
    en: str
    label: str = ""
    allowed: str = ""

    def line(self) -> FaultLine:
        """The same fault as it appears in a reply."""
        return FaultLine(
            path=self.path,
            label=self.label,
            problem=self.problem,
            message=self.zh,
            message_en=self.en,
            allowed=self.allowed,
        )


Json = Any
"""A decoded JSON value (dict, list, str, int, Decimal, bool or None)."""
