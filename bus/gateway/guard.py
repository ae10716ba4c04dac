"""What stands before the wire: rate and concurrency per institution, the breaker per address."""

import msgspec

from bus.clock import Clock
from bus.gateway.breaker import BreakerHolder, Circuit, Pass, Verdict
from bus.gateway.limits import NoSlotError, RateLimit, Slots
from bus.gateway.port import Answered, GatewayCall, MaybeSent, NeverSent, Outcome

WAIT_SHARE = 0.25
"""Part of a call's deadline it may spend waiting for its turn, and as much again for one of the
transport's connections: a call that starts with little time
left is the one that ends in doubt, so it is refused unsent instead."""

WAITERS_MAX = 4096
"""Calls of one institution that may wait for a slot: above the sum of a worker's prefetches."""

DEAD_REASONS = frozenset({"connect_refused", "connect_timeout", "connect_failed", "dns", "tls"})
"""NeverSent reasons that speak against the address (not against us)."""

DEAD_STATUSES = frozenset({502, 503, 504})
"""A front that has no answer of the centre to give: unanswered, in HTTP's words."""


class NotAdmittedError(Exception):
    """The call must not go; carries the outcome to report."""

    def __init__(self, outcome: NeverSent) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class GatewayHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A reading for the metrics page: closed, half_open or open; mappings by tenant."""

    circuit: Circuit
    in_flight: dict[str, int]
    waiting: dict[str, int]


class _Institution:
    """The limits of one tenant at this address."""

    def __init__(self, concurrency: int, rate_per_s: float, clock: Clock) -> None:
        self.slots = Slots(concurrency, WAITERS_MAX)
        self.rate = RateLimit(rate_per_s, clock)


class Guard:
    """Limits and breaker of one address. Tenants are those of the settings, so few."""

    def __init__(
        self, breaker: BreakerHolder, *, concurrency: int, rate_per_s: float, clock: Clock
    ) -> None:
        self._breaker = breaker
        self._concurrency = concurrency
        self._rate_per_s = rate_per_s
        self._clock = clock
        self._institutions: dict[str, _Institution] = {}

    async def enter(self, call: GatewayCall) -> Pass:
        """Take a slot, to be given back with ``leave``; ``NotAdmittedError`` when the call may not
        go, and then it holds none.

        The breaker is asked twice: before queueing, so that a paused address fails at once, and
        after, because it may have opened meanwhile. The pass must be reported to ``learn``.
        """
        if self._breaker.refuses(self._clock.now_ms(), probe_ok=call.probe_ok):
            raise NotAdmittedError(NeverSent(reason="breaker_open"))
        institution = self._institution(call.tenant)
        await self._wait(institution, call.deadline_s * WAIT_SHARE)
        way = self._breaker.ask(self._clock.now_ms(), probe_ok=call.probe_ok)
        if way is Pass.REFUSED:
            institution.slots.give_back()
            raise NotAdmittedError(NeverSent(reason="breaker_open"))
        return way

    def leave(self, call: GatewayCall) -> None:
        """Give the slot of a call that entered back."""
        self._institution(call.tenant).slots.give_back()

    def learn(self, way: Pass, outcome: Outcome | None) -> None:
        """Tell the breaker how a call ended; ``None`` = cancelled by its owner."""
        self._breaker.learn(self._clock.now_ms(), way, verdict(outcome))

    def health(self) -> GatewayHealth:
        """State of the breaker and of every institution's slots."""
        items = self._institutions.items()
        circuit = self._breaker.circuit(self._clock.now_ms())
        return GatewayHealth(
            circuit=Circuit.HALF_OPEN if circuit is Circuit.PROBING else circuit,
            in_flight={tenant: one.slots.taken for tenant, one in items},
            waiting={tenant: one.slots.waiting for tenant, one in items},
        )

    def _institution(self, tenant: str) -> _Institution:
        institution = self._institutions.get(tenant)
        if institution is None:
            institution = _Institution(self._concurrency, self._rate_per_s, self._clock)
            self._institutions[tenant] = institution
        return institution

    async def _wait(self, institution: _Institution, wait_s_max: float) -> None:
        waited_s = 0.0
        if self._rate_per_s > 0:
            try:
                waited_s = await institution.rate.turn(wait_s_max)
            except NoSlotError:
                raise NotAdmittedError(NeverSent(reason="no_slot", detail="rate")) from None
        if institution.slots.take_now():
            return
        try:
            await self._clock.within(wait_s_max - waited_s, institution.slots.take())
        except (NoSlotError, TimeoutError):
            raise NotAdmittedError(NeverSent(reason="no_slot", detail="concurrency")) from None


def verdict(outcome: Outcome | None) -> Verdict:
    """What an outcome says about the address."""
    match outcome:
        case Answered(http_status=status):
            return Verdict.DEAD if status in DEAD_STATUSES else Verdict.ALIVE
        case MaybeSent():
            return Verdict.DEAD
        case NeverSent(reason=reason) if reason in DEAD_REASONS:
            return Verdict.DEAD
        case _:
            return Verdict.NOTHING
