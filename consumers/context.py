"""What the parts of a worker share. One value, built in one place (``consumers.worker``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bus.clock import Clock
from bus.config.settings import WorkerSettings
from bus.journal.port import Journal
from bus.lifecycle.machine import Pace
from bus.metrics import Metrics
from consumers.centre import Centre
from consumers.facts import Digest
from consumers.institution import Institution
from consumers.msgids import MsgidPool
from consumers.replies import Replier
from consumers.sessions import Sessions


class Returned(Exception):  # noqa: N818 - not an error: the message goes back to its queue
    """This process is stopping; another one takes the request."""


class Stopping:
    """Set once, when the process begins to stop."""

    def __init__(self) -> None:
        self.now = False

    def check(self) -> None:
        """``Returned`` once the process is stopping."""
        if self.now:
            raise Returned


LOOK_CALLS = 3
"""The longest chain of queries of one look; the lease outlives it."""
FLIGHT_MARGIN_MS = 2_000
"""Added to a call's overall deadline before anyone may believe that it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """``digest`` makes keyed digests of identities; ``owner`` names this process in the journal."""

    owner: str
    settings: WorkerSettings
    clock: Clock
    journal: Journal
    institutions: Mapping[str, Institution]
    centre: Centre
    sessions: Sessions
    msgids: MsgidPool
    replier: Replier
    metrics: Metrics
    digest: Digest
    stopping: Stopping
    trusted: frozenset[str] = frozenset()
    """Broker users of the bus itself: the worker's, the operators'."""
    paces: dict[str, Pace] = field(default_factory=dict)
    """Worked out once per institution."""

    def pace(self, institution: Institution) -> Pace:
        """The bounds of a life cycle at this institution's gateway."""
        known = self.paces.get(institution.code)
        if known is None:
            call_ms = int(institution.gateway_settings.call_s * 1000)
            known = self.paces[institution.code] = Pace(
                centre_ms=int(institution.centre_s * 1000),
                lease_ms=LOOK_CALLS * call_ms + FLIGHT_MARGIN_MS,
            )
        return known

    def flight_until_ms(self, budget_s: float) -> int:
        """When a call that starts now with this budget cannot be in flight any more."""
        return self.clock.now_ms() + int(budget_s * 1000) + FLIGHT_MARGIN_MS
