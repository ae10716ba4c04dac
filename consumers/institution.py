"""One designated institution at run time: its settings, its catalogue, its way to the centre."""

from dataclasses import dataclass

from bus.config.settings import GatewaySettings, InstitutionSettings
from bus.gateway.port import Gateway
from schemas.catalogue import Catalogue
from schemas.transaction import Transaction

MONEY_EFFECTS = frozenset({"settle", "cancel", "reverse"})
KEPT_EFFECTS = MONEY_EFFECTS | {"write"}
"""Effects whose requests the journal keeps; queries and sign-ins have no outcome to prove."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """``code`` is fixmedins_code, the tenant."""

    code: str
    settings: InstitutionSettings
    catalogue: Catalogue
    gateway: Gateway
    gateway_settings: GatewaySettings

    @property
    def area(self) -> str:
        """mdtrtarea_admvs of its envelopes."""
        return self.settings.mdtrtarea_admvs or self.catalogue.profile.mdtrtarea

    @property
    def centre_s(self) -> float:
        """How long the centre may still commit a call after we gave up on it."""
        chosen = self.gateway_settings.centre_s
        return chosen or float(self.catalogue.profile.limits.centre_timeout_s)

    def budget_s(self, transaction: Transaction) -> float:
        """Overall limit of one call of this transaction."""
        money = transaction.effect in MONEY_EFFECTS
        return self.gateway_settings.money_s if money else self.gateway_settings.call_s

    def recovery(self, transaction: Transaction) -> str:
        """How an unknown outcome is resolved here: 2601 only where this region takes it."""
        if transaction.recovery != "reverse":
            return transaction.recovery
        if transaction.infno in self.catalogue.profile.reversible:
            return "reverse"
        return "verify" if transaction.look else "escalate"
