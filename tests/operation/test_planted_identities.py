"""People with known names and numbers go through everything; none of it is found anywhere at rest
or on any screen of the operators."""

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession

from bus.journal.port import FindBy
from bus.topology import reply_queue, request_key
from compose.demo.stage import end
from compose.demo.story import (
    ELSEWHERE,
    EMPLOYEE,
    RESIDENT,
    RETIRED,
    SERVANT,
    Hospital,
    Person,
)
from compose.demo.visits import CT, PILLS, Credential
from compose.node import PrivateNode
from tests.consumers.bus_stage import (
    FIRST,
    PHARMACY,
    BusStage,
    Program,
    calls_of,
    hospital,
    journal_of,
    program,
    seen,
    until,
)
from tests.door.raw_his import frame, raw_his

PEOPLE = (EMPLOYEE, RESIDENT, RETIRED, ELSEWHERE, SERVANT)


class Trail:
    """What happened, and every identity that took part in it."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.visits: list[str] = []
        self.identities: set[str] = set()
        for person in PEOPLE:
            self.identities |= {person.psn_no, person.certno, person.name, person.card}
            self.identities.add(person.card.replace("SBX", "SBXSN00"))


class TracingHospital(Hospital):
    """A hospital whose e-voucher tokens are remembered as identities."""

    trail: Trail

    def token(self, person: Person) -> Credential:
        """A fresh token, written on the list."""
        cert = super().token(person)
        self.trail.identities.add(cert.number)
        return cert


@pytest.fixture(scope="module")
def stage(broker_node: PrivateNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusStage]:
    """A stage whose worker logs all it can, and whose pharmacy holds lost purchases."""
    extra = 'recovery = { 2102 = "escalate" }\n'
    with BusStage(tmp_path_factory.mktemp("planted"), broker_node, extra=extra) as one:
        end(one.workers.pop())
        one.start_worker("--log-level", "debug")
        yield one


@pytest.fixture(scope="module")
def trail(stage: BusStage) -> Trail:
    """Everybody has been there."""
    trail = Trail()
    asyncio.run(everything(stage, trail))
    return trail


async def everything(stage: BusStage, trail: Trail) -> None:
    """Visits of every kind, lost answers, a killed worker, and messages that go wrong."""
    async with program(stage) as his, program(stage, PHARMACY) as shop:
        desk = TracingHospital(stage, FIRST, (his.call, his.call), lambda _: None)
        desk.trail = trail
        await with_voucher(desk, trail)
        await with_id_card(desk, trail)
        await inpatient(desk, trail)
        await lost(desk, trail)
        await held(stage, shop, trail)
        await killed(stage, desk, trail)
        trail.keys += list(his.told) + list(shop.told)
    await spoilt(stage)


async def with_voucher(desk: TracingHospital, trail: Trail) -> None:
    """Outpatient, with two tokens."""
    visit = await desk.welcome(EMPLOYEE, desk.token(EMPLOYEE))
    await visit.register()
    batch = await visit.charge([PILLS, CT])
    visit.shows(desk.token(EMPLOYEE))
    asked = await visit.settlement(batch, [PILLS, CT])
    assert (await visit.ask("2207", asked)).code == "ok"
    trail.visits.append(visit.mdtrt_id)


async def with_id_card(desk: TracingHospital, trail: Trail) -> None:
    """Outpatient with 1192; and once without it."""
    visit = await desk.welcome(RESIDENT, Credential("02", RESIDENT.certno))
    asked = await desk.outpatient(visit, [PILLS])
    assert (await visit.ask("2207", asked)).code == "identity_unchecked"
    await visit.verify_identity("2207")
    assert (await visit.ask("2207", asked)).code == "ok"
    trail.visits.append(visit.mdtrt_id)


async def inpatient(desk: TracingHospital, trail: Trail) -> None:
    """A stay of somebody insured in another province."""
    visit = await desk.with_card(ELSEWHERE)
    await visit.admit()
    await visit.upload([PILLS, CT])
    await visit.discharge()
    asked = await visit.final_settlement([PILLS, CT])
    assert (await visit.ask("2304", asked)).code == "ok"
    trail.visits.append(visit.mdtrt_id)


async def lost(desk: TracingHospital, trail: Trail) -> None:
    """Answers that do not come, or come as something else."""
    for fault in ("lose_answer", "html"):
        visit = await desk.with_card(SERVANT)
        asked = await desk.outpatient(visit, [PILLS])
        desk.fault("2207", fault)
        assert (await visit.ask("2207", asked)).code in {"adopted", "reversed", "not_done"}
        trail.visits.append(visit.mdtrt_id)


async def held(stage: BusStage, shop: Program, trail: Trail) -> None:
    """A purchase that waits for a person."""
    desk = hospital(stage, shop)
    visit = await desk.with_card(RETIRED)
    desk.fault("2102", "half_body")
    told = await visit.ask("2102", visit.purchase([PILLS]), key="planted-held")
    assert told.code == "held"
    trail.keys.append(told.key)


async def killed(stage: BusStage, desk: TracingHospital, trail: Trail) -> None:
    """A worker killed in the middle of a settlement."""
    visit = await desk.with_card(RETIRED)
    asked = await desk.outpatient(visit, [PILLS])
    before = len(await calls_of(stage, "2207", FIRST))
    desk.fault("2207", "delay", s=1.0)
    asking = asyncio.create_task(visit.ask("2207", asked))
    await seen(stage, "2207", before)
    stage.kill_workers()
    await asyncio.to_thread(stage.start_worker, "--log-level", "debug")
    assert (await asking).code == "adopted"
    trail.visits.append(visit.mdtrt_id)


async def spoilt(stage: BusStage) -> None:
    """Identities where none belong: in keys, headers, types, codes, transactions, no queue."""
    who = SERVANT
    async with raw_his(stage.his_url(FIRST), FIRST) as his:
        data = {"psn_no": who.psn_no, "mdtrt_cert_type": who.certno, "certno": [who.certno]}
        bad = frame("2207", {"data": data}, opter=who.certno * 3)
        await his.ask(bad, "2207", message_type=who.psn_no[:20])
        await his.ask(f'{{"certno": "{who.certno}", '.encode())
        await his.ask(frame(opter=[who.name], desk={who.certno: who.name}))
        await his.ask(frame(), who.certno)
        await his.ask(frame(), headers={"idempotency-key": f"{who.name} {who.certno}"})
        await his.ask(frame(), reply_to=who.certno)
        await his.ask(frame("2207", {who.certno: {who.name: who.card}}), "2207")
        nobody = f"{reply_queue(FIRST)}.nobody"
        key = request_key("1201", FIRST)
        await his.send(frame(opter_name=who.name), key, reply_to=nobody, message_id="planted-1")
    async with raw_his(stage.admin_url, FIRST) as admin:
        stranger = request_key("2207", "H99999999999")
        await admin.send(bad, stranger, message_id=who.certno)


def found(trail: Trail, text: str) -> set[str]:
    """Identities that stand in a text, also as JSON writes them."""
    shapes = {each: {each, each.encode("unicode_escape").decode()} for each in trail.identities}
    return {each for each, ways in shapes.items() if any(way in text for way in ways)}


def test_no_worker_logged_one(stage: BusStage, trail: Trail) -> None:
    logs = list(stage.base.glob("serve-*.log"))
    assert len(logs) >= 3
    for log in logs:
        assert found(trail, log.read_text("utf-8")) == set()


def test_the_journals_files_hold_none_in_the_clear(stage: BusStage, trail: Trail) -> None:
    files = sorted(stage.base.glob("journal.sqlite3*"))
    assert {file.suffix for file in files} >= {".sqlite3", ".sqlite3-wal"}
    for file in files:
        data = file.read_bytes()
        for identity in trail.identities:
            for encoding in ("utf-8", "gbk", "utf-16-le"):
                assert identity.encode(encoding) not in data, (file.name, encoding)


async def test_the_journal_knows_them_all_the_same(stage: BusStage, trail: Trail) -> None:
    """The search above finds nothing because it is sealed, not because it is not there."""
    async with journal_of(stage) as journal:
        records = [r for key in set(trail.keys) for r in await journal.find(FindBy(key=key))]
    known = {each for person in PEOPLE for each in (person.psn_no, person.certno, person.name)}
    assert found(trail, b"".join(each.request for each in records).decode()) >= known
    assert any(EMPLOYEE.name.encode() in each.reply for each in records)


async def test_the_figures_show_none(stage: BusStage, trail: Trail) -> None:
    page = await asyncio.to_thread(stage.start_measured_worker)
    await asyncio.to_thread(end, stage.workers.pop(0))
    await spoilt(stage)
    async with ClientSession() as session, session.get(page) as answer:
        text = await answer.text()
    assert 'yibao_requests_total{infno="other",status="invalid"}' in text
    assert found(trail, text) == set()


@pytest.mark.parametrize("style", [(), ("--json",)])
async def test_no_verb_shows_one(stage: BusStage, trail: Trail, style: tuple[str, ...]) -> None:
    def ask(*words: str) -> str:
        done = stage.yibao(*words, *style)
        assert done.returncode in (0, 1), done
        return done.stdout + done.stderr

    await until(lambda: parked(stage))
    commands = [("held",), ("doctor",), ("parked", "list"), ("trace", "planted-held")]
    commands += [("trace", visit) for visit in trail.visits[2:]]
    said = await asyncio.gather(*(asyncio.to_thread(ask, *words) for words in commands))
    assert len(said[3]) > 200
    assert found(trail, "\n".join(said)) == set()


async def parked(stage: BusStage) -> bool:
    """Whether the spoilt messages have been parked."""
    done = await asyncio.to_thread(stage.yibao, "parked", "list")
    return "unknown_tenant" in done.stdout and "reply_unroutable" in done.stdout


def test_no_secret_was_logged(stage: BusStage, trail: Trail) -> None:
    assert trail.keys
    keys = (stage.base / "journal-keys").read_text("utf-8").split()[1::2]
    secrets = [*keys, (stage.base / "broker-password").read_text("utf-8").strip()]
    for log in stage.base.glob("serve-*.log"):
        text = log.read_text("utf-8")
        assert [each for each in secrets if each in text] == []
