"""Which faults meet which call: rules by infno and call number, and rates drawn from a seed."""

import random
from typing import Any

import msgspec

from sandbox.centre import Received
from sandbox.faults import FAULTS, Fault

EVERY = "*"


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One scripted fault, as the admin address takes it.

    ``call``: a number (the n-th call of that infno since the books began), ``"a-b"``, ``"next"``
    (the next ``times`` calls from now) or ``"*"``. ``tenant`` and ``msgid`` narrow it.
    """

    fault: str
    infno: str = EVERY
    call: int | str = "next"
    times: int = 1
    params: dict[str, Any] = {}
    tenant: str = ""
    msgid: str = ""
    id: int = 0

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"no fault {self.fault!r}; there are: {', '.join(FAULTS)}")
        self.piece()
        self._range()

    def piece(self) -> Fault:
        """The fault with its parameters."""
        return msgspec.convert(self.params, FAULTS[self.fault])

    def _range(self) -> tuple[int, int] | None:
        if isinstance(self.call, int):
            return self.call, self.call
        if self.call in {"next", EVERY}:
            return None
        first, dash, last = self.call.partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            raise ValueError(f"call is a number, 'a-b', 'next' or '*', not {self.call!r}")
        return int(first), int(last)

    def meets(self, received: Received) -> bool:
        """Whether this rule acts on the call."""
        if self.infno not in {EVERY, received.infno} or self.tenant not in {"", received.tenant}:
            return False
        if self.msgid not in {"", received.msgid}:
            return False
        span = self._range()
        if span is not None:
            return span[0] <= received.call <= span[1]
        return self.call == EVERY or self.times > 0


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults by chance: at most one per call. The draw depends on seed, infno and call number only,
    so the same seed gives the same faults whatever the interleaving."""

    rates: dict[str, float]
    seed: int | None = None
    infno: str | tuple[str, ...] = EVERY
    params: dict[str, dict[str, Any]] = {}

    def __post_init__(self) -> None:
        for name in (*self.rates, *self.params):
            if name not in FAULTS:
                raise ValueError(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
        if sum(self.rates.values()) > 1 or min(self.rates.values(), default=0) < 0:
            raise ValueError("rates are shares of all calls and sum to 1 at most")

    def draw(self, received: Received, seed: int) -> Fault | None:
        """The fault of this call, if any; ``seed`` counts when the rates bring none."""
        wanted = (self.infno,) if isinstance(self.infno, str) else self.infno
        if EVERY not in wanted and received.infno not in wanted:
            return None
        chosen = seed if self.seed is None else self.seed
        chance = random.Random(f"{chosen}:{received.infno}:{received.call}").random()  # noqa: S311 - a reproducible script, no secret
        for name, rate in self.rates.items():
            if chance < rate:
                return msgspec.convert(self.params.get(name, {}), FAULTS[name])
            chance -= rate
        return None


class Script:
    """All rules and rates in force."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.rules: list[Rule] = []
        self.rates: list[Rates] = []
        self._ids = 0

    def add_rule(self, rule: Rule) -> int:
        """Put a rule in force; its id."""
        self._ids += 1
        rule.id = self._ids
        self.rules.append(rule)
        return rule.id

    def remove(self, rule_id: int = 0) -> None:
        """Take one rule out, or (0) everything."""
        self.rules = [rule for rule in self.rules if rule_id and rule.id != rule_id]
        if not rule_id:
            self.rates = []

    def faults_for(self, received: Received) -> list[Fault]:
        """The faults of this call in their order; a ``next`` rule is used up by it."""
        met = [rule for rule in self.rules if rule.meets(received)]
        for rule in met:
            if rule.call == "next":
                rule.times -= 1
        self.rules = [rule for rule in self.rules if rule.call != "next" or rule.times > 0]
        drawn = [rates.draw(received, self.seed) for rates in self.rates]
        return [rule.piece() for rule in met] + [fault for fault in drawn if fault is not None]
