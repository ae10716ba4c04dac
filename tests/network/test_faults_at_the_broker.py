"""Every fault of a network between HIS and broker and between worker and broker: one outcome each,
money once, nothing lost, and the links come back by themselves."""

import pytest

from tests.network.net_faults import (
    FAULTS,
    Fault,
    Scene,
    costs_nothing,
    nothing_unknown,
    reset_when_reused,
    slow,
    unplugged,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

CASES = [
    *(("his", fault) for fault in FAULTS if fault not in {unplugged, slow, reset_when_reused}),
    *(("broker", fault) for fault in FAULTS if fault is not slow),
]


@pytest.mark.parametrize(("link", "fault"), CASES, ids=lambda each: getattr(each, "__name__", each))
async def test_a_fault_costs_no_outcome_and_no_money(scene: Scene, link: str, fault: Fault) -> None:
    await costs_nothing(scene, link, fault)


async def test_after_all_faults_the_centre_has_no_purchase_nobody_knows_of(scene: Scene) -> None:
    await nothing_unknown(scene)
