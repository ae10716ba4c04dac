"""Workers in this process: a journal in memory, a centre that says what the test scripts, and a
clock that the test moves. For what no real part can show: time, and exact moments."""

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bus.broker.memory import MemoryBroker
from bus.clock import Clock
from bus.config.settings import GatewaySettings, InstitutionSettings, WorkerSettings
from bus.gateway.port import Answered, GatewayCall, Outcome
from bus.gm import Keyring
from bus.journal.memory import MemoryJournal
from bus.journal.port import FindBy, Journal
from bus.lifecycle.record import Record
from bus.metrics import Metrics
from bus.topology import declaration
from consumers.centre import Centre
from consumers.context import Context, Stopping
from consumers.institution import Institution
from consumers.keeper import Keeper
from consumers.kept import Asked, KeptRequests, Told, is_kept
from consumers.msgids import MsgidPool
from consumers.order import Order
from consumers.plain import PlainRequests
from consumers.replies import Replier
from consumers.resolver import Resolver
from consumers.sessions import Sessions
from consumers.sweeper import Sweeper
from producers.wire import Answer, read_reply
from schemas.catalogue import load
from schemas.views import keys_of
from tests.gateway.gateway_manual_clock import ManualClock

TENANT = "H53010200001"
NOON_MS = 1_764_043_200_000
"""2025-11-25 12:00:00 on the centre's clock."""
PATIENT = "53990000000000000001"
CATALOGUE = load("yunnan", {"where": {"1101": "centre", "1192": "centre"}})
KEYS = Keyring.from_text("k1 " + "5a" * 32)

_numbers = itertools.count(1)
Say = Callable[[dict[str, Any]], Awaitable[Outcome] | Outcome]
"""The envelope of a call -> what comes of it."""


def accepted(output: Any, **head: Any) -> Answered:
    """infcode 0 with an output."""
    return _answered({"infcode": "0", "output": output, "err_msg": "", **head})


def refused(err_msg: str, infcode: str = "-1") -> Answered:
    """A no of the centre."""
    return _answered({"infcode": infcode, "output": None, "err_msg": err_msg})


def _answered(answer: dict[str, Any]) -> Answered:
    body = json.dumps(answer, ensure_ascii=False).encode()
    return Answered(http_status=200, content_type="application/json", body=body)


def settlement(envelope: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The output of a settling call: 100 yuan, of which the fund pays 80; it closes to the cent."""
    info = {
        "psn_no": PATIENT,
        "setl_id": "S1",
        "mdtrt_id": "V1",
        "medins_setl_id": envelope["msgid"],
        "medfee_sumamt": "100.00",
        "fulamt_ownpay_amt": "0.00",
        "overlmt_selfpay": "0.00",
        "preselfpay_amt": "0.00",
        "inscp_scp_amt": "100.00",
        "hifp_pay": "80.00",
        "fund_pay_sumamt": "80.00",
        "psn_part_amt": "20.00",
        "acct_pay": "15.00",
        "psn_cash_pay": "5.00",
        "hosp_part_amt": "0.00",
        "balc": "10.00",
    }
    funds = [{"fund_pay_type": "310100", "fund_payamt": changed.pop("fund_payamt", "80.00")}]
    return {"setlinfo": {**info, **changed}, "setldetail": funds}


class ScriptedCentre:
    """A gateway. Each infno has a queue of things to say; when it is empty, the usual answer."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._script: dict[str, list[Say]] = {}
        self._always: dict[str, Say] = {}

    def will(self, infno: str, *says: Say | Outcome) -> None:
        """What the next calls of ``infno`` get, in this order."""
        lines = self._script.setdefault(infno, [])
        lines += [say if callable(say) else _saying(say) for say in says]

    def always(self, infno: str, say: Say | Outcome) -> None:
        """What all calls of ``infno`` get that the script does not provide for."""
        self._always[infno] = say if callable(say) else _saying(say)

    def heard(self, infno: str) -> list[dict[str, Any]]:
        """The calls of one transaction."""
        return [call for call in self.calls if call["infno"] == infno]

    async def call(self, call: GatewayCall) -> Outcome:
        """See ``bus.gateway.port.Gateway``."""
        envelope = json.loads(call.body)
        self.calls.append(envelope)
        waiting = self._script.get(call.infno)
        say = waiting.pop(0) if waiting else self._always.get(call.infno, self._usual)
        said = say(envelope)
        return said if isinstance(said, Outcome) else await said

    async def close(self) -> None:
        """See the port."""

    def _usual(self, envelope: dict[str, Any]) -> Outcome:
        match envelope["infno"]:
            case "9001":
                number = f"SIGN{next(_numbers)}"
                return accepted({"signinoutb": {"sign_no": number, "sign_time": ""}})
            case "2207" | "2304":
                return accepted(settlement(envelope))
            case "5204":
                return accepted([])
            case _:
                return accepted({})


def _saying(outcome: Outcome) -> Say:
    return lambda _: outcome


class Parts:
    """One worker's parts; several share ``journal``, ``centre`` and ``clock``."""

    def __init__(
        self,
        centre: ScriptedCentre,
        clock: Clock | None = None,
        journal: Journal | None = None,
        owner: str = "worker-a",
        patience_s: float = 25.0,
    ) -> None:
        self.clock = clock or ManualClock(NOON_MS)
        self.journal: Journal = journal or MemoryJournal()
        self.metrics = Metrics()
        gateway_settings = GatewaySettings(url="http://127.0.0.1/", centre_s=600.0)
        self.institution = Institution(
            code=TENANT,
            settings=InstitutionSettings(name="示例市第一医院", gateway="centre"),
            catalogue=CATALOGUE,
            gateway=centre,
            gateway_settings=gateway_settings,
        )
        self.broker = MemoryBroker(declaration({"2207": "call"}, (TENANT,)))
        asks, msgids = Centre(self.clock, self.metrics), MsgidPool(self.journal, self.clock)
        self.context = Context(
            owner=owner,
            settings=WorkerSettings(patience_s=patience_s),
            clock=self.clock,
            journal=self.journal,
            institutions={TENANT: self.institution},
            centre=asks,
            sessions=Sessions(self.journal, asks, msgids, self.clock, owner),
            msgids=msgids,
            replier=Replier(self.broker, self.metrics),
            metrics=self.metrics,
            digest=KEYS.digest,
            stopping=Stopping(),
        )
        keeper = Keeper(self.context)
        self.resolver = Resolver(self.context, keeper)
        self.kept = KeptRequests(self.context, keeper, self.resolver)
        self.plain = PlainRequests(self.context)
        self.sweeper = Sweeper(self.context, self.resolver, self.broker)

    async def open(self) -> None:
        """Make a journal in memory ready; any other is its test's to open."""
        if isinstance(self.journal, MemoryJournal):
            await self.journal.open()

    def order(self, infno: str, data: Any, **changed: Any) -> Order:
        """A request as it came through the door."""
        now_ms = self.clock.now_ms()
        plain = Order(
            tenant=TENANT,
            infno=infno,
            key=f"key-{next(_numbers)}",
            input=msgspec.Raw(json.dumps(data).encode()),
            opter="0001",
            insuplc_admdvs="530102",
            deadline_ms=now_ms + 60_000,
            received_ms=now_ms,
        )
        return msgspec.structs.replace(plain, **changed)

    async def answer(self, order: Order) -> Answer:
        """What the HIS would be told."""
        await self.open()
        transaction = CATALOGUE[order.infno]
        checked = transaction.check(bytes(order.input))
        keys = keys_of(checked.input)
        asked = Asked(order, self.institution, transaction, checked.input, keys, checked.faults)
        requests = self.kept if is_kept(transaction) else self.plain
        told: Told = await requests.answer(asked)
        return read_reply(told.body, order.key)

    async def ask(self, infno: str, data: Any, **changed: Any) -> Answer:
        """One request, answered."""
        return await self.answer(self.order(infno, data, **changed))

    async def record(self, key: str) -> Record:
        """What the journal holds of a request."""
        (record,) = await self.journal.find(FindBy(tenant=TENANT, key=key))
        return record

    async def steps(self, key: str) -> list[str]:
        """The events of its story."""
        return [line.what for line in await self.journal.story(TENANT, key)]


def settle(cert_type: str = "03", cert_no: str = "SBX000001", **changed: Any) -> dict[str, Any]:
    """Input of 2207: 100 yuan."""
    data = {
        "psn_no": PATIENT,
        "mdtrt_cert_type": cert_type,
        "mdtrt_cert_no": cert_no,
        "card_sn": "SBXSN00000001",
        "psn_cert_type": "01",
        "certno": "539900198503120030",
        "psn_type": "1101",
        "psn_name": "测试甲职工",
        "med_type": "11",
        "medfee_sumamt": "100.00",
        "psn_setlway": "01",
        "mdtrt_id": f"V{next(_numbers)}",
        "chrg_bchno": "B1",
        "insutype": "310",
        "acct_used_flag": "1",
        "invono": "INV1",
        "fulamt_ownpay_amt": "0.00",
        "overlmt_selfpay": "0.00",
        "preselfpay_amt": "0.00",
        "inscp_scp_amt": "100.00",
    }
    return {"data": {**data, **changed}}
