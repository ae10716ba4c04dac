"""What kind of world a history plays in, drawn from its seed.

Each history switches on only some of the faults and these often (swarm testing): a history in which
everything fails a little explores less than many in which a few things fail a lot.
"""

import random

import msgspec

CENTRE_FAULTS = (
    "delay",
    "timeout_before_commit",
    "http_502_before",
    "late_commit",
    "zero_with_err_msg",
    "zero_with_err_msg_done",
    "system_error",
    "system_error_before",
    "string_infcode",
    "other_msgid",
    "amounts_as_numbers",
    "empty_amount_texts",
    "lose_answer",
    "commit_then_hang",
    "http_502_after_commit",
    "half_body",
    "html",
    "gbk_bytes",
    "denied",
    "request_lost",
)
"""The sandbox's faults by their names there, and three more: a system-error text of a centre that
did nothing, a gateway that does not know us, a request that never arrived."""
REVERSAL_FAULTS = ("refuse_reversal", "reversal_not_done", "late_commit", "lose_answer")
"""Faults of a 2601, drawn at a rate of their own."""

NEVER_SENT = (
    ("connect_refused", True),
    ("connect_timeout", True),
    ("dns", True),
    ("tls", True),
    ("breaker_open", True),
    ("no_slot", True),
    ("config", False),
)
"""(reason, retryable) of calls of which no byte leaves."""

JUMP_SMALL_MS = 1_500
"""Within the margin that every call has (``consumers.context``)."""
JUMP_LARGE_MS = 60_000
"""A machine whose clock was never set."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are chances per occasion; ``0`` switches a fault off."""

    workers: int
    clients: int
    same_name: bool
    """A restarted worker has the name it had before, as in a container."""
    money_s: float
    call_s: float
    centre_s: float
    patience_s: float
    sweep_s: float
    latency_us: int
    """Usual time of one step at a port."""
    calm_after_s: float
    """No new fault after this; what has begun still takes its course."""
    midnight: bool
    """The history begins just before the centre's day changes."""

    crash: float
    stop: float
    """Chance per minute that a worker is stopped in good order."""
    link_loss: float
    publish_lost: float
    confirm_lost: float
    reorder: float
    deliveries_max: int
    journal_fails: float
    journal_outages: int
    journal_slow: float
    jump_ms: int
    """How far workers' clocks may be apart; 0: clocks are right. Beyond the margin of a call (2 s)
    the centre's true time-out must be shorter by as much than the one in the settings."""
    never_sent: float
    centre: float
    centre_faults: tuple[str, ...]
    reversal: float
    looks_fail: float
    """Share of a look's and a sign-in's calls that meet a fault of the centre."""
    sign_ins_lost: float
    """Chance per minute that the centre forgets its sign-ins."""
    strict: bool
    """The centre refuses a settlement it has; else the same request is done twice."""
    racing: bool
    """The centre applies its rules when a request arrives, not when it commits it."""
    rows_forget: bool
    """Rows of a settlement that was undone do not name it any more."""
    person: bool
    """Somebody looks into the centre's books and decides what is held."""

    @property
    def late_s_max(self) -> float:
        """How late the centre may still commit."""
        beyond_s = self.jump_ms / 1000 if self.jump_ms > JUMP_SMALL_MS else 0.0
        return self.centre_s - beyond_s


def draw(dice: random.Random) -> Traits:
    """A world."""

    def rate(on: float, least: float, most: float) -> float:
        return dice.uniform(least, most) if dice.random() < on else 0.0

    kinds = dice.randint(1, 5)
    centre_s = dice.choice((15.0, 40.0, 90.0))
    jumps = (0, 0, 0, 0, JUMP_SMALL_MS, JUMP_SMALL_MS, JUMP_LARGE_MS)
    jump_ms = dice.choice(jumps)
    if jump_ms >= centre_s * 1000:
        jump_ms = JUMP_SMALL_MS
    return Traits(
        workers=dice.choice((1, 2, 2, 3)),
        clients=dice.choice((1, 1, 2, 3)),
        same_name=dice.random() < 0.3,
        money_s=dice.choice((8.0, 20.0)),
        call_s=dice.choice((4.0, 10.0)),
        centre_s=centre_s,
        patience_s=dice.choice((1.0, 6.0, 15.0)),
        sweep_s=dice.choice((2.0, 5.0)),
        latency_us=dice.choice((500, 2_000, 20_000)),
        calm_after_s=dice.choice((20.0, 60.0, 150.0)),
        midnight=dice.random() < 0.1,
        crash=rate(0.5, 0.002, 0.05),
        stop=rate(0.15, 0.5, 2.0),
        link_loss=rate(0.3, 0.005, 0.05),
        publish_lost=rate(0.3, 0.02, 0.3),
        confirm_lost=rate(0.4, 0.02, 0.3),
        reorder=dice.choice((0.0, 0.3, 1.0)),
        deliveries_max=dice.choice((3, 20)),
        journal_fails=rate(0.25, 0.005, 0.1),
        journal_outages=dice.choice((0, 0, 0, 1, 2)),
        journal_slow=rate(0.2, 0.01, 0.2),
        jump_ms=jump_ms,
        never_sent=rate(0.3, 0.05, 0.6),
        centre=rate(0.85, 0.1, 0.9),
        centre_faults=tuple(dice.sample(CENTRE_FAULTS, kinds)),
        reversal=rate(0.5, 0.2, 0.9),
        looks_fail=dice.choice((0.0, 0.0, 0.3, 0.8)),
        sign_ins_lost=rate(0.1, 0.5, 3.0),
        strict=dice.random() < 0.4,
        racing=dice.random() < 0.4,
        rows_forget=dice.random() < 0.5,
        person=dice.random() < 0.7,
    )
