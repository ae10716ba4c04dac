"""What an accepted or proved outcome becomes: the reply, its flags, and the facts to remember."""

from typing import Any, NamedTuple

from bus.journal.port import FactChange
from bus.lifecycle.record import Record
from consumers.context import Context
from consumers.facts import Memory
from consumers.institution import Institution
from consumers.replies import Said, reply_bytes, times_of
from consumers.rows import first_row, rows_of
from consumers.work import Work
from schemas.contract import CentreAnswer
from schemas.jsontext import encode
from schemas.views import settlement_faults


class Result(NamedTuple):
    """A decided outcome, ready to be stored with its record."""

    reply: bytes
    facts: tuple[FactChange, ...] = ()


def decided(
    context: Context,
    work: Work,
    *,
    output: Any = None,
    head: CentreAnswer | None = None,
    flags: tuple[str, ...] = (),
) -> Result:
    """The reply and the facts of a record whose outcome is known.

    ``output`` is the centre's output as decoded JSON; it is normalised here, once. Identities of
    arithmetic that fail flag the reply and are counted; they do not reject what the centre posted.
    """
    record, order = work.record, work.order
    institution = context.institutions[record.tenant]
    transaction = institution.catalogue[record.infno]
    facts: tuple[FactChange, ...] = ()
    flags = order.flags + flags
    encoded = b""
    if output is not None:
        output = transaction.decode_output(output)
        flags = flags + amount_flags(context, institution, record, output)
        encoded = encode(output)
        memory = Memory(record.tenant, context.digest, context.clock.now_ms())
        facts = memory.of(record.infno, work.data, work.keys, output)
    reply = reply_bytes(
        record.code,
        Said(
            infno=record.infno,
            msgid=record.msgid,
            output=encoded,
            centre=head,
            attempts=record.attempts,
            times=times_of(record, order.received_ms),
            flags=flags,
        ),
    )
    return Result(reply, facts)


def amount_flags(
    context: Context, institution: Institution, record: Record, output: Any
) -> tuple[str, ...]:
    """``identity_I3`` ... for every failed identity of a settling reply."""
    if record.effect != "settle" or not isinstance(output, dict):
        return ()
    includes = institution.catalogue.profile.fund_includes_acct
    failed = settlement_faults(
        first_row(output, "setlinfo"), rows_of(output, "setldetail"), includes
    )
    if failed:
        context.metrics.identity_faults(record.infno).inc()
    return tuple(f"identity_{name}" for name in failed)
