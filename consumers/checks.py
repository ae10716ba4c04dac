"""Checks before money moves: each a small function, their order one visible list (``CHECKS``).

A check answers the slug of a refusal, or nothing. What it needs to know is given to it as facts.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from bus.journal.port import Fact, FactBook
from consumers.facts import CHECK, ROW, TOKEN, VISIT, Digest
from consumers.institution import Institution
from consumers.order import Order
from consumers.rows import decimal, rows_of, total_asked
from schemas.views import Keys

SUM_UNCHECKED = "sum_unchecked"
"""Flag: the bus did not see the visit open, so it cannot know all its rows."""

NEVER_MS = -1
CENT = Decimal("0.01")
IDENTITY_CHECK_LIFE_MS = 1_800_000
"""The guide says 1192 comes right before the settlement; half an hour leaves room for a queue."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks may look at. ``token_seen_ms`` and ``checked_ms`` are -1 when unknown."""

    infno: str
    subject: Keys
    input: Any
    now_ms: int
    deadline_ms: int
    token_life_ms: int
    needs_identity_check: bool
    token_seen_ms: int = NEVER_MS
    checked_ms: int = NEVER_MS
    visit_seen: bool = False
    rows: tuple[Fact, ...] = ()


def deadline_passed(known: Known) -> str:
    """The HIS no longer waits: nothing is sent any more."""
    return "deadline_passed" if known.deadline_ms <= known.now_ms else ""


def token_expired(known: Known) -> str:
    """Guide 1.6: an e-voucher token is good for 3 minutes."""
    if known.subject.mdtrt_cert_type != "01" or known.token_seen_ms == NEVER_MS:
        return ""
    age_ms = known.now_ms - known.token_seen_ms
    return "token_expired" if age_ms > known.token_life_ms else ""


def identity_unchecked(known: Known) -> str:
    """Guide 1.6: an ID card needs its 1192 for this person and this settlement."""
    if not known.needs_identity_check:
        return ""
    age_ms = known.now_ms - known.checked_ms
    fresh = known.checked_ms != NEVER_MS and age_ms <= IDENTITY_CHECK_LIFE_MS
    return "" if fresh else "identity_unchecked"


def sum_mismatch(known: Known) -> str:
    """Identity I1: the amount equals the rows being settled, to the cent."""
    total = settled_sum(known)
    if total is None:
        return ""
    return "" if total.quantize(CENT) == total_asked(known.input).quantize(CENT) else "sum_mismatch"


def settled_sum(known: Known) -> Decimal | None:
    """Sum of the rows this settlement takes; ``None`` when the bus cannot know it."""
    if known.infno.startswith("2102"):
        amounts = [r.get("det_item_fee_sumamt") for r in rows_of(known.input, "drugdetail")]
        return sum((decimal(amount) for amount in amounts), Decimal(0))
    if not known.visit_seen:
        return None
    batch = known.subject.chrg_bchno
    rows = [r for r in known.rows if not r.mark and (not batch or r.batch == batch)]
    return sum((decimal(row.value) for row in rows), Decimal(0))


Check = Callable[[Known], str]
CHECKS: tuple[Check, ...] = (deadline_passed, token_expired, identity_unchecked, sum_mismatch)


def first_refusal(known: Known) -> str:
    """The slug of the first check that refuses, or ''."""
    return next((slug for check in CHECKS if (slug := check(known))), "")


async def gather(
    book: FactBook,
    digest: Digest,
    institution: Institution,
    order: Order,
    found: tuple[Any, Keys],
    now_ms: int,
) -> Known:
    """Read the facts a settlement's checks need; other transactions need only the time."""
    data, subject = found
    profile = institution.catalogue.profile
    base = order.infno.rstrip("A")
    known = Known(
        infno=order.infno,
        subject=subject,
        input=data,
        now_ms=now_ms,
        deadline_ms=order.deadline_ms,
        token_life_ms=profile.token_life_s * 1000,
        needs_identity_check=any(
            rule.mdtrt_cert_type == subject.mdtrt_cert_type and base in rule.before
            for rule in profile.check_before_settle
        ),
    )
    if institution.catalogue[order.infno].effect != "settle":
        return known
    code = institution.code
    changes: dict[str, Any] = {}
    if known.needs_identity_check:
        checks = await book.recall(code, CHECK, digest("cert", subject.mdtrt_cert_no))
        changes["checked_ms"] = max((c.at_ms for c in checks if c.item == base), default=NEVER_MS)
    if subject.mdtrt_cert_type == "01":
        seen = await book.recall(code, TOKEN, digest("token", subject.mdtrt_cert_no))
        changes["token_seen_ms"] = min((f.at_ms for f in seen), default=NEVER_MS)
    if subject.mdtrt_id:
        changes["visit_seen"] = bool(await book.recall(code, VISIT, subject.mdtrt_id))
    if changes.get("visit_seen"):
        changes["rows"] = tuple(await book.recall(code, ROW, subject.mdtrt_id))
    return msgspec.structs.replace(known, **changes)
