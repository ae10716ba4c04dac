"""What a simulated hospital asks and hears: the first of the three books that must agree."""

import msgspec


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, as the broker had it."""

    at_us: int
    correlation: str
    status: str
    code: str
    body: bytes
    event: bool


class Publication(msgspec.Struct, kw_only=True):
    """One message: which of the request's contents it carried, and whether the broker has it."""

    content: int
    accepted: bool = False


class Request(msgspec.Struct, kw_only=True):
    """One idempotency key. ``contents`` has more than one when its content was changed."""

    key: str
    tenant: str
    infno: str
    kept: bool
    contents: list[bytes]
    publications: dict[str, Publication] = msgspec.field(default_factory=dict)
    told: list[Told] = msgspec.field(default_factory=list)

    def finals(self) -> list[Told]:
        """Final answers, without those that a changed content or a query got."""
        return [one for one in self.told if one.status not in ("in_doubt", "conflict")]
