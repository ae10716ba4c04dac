"""What a person decides about a held request, made durable like any other event."""

import msgspec

from bus.clock import Clock
from bus.journal.port import Ledger
from bus.lifecycle.machine import Pace, move
from bus.lifecycle.record import FINAL, Record, StoryLine
from bus.lifecycle.table import Event
from consumers.order import Order
from consumers.replies import Said, reply_bytes, times_of


async def person_decides(
    ledger: Ledger, clock: Clock, record: Record, event: Event, why: str
) -> bool:
    """Apply ``event`` to a held record; False when someone else changed it meanwhile.

    ``why`` goes into the story: it must name no patient.
    """
    now_ms = clock.now_ms()
    moved = move(record, event, now_ms, Pace()).record
    if moved.state in FINAL:
        received_ms = Order.from_bytes(record.request).received_ms
        said = Said(
            infno=moved.infno,
            msgid=moved.msgid,
            attempts=moved.attempts,
            times=times_of(moved, received_ms),
            flags=("decided_by_person",),
        )
        reply = reply_bytes(moved.code, said)
        moved = msgspec.structs.replace(moved, reply=reply, event_due=True)
    else:
        moved = msgspec.structs.replace(moved, next_at_ms=now_ms)
    line = StoryLine(at_ms=now_ms, fence=moved.fence, what=event, detail=why, owner="person")
    return await ledger.advance(moved, line)
