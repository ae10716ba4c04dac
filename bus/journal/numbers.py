"""Message numbers: 12 characters of the institution, 14 of the second, 4 digits. Pure."""

import functools

import msgspec

from bus.clock import centre_time
from bus.journal.port import Numbers

PER_SECOND = 10_000
"""The four digits of a msgid."""
PREFIX_CHARS = 12


class Mark(msgspec.Struct, frozen=True):
    """Where the numbers of one prefix stand: ``second`` since 1970, ``next`` not yet given."""

    second: int
    next: int


def prefix(tenant: str) -> str:
    """What a msgid shows of its tenant. Numbers are counted by it, so that two tenants that share
    it cannot collide."""
    return tenant[:PREFIX_CHARS]


def allot(mark: Mark | None, now_ms: int, count: int) -> tuple[Numbers, Mark]:
    """A block of at most ``count`` numbers (at least one), and the mark after it. The second never
    goes back; a used-up second gives way to the next."""
    second, following = now_ms // 1000, 0
    if mark is not None and mark.second >= second:
        second, following = mark.second, mark.next
        if following >= PER_SECOND:
            second, following = second + 1, 0
    given = min(max(count, 1), PER_SECOND - following)
    return Numbers(second_text(second), following, given), Mark(second, following + given)


@functools.lru_cache(maxsize=16)
def second_text(second: int) -> str:
    """yyyyMMddHHmmss on the centre's clock."""
    return centre_time(second * 1000).strftime("%Y%m%d%H%M%S")


def format_msgid(tenant: str, second: str, number: int) -> str:
    """The 30 characters of a message number (envelope, field msgid)."""
    return f"{prefix(tenant)}{second}{number:04d}"
