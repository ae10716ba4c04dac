"""Records as rows: which fields are columns, which go into ``rest``, and the sealing of bodies."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from bus.gm import SealBrokenError, Sealer
from bus.journal.port import JournalUnavailableError
from bus.journal.rules import claim_of
from bus.lifecycle.record import OPEN, Record

COLUMNS = (
    *("id", "tenant", "key", "infno", "effect", "recovery", "digest", "created_ms", "state"),
    *("fence", "owner", "msgid", "reversal_msgid", "subject", "mdtrt_id", "updated_ms"),
    *("next_at_ms", "told", "event_due", "rest", "request", "reply"),
)
BODIES = ("request", "reply")
PLAIN = tuple(name for name in COLUMNS if name not in {"id", "state", "rest", *BODIES})
REST = tuple(name for name in Record.__struct_fields__ if name not in {*PLAIN, "state", *BODIES})

Row = dict[str, Any]
_plain = attrgetter(*PLAIN)
_rest = attrgetter(*REST)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def context(tenant: str, key: str, field: str) -> bytes:
    """Where a body belongs, without ambiguity."""
    return _encode((field, tenant, key))


class Rows:
    """Makes rows of records and records of rows."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def row(self, record: Record, *, with_request: bool) -> Row:
        """The parameters of ``begin`` (with the request) or ``advance`` (which leaves it)."""
        row: Row = dict(zip(PLAIN, _plain(record), strict=True))
        row["state"] = record.state.value
        row["open"] = int(record.state in OPEN)
        row["event_due"] = int(record.event_due)
        row["claim"] = claim_of(record)
        row["rest"] = _encode(dict(zip(REST, _rest(record), strict=True))).decode()
        row["reply"] = self._seal(record, "reply", record.reply)
        if with_request:
            row["request"] = self._seal(record, "request", record.request)
        return row

    def record(self, values: Sequence[Any]) -> Record:
        """The record of a row read as ``COLUMNS``; ``JournalUnavailableError`` when a body cannot
        be opened."""
        row = dict(zip(COLUMNS, values, strict=True))
        rest = _decode(row.pop("rest"))
        del row["id"]
        row["event_due"] = bool(row["event_due"])
        for field in BODIES:
            row[field] = self._open(row["tenant"], row["key"], field, row[field])
        return msgspec.convert({**rest, **row}, Record)

    def _seal(self, record: Record, field: str, body: bytes) -> bytes:
        return self._sealer.seal(body, context(record.tenant, record.key, field)) if body else b""

    def _open(self, tenant: str, key: str, field: str, body: bytes) -> bytes:
        if not body:
            return b""
        try:
            return self._sealer.open(body, context(tenant, key, field))
        except SealBrokenError as error:
            raise JournalUnavailableError(f"journal: {field} of {key}: {error}") from error
