"""Rule 2: one number per attempt, drawn from the journal; the one stored is the one sent."""

import asyncio
from collections.abc import Iterator

import pytest

from bus.journal.port import FindBy
from compose.demo.visits import diagnosis, now
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    SECOND,
    BusStage,
    calls_of,
    hospital,
    journal_of,
    newcomer,
    program,
)

REQUESTS = 200
"""Of each hospital, all at once: several hundred numbers within a few seconds."""


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """Two workers that share a journal and the queues."""
    with BusStage(tmp_path_factory.mktemp("stage"), broker_node) as one:
        one.start_worker()
        yield one


async def written(stage: BusStage, tenant: str) -> dict[str, str]:
    """Diagnoses (2203) of one visit, written many times in parallel; msgid told by key."""
    async with program(stage, tenant) as his:
        visit = await hospital(stage, his).with_card(await asyncio.to_thread(newcomer, stage))
        await visit.register()
        info = {
            "mdtrt_id": visit.mdtrt_id,
            "psn_no": visit.patient.psn_no,
            "med_type": "11",
            "begntime": now(),
            "main_cond_dscr": "",
        }
        data = {"mdtrtinfo": info, "diseinfo": [{**diagnosis(), "vali_flag": "1"}]}
        told = await asyncio.gather(*(visit.ask("2203", data) for _ in range(REQUESTS)))
    assert {answer.status for answer in told} == {"succeeded"}
    return {answer.key: answer.msgid for answer in told}


async def test_hundreds_of_parallel_requests_of_two_workers_each_have_a_number_of_their_own(
    stage: BusStage,
) -> None:
    for tenant, told in zip(
        (FIRST, SECOND),
        await asyncio.gather(written(stage, FIRST), written(stage, SECOND)),
        strict=True,
    ):
        owners = set()
        async with journal_of(stage) as journal:
            for key, msgid in told.items():
                (record,) = await journal.find(FindBy(tenant=tenant, key=key))
                assert record.msgid == msgid
                owners.add(record.owner)
        assert len(owners) == 2
        sent = [call["msgid"] for call in await calls_of(stage, "", tenant)]
        assert len(sent) == len(set(sent))
        assert set(told.values()) <= set(sent)
        assert len(set(told.values())) == REQUESTS
        assert all(len(msgid) == 30 and msgid.startswith(tenant[:12]) for msgid in sent)
        assert all(msgid[12:].isdigit() for msgid in sent)
