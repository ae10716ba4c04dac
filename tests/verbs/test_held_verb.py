"""``yibao held``: the work list, and what a person decides."""

from compose.demo.story import RETIRED
from tests.consumers.bus_stage import PHARMACY, BusStage, Program, books_of, final
from tests.verbs.conftest import Operator
from tests.verbs.shop_customers import Customers


async def test_without_work_the_list_is_empty_and_says_so(yibao: Operator) -> None:
    listed = await yibao("held")
    assert listed.code == 0
    assert "nothing is held" in listed.out
    assert (await yibao("held", "--json")).json == []


async def test_a_person_looks_again_and_the_bus_finds_the_purchase(
    yibao: Operator, customers: Customers, pharmacy: Program, stage: BusStage
) -> None:
    told = await customers.purchase(pharmacy, "shop-look", "lose_answer")
    assert (told.status, told.code) == ("in_doubt", "held")
    listed = await yibao("held")
    assert listed.code == 1
    assert f"2102  {PHARMACY}  shop-look" in listed.out
    assert told.msgid in listed.out
    assert "人工" in listed.out
    (shown,) = (await yibao("held", "--json", "--tenant", PHARMACY)).json
    assert (shown["key"], shown["state"], shown["msgid"]) == ("shop-look", "held", told.msgid)
    assert (await yibao("held", "--tenant", "H53010200001")).code == 0
    assert (await yibao("held", "shop-look", "--decide", "look")).code == 0
    outcome = await final(pharmacy, told)
    assert (outcome.status, outcome.code) == ("succeeded", "adopted")
    books = await books_of(stage, "shop-look", PHARMACY)
    assert "person_look" in books.steps
    assert books.centre["live"]


async def test_a_proof_is_recorded_with_who_and_why_and_the_his_is_told(
    yibao: Operator, customers: Customers, pharmacy: Program, stage: BusStage
) -> None:
    told = await customers.purchase(pharmacy, "shop-stands", "lose_answer")
    refused = await yibao("held", "shop-stands", "--decide", "succeeded")
    assert refused.code == 2
    assert "--why is needed" in refused.err
    why = "finance desk, centre's statement of today"
    assert (await yibao("held", told.msgid, "--decide", "succeeded", "--why", why)).code == 0
    outcome = await final(pharmacy, told)
    assert (outcome.status, outcome.code) == ("succeeded", "adopted")
    assert outcome.flags == ("decided_by_person",)
    assert why in (await yibao("trace", "shop-stands")).out
    again = await yibao("held", "shop-stands", "--decide", "reversed", "--why", "no")
    assert again.code == 1
    assert "is not held" in again.err
    assert (await books_of(stage, "shop-stands", PHARMACY)).record.state == "succeeded"


async def test_a_purchase_proved_undone_is_told_as_reversed(
    yibao: Operator, customers: Customers, pharmacy: Program, stage: BusStage
) -> None:
    told = await customers.purchase(pharmacy, "shop-undone", "http_502_before")
    assert (told.status, told.code) == ("in_doubt", "held")
    why = f"centre's hotline: never arrived, person {RETIRED.certno}"
    assert (await yibao("held", "shop-undone", "--decide", "reversed", "--why", why)).code == 0
    story = (await yibao("trace", "shop-undone")).out
    assert "centre's hotline: never arrived" in story
    assert RETIRED.certno not in story
    outcome = await final(pharmacy, told)
    assert (outcome.status, outcome.code) == ("reversed", "not_done")
    assert not (await books_of(stage, "shop-undone", PHARMACY)).centre["live"]


async def test_what_is_not_there_cannot_be_decided(yibao: Operator) -> None:
    said = await yibao("held", "no-such-key", "--decide", "look")
    assert said.code == 1
    assert "'no-such-key' is not held" in said.err
    said = await yibao("held", "--decide", "look")
    assert said.code == 1
    assert (await yibao("held", "x", "--decide", "refund")).code == 2


async def test_a_decision_under_another_institutions_name_is_refused(
    yibao: Operator, customers: Customers, pharmacy: Program
) -> None:
    told = await customers.purchase(pharmacy, "shop-last", "lose_answer")
    assert (await yibao("held", "shop-last", "--tenant", "H53010200001")).code == 0
    wrong = await yibao("held", "shop-last", "--decide", "look", "--tenant", "H53010200001")
    assert wrong.code == 1
    assert (await yibao("held", "shop-last", "--decide", "look", "--tenant", PHARMACY)).code == 0
    assert (await final(pharmacy, told)).status == "succeeded"
    assert (await yibao("held")).code == 0
