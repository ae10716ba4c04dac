"""HIS programs that remember what they were told, and patients nobody else treats."""

import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, overload

from bus.topology import reply_queue
from compose.demo.stage import HOSPITALS, Stage
from compose.demo.story import Hospital, Person
from producers.client import HisClient
from producers.keys import MemoryKeyStore

FIRST = next(iter(HOSPITALS))

_numbers = itertools.count(1)


class Program(HisClient):
    """A HIS program that remembers every body it was told, by key, in order of arrival."""

    tenant: str
    queue: str
    told: dict[str, list[bytes]]

    async def _on_message(self, key: str, body: bytes) -> bool:
        self.told.setdefault(key, []).append(body)
        return await super()._on_message(key, body)


P = TypeVar("P", bound=Program)


@overload
def program(
    stage: Stage, tenant: str = ..., opter: str = ...
) -> AbstractAsyncContextManager[Program]: ...
@overload
def program(
    stage: Stage, tenant: str = ..., opter: str = ..., *, kind: type[P]
) -> AbstractAsyncContextManager[P]: ...
@asynccontextmanager
async def program(
    stage: Stage, tenant: str = FIRST, opter: str = "0001", *, kind: type[Any] = Program
) -> AsyncIterator[Any]:
    """A HIS program with a reply queue and an empty key store of its own."""
    name = f"program-{next(_numbers)}"
    client = kind.connect(
        stage.his_url(tenant),
        tenant=tenant,
        key_store=MemoryKeyStore(),
        reply_queue=name,
        opter=opter,
        opter_name="示例收费员",
    )
    client.tenant, client.told = tenant, {}
    client.queue = f"{reply_queue(tenant)}.{name}"
    async with client:
        yield client


def hospital(stage: Stage, one: Program, other: Program | None = None) -> Hospital:
    """The desk of a hospital whose calls go through ``one``."""
    return Hospital(stage, one.tenant, (one.call, (other or one).call), lambda _: None)


def newcomer(stage: Stage) -> Person:
    """A person nobody else treats: a local employee with money in the account."""
    serial = 100_000 + next(_numbers)
    person = Person(
        psn_no=f"53997{serial:015d}",
        certno=f"5399{serial:013d}Z",
        name=f"测试{serial}",
        card=f"SBX{serial}",
        insuplc="530102",
    )
    insured = {
        "insutype": "310",
        "psn_type": "1101",
        "balc": "9000.00",
        "insuplc_admdvs": "530102",
    }
    stage.admin(
        "/people",
        {
            "psn_no": person.psn_no,
            "psn_name": person.name,
            "certno": person.certno,
            "card_no": person.card,
            "card_sn": person.card.replace("SBX", "SBXSN00"),
            "insured": [insured],
        },
    )
    return person
