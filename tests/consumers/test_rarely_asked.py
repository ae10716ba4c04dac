"""Transactions without a queue of their own: served, passed on unvalidated, or refused."""

from schemas.contract import Status
from tests.consumers.bus_stage import Program


async def test_what_is_known_by_its_name_only_is_passed_on_with_a_flag(his: Program) -> None:
    answer = await his.call("6101", {"anything": {"at": "all"}})
    assert answer.status is Status.SUCCEEDED
    assert "unvalidated" in answer.flags


async def test_a_transaction_of_the_shared_lane_is_checked_and_asked(his: Program) -> None:
    faulty = await his.call("4103", {"data": {"psn_no": "1" * 31}})
    assert faulty.status is Status.INVALID
    assert "$.input.data.psn_no" in {fault.path for fault in faulty.faults}
    keys = {"data": {"psn_no": "1", "setl_id": "1"}}
    asked = await his.call("4103", keys, insuplc_admdvs="530102")
    assert asked.status in {Status.REJECTED, Status.SUCCEEDED}
    assert asked.flags == ()


async def test_what_the_centre_or_a_component_asks_is_not_taken_from_a_his(his: Program) -> None:
    for infno in ("7108", "1161", "1163"):
        answer = await his.call(infno, {"data": {}})
        assert (answer.status, answer.code) == (Status.INVALID, "unknown_infno")


async def test_an_extension_of_another_province_does_not_exist_here(his: Program) -> None:
    answer = await his.call("9601", {"recogInfo": {}})
    assert (answer.status, answer.code) == (Status.INVALID, "unknown_infno")
