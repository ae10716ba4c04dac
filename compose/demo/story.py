"""The story of the demo: ordinary visits, impatient clicks, lost answers, a killed worker, a broker
restart. Each scene says in a line what happens and what came of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from compose.demo.stage import Stage
from compose.demo.visits import (
    BED,
    CAPSULES,
    CT,
    IMPLANT,
    PILLS,
    Call,
    Credential,
    Item,
    Patient,
    Visit,
    identify,
)
from producers.wire import Answer

Say = Callable[[str], None]
SEEN_POLL_S = 0.05
SEEN_S = 15.0


class Person(msgspec.Struct, frozen=True):
    """A person of the sandbox's books, as the patient's cards show it."""

    psn_no: str
    certno: str
    name: str
    card: str
    insuplc: str


EMPLOYEE = Person("53990000000000000001", "539900198503120030", "测试甲职工", "SBX000001", "530102")
RESIDENT = Person("53990000000000000002", "539900199207200040", "测试乙居民", "SBX000002", "530102")
RETIRED = Person("53990000000000000003", "539900195301050070", "测试丙退休", "SBX000003", "530103")
ELSEWHERE = Person(
    "53990000000000000005", "539900198811300110", "测试戊外省", "SBX000005", "430102"
)
SERVANT = Person("53990000000000000006", "539900198106060120", "测试己公务", "SBX000006", "530102")

LOST = {
    "lose_answer": "the centre settles, then the line is cut before its answer",
    "timeout_before_commit": "the line goes dead before the centre settles",
    "late_commit": "the centre settles after we gave up on it",
    "http_502_after_commit": "the centre settles, a proxy answers 502",
}


class Hospital:
    """One HIS: its calls, and the patients who come.

    ``other`` is a second program of the same hospital, which knows nothing of what the first one
    sent: it proves that the bus itself recognises a request that comes again.
    """

    def __init__(self, stage: Stage, tenant: str, calls: tuple[Call, Call], say: Say) -> None:
        self.stage = stage
        self.tenant = tenant
        self.call, self.other = calls
        self.say = say

    def token(self, person: Person) -> Credential:
        """The patient opens the e-voucher and is scanned."""
        return Credential("01", self.stage.admin("/tokens", {"psn_no": person.psn_no})["token"])

    async def welcome(self, person: Person, cert: Credential) -> Visit:
        """1101 at the desk."""
        who = {"certno": person.certno, "psn_name": person.name}
        patient: Patient = await identify(self.call, cert, person.insuplc, **who)
        return Visit(self.call, patient)

    async def with_card(self, person: Person) -> Visit:
        """A patient with a social-security card."""
        serial = person.card.replace("SBX", "SBXSN00")
        return await self.welcome(person, Credential("03", person.card, serial))

    async def outpatient(self, visit: Visit, items: list[Item]) -> dict[str, Any]:
        """Everything before the money of an outpatient visit; the input of its 2207."""
        await visit.register()
        batch = await visit.charge(items)
        return await visit.settlement(batch, items)

    def fault(self, infno: str, fault: str, **params: Any) -> None:
        """The next call of this transaction meets a fault."""
        self.stage.admin(
            "/faults",
            {
                "infno": infno,
                "call": "next",
                "fault": fault,
                "params": params,
                "tenant": self.tenant,
            },
        )

    # -- scenes ----------------------------------------------------------------------------------

    async def pharmacy(self) -> None:
        """A purchase at the pharmacy."""
        visit = await self.with_card(RETIRED)
        answer = await visit.ask("2102", visit.purchase([PILLS, CAPSULES]), title="pharmacy")
        self.say(f"A pharmacy purchase: {told(answer)}.")

    async def with_voucher(self) -> None:
        """An outpatient visit with an e-voucher."""
        visit = await self.welcome(EMPLOYEE, self.token(EMPLOYEE))
        await visit.register()
        batch = await visit.charge([PILLS, CAPSULES, CT])
        visit.shows(self.token(EMPLOYEE))
        asked = await visit.settlement(batch, [PILLS, CAPSULES, CT])
        answer = await visit.ask("2207", asked, title="outpatient, e-voucher")
        self.say(f"An outpatient visit with e-voucher: {told(answer)}.")

    async def with_id_card(self) -> None:
        """An outpatient visit with an ID card: 1192 comes first; then clicks, and a changed
        request under an old key."""
        visit = await self.welcome(RESIDENT, Credential("02", RESIDENT.certno))
        asked = await self.outpatient(visit, [PILLS, CT])
        answer = await visit.ask("2207", asked, title="ID card, 1192 forgotten")
        self.say(f"An ID-card settlement without its 1192: {told(answer)}.")
        await visit.verify_identity("2207")
        answer = await visit.ask("2207", asked, title="outpatient, ID card")
        self.say(f"The same after 1192: {told(answer)}.")
        other = Visit(self.other, visit.patient)
        again = await other.ask("2207", asked, title="the same, sent again", key=answer.key)
        same = bytes(again.output) == bytes(answer.output)
        self.say(f"The same request sent again: {'the same' if same else 'ANOTHER'} reply.")

    async def clicks(self) -> None:
        """The impatient cashier: the same visit settled twice at once, under two keys."""
        visit = await self.with_card(RESIDENT)
        asked = await self.outpatient(visit, [CAPSULES, CT])
        self.fault("2207", "delay", s=0.5)
        first, second = await asyncio.gather(
            visit.ask("2207", asked, title="impatient, first click"),
            visit.ask("2207", asked, title="impatient, second click"),
        )
        self.say(f"Two clicks on one visit: {told(first)}; {told(second)}.")

    async def inpatient(self, person: Person, rows: int, title: str) -> None:
        """Admission, fee rows in chunks, discharge, settlement."""
        visit = await self.with_card(person)
        await visit.admit()
        items = [(PILLS, CAPSULES, BED, CT, IMPLANT)[n % 5] for n in range(rows)]
        for start in range(0, rows, 50):
            await visit.upload(items[start : start + 50])
        await visit.discharge()
        asked = await visit.final_settlement(items)
        answer = await visit.ask("2304", asked, title=title)
        self.say(f"An inpatient stay with {rows} fee rows ({title}): {told(answer)}.")

    async def lost_answer(self, fault: str) -> None:
        """A settlement whose answer does not come back."""
        visit = await self.with_card(SERVANT)
        asked = await self.outpatient(visit, [PILLS, CT])
        self.fault("2207", fault)
        answer = await visit.ask("2207", asked, title=f"2207, {fault}")
        self.say(f"{LOST[fault]}: the bus finds out and says {told(answer)}.")

    async def killed_worker(self) -> None:
        """SIGKILL while the centre works on a settlement; another worker goes on."""
        visit = await self.with_card(SERVANT)
        asked = await self.outpatient(visit, [CAPSULES, CT])
        self.fault("2207", "delay", s=1.5)
        before = len(self._calls())
        asking = asyncio.create_task(visit.ask("2207", asked, title="2207, worker killed"))
        await self._until_seen(before)
        self.stage.kill_workers()
        await asyncio.to_thread(self.stage.start_worker)
        answer = await asking
        self.say(f"The worker is killed in the middle of a settlement: {told(answer)}.")

    async def broker_restart(self) -> None:
        """The broker goes away and comes back while a settlement is under way."""
        visit = await self.with_card(SERVANT)
        asked = await self.outpatient(visit, [PILLS, CAPSULES])
        self.fault("2207", "delay", s=1.0)
        before = len(self._calls())
        asking = asyncio.create_task(visit.ask("2207", asked, title="2207, broker restart"))
        await self._until_seen(before)
        await asyncio.to_thread(self.stage.node.restart)
        answer = await asking
        self.say(f"The broker restarts in the middle of a settlement: {told(answer)}.")

    async def changed_request(self) -> None:
        """Another request under a key that is taken."""
        visit = await self.with_card(RETIRED)
        first = visit.purchase([PILLS])
        answer = await visit.ask("2102", first, title="purchase")
        other = Visit(self.other, visit.patient)
        changed = other.purchase([CAPSULES])
        refused = await other.ask(
            "2102", changed, title="another purchase, old key", key=answer.key
        )
        self.say(f"Another purchase under the key of the last one: {told(refused)}.")

    def _calls(self) -> list[Any]:
        return list(self.stage.admin(f"/books/calls?infno=2207&tenant={self.tenant}"))

    async def _until_seen(self, before: int) -> None:
        """Until the centre has received one more 2207."""
        async with asyncio.timeout(SEEN_S):
            while len(await asyncio.to_thread(self._calls)) == before:  # noqa: ASYNC110 - a process
                await asyncio.sleep(SEEN_POLL_S)


def told(answer: Answer) -> str:
    """What the cashier reads, in the contract's own words."""
    return f"{answer.status} ({answer.code})"
