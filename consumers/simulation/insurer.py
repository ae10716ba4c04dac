"""The centre's books and rules, as small as they can be and still be wrong in all that matters.

It keeps effects: what a message did, and whether that still stands. It shares nothing with the
code it judges but the envelope. Everybody in it is invented.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from bus.clock import centre_day
from consumers.simulation.ground import Ground

SETTLING = ("2207", "2304", "2102")
CANCELLING = ("2208", "2305", "2103")
AMOUNTS = {
    "medfee_sumamt": "10.00",
    "fulamt_ownpay_amt": "0.00",
    "overlmt_selfpay": "0.00",
    "preselfpay_amt": "0.00",
    "inscp_scp_amt": "10.00",
    "hifp_pay": "6.00",
    "fund_pay_sumamt": "6.00",
    "psn_part_amt": "4.00",
    "acct_pay": "0.00",
    "psn_cash_pay": "4.00",
    "hosp_part_amt": "0.00",
}
"""Every settlement is the same: who pays what is not what is simulated."""

Json = dict[str, Any]


class NoError(Exception):
    """The centre refuses; its words."""


class Effect(msgspec.Struct, kw_only=True):
    """What one message did. ``live`` while it stands; ``undone_by`` is the msgid that undid it."""

    msgid: str
    infno: str
    tenant: str
    at_us: int
    content: bytes
    visit: str = ""
    batch: str = ""
    target: str = ""
    """msgid of the effect this one undoes."""
    setl_id: str = ""
    name: str = ""
    """What the request is about, in the hospital's own numbers: see ``name_of``."""
    live: bool = True
    undone_by: str = ""


class Visit(msgspec.Struct, kw_only=True):
    """A visit; ``rows``: feedetl_sn -> setl_id."""

    mdtrt_id: str
    psn_no: str
    ipt_otp_no: str
    by: str = ""
    """msgid that opened it."""
    inpatient: bool = False
    live: bool = True
    rows: dict[str, str] = msgspec.field(default_factory=dict)


class Envelope(msgspec.Struct):
    """What the centre reads of a request."""

    infno: str
    msgid: str
    fixmedins_code: str
    opter: str
    sign_no: str
    input: msgspec.Raw


def name_of(infno: str, data: Json) -> str:
    """By which a look recognises what has no msgid at the centre: numbers of the hospital's own."""
    if infno in ("2201", "2401"):
        row = data["data"] if infno == "2201" else data["mdtrtinfo"]
        return str(row.get("ipt_otp_no") or row.get("ipt_no"))
    if infno in ("2204", "2301"):
        return ",".join(row["feedetl_sn"] for row in data["feedetail"])
    if infno == "2202":
        return str(data["data"]["mdtrt_id"])
    return str(data["data"]["setl_id"]) if infno in CANCELLING else ""


class Insurer:
    """Books that change only in ``carry_out``."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._numbers = count(1)
        self.effects: dict[str, Effect] = {}
        self.visits: dict[str, Visit] = {}
        self._signs: dict[tuple[str, str, str], str] = {}
        self._signed_out: set[str] = set()
        self.on_effect: Callable[[Effect], None] = lambda effect: None

    def open_visit(self, psn_no: str, rows: tuple[str, ...], inpatient: bool) -> Visit:
        """A visit from before the history; the bus has not seen it open."""
        visit = self._new_visit("", psn_no, f"OLD{psn_no}", inpatient)
        visit.rows = dict.fromkeys(rows, "")
        return visit

    def forget_sign_ins(self) -> None:
        """As after a restart of the centre's component: the numbers given out are void."""
        self._signs.clear()

    def settlement(self, setl_id: str) -> Effect | None:
        """The settlement of this number, standing or not."""
        found = (one for one in self.effects.values() if setl_id and one.setl_id == setl_id)
        return next(found, None)

    def live_settlements(self) -> list[Effect]:
        """Settlements that stand."""
        return [one for one in self.effects.values() if one.live and one.infno in SETTLING]

    def check(self, envelope: Envelope) -> None:
        """The rules, without doing anything; raises ``NoError``."""
        self._sign_in_holds(envelope)
        data = msgspec.json.decode(envelope.input)
        rule = getattr(self, f"_may_{envelope.infno}", None) or self._rule_of(envelope.infno)
        if rule is not None:
            rule(envelope, data)

    def carry_out(self, envelope: Envelope) -> Json:
        """Do what is asked, whatever the rules say (they were applied before)."""
        data = msgspec.json.decode(envelope.input)
        infno = envelope.infno
        if infno in SETTLING:
            return self._settle(envelope, data)
        if infno in CANCELLING:
            return self._cancel(envelope, data)
        done: Json = getattr(self, f"_do_{infno}")(envelope, data)
        return done

    # -- rules -----------------------------------------------------------------------------------

    def _rule_of(self, infno: str) -> Callable[[Envelope, Json], None] | None:
        if infno in SETTLING:
            return self._may_settle
        return self._may_cancel if infno in CANCELLING else None

    def _sign_in_holds(self, envelope: Envelope) -> None:
        if envelope.infno in ("9001", "9002"):
            return
        who = self._who(envelope)
        if not envelope.sign_no or self._signs.get(who) != envelope.sign_no:
            raise NoError("签到编号无效，请重新签到")

    def _who(self, envelope: Envelope) -> tuple[str, str, str]:
        day = centre_day(self._ground.wall_ms())
        return (envelope.fixmedins_code, envelope.opter, day)

    def _may_9001(self, envelope: Envelope, data: Json) -> None:
        if "|".join(self._who(envelope)) in self._signed_out:
            raise NoError("操作员今日已签退")

    def _may_2201(self, envelope: Envelope, data: Json) -> None:
        self._not_twice(envelope, "该门诊号已登记")

    def _may_2401(self, envelope: Envelope, data: Json) -> None:
        self._not_twice(envelope, "该住院号已登记")

    def _may_2204(self, envelope: Envelope, data: Json) -> None:
        self._visit(data["feedetail"][0]["mdtrt_id"])
        self._not_twice(envelope, "明细流水号重复")

    _may_2301 = _may_2204

    def _may_2203(self, envelope: Envelope, data: Json) -> None:
        self._visit(data["mdtrtinfo"]["mdtrt_id"])

    def _may_2402(self, envelope: Envelope, data: Json) -> None:
        self._visit(data["dscginfo"]["mdtrt_id"])

    def _may_2202(self, envelope: Envelope, data: Json) -> None:
        if not self.visits[data["data"]["mdtrt_id"]].live:
            strict = self._ground.traits.strict
            raise NoError("当前就诊状态不允许办理" if strict else "该挂号已撤销")

    def _may_settle(self, envelope: Envelope, data: Json) -> None:
        self._not_twice(envelope, "该批次已结算")
        if envelope.infno == "2102":
            return
        row = data["data"]
        self._visit(row["mdtrt_id"])
        batch = row.get("chrg_bchno", "")
        for effect in self.live_settlements():
            if (effect.visit, effect.batch) != (row["mdtrt_id"], batch):
                continue
            if self._ground.traits.strict or effect.content != bytes(envelope.input):
                raise NoError("该批次已结算")

    def _may_cancel(self, envelope: Envelope, data: Json) -> None:
        effect = self._settlement(data["data"]["setl_id"])
        if not effect.live:
            raise NoError("该结算已撤销")

    def _may_2601(self, envelope: Envelope, data: Json) -> None:
        asked = data["data"]
        effect = self.effects.get(asked["omsgid"])
        if effect is None or effect.infno != asked["oinfno"]:
            raise NoError("未找到需要冲正的交易")
        if not effect.live:
            raise NoError("该交易已冲正")
        if effect.infno in CANCELLING:
            target = self.effects[effect.target]
            if any(self._same_claim(target, one) for one in self.live_settlements()):
                raise NoError("该批次已重新结算，不能冲正")

    def _not_twice(self, envelope: Envelope, words: str) -> None:
        """A strict centre knows a request it has carried out, whatever its number."""
        if not self._ground.traits.strict:
            return
        content = bytes(envelope.input)
        for effect in self.effects.values():
            if effect.live and effect.infno == envelope.infno and effect.content == content:
                raise NoError(words)

    @staticmethod
    def _same_claim(one: Effect, other: Effect) -> bool:
        return (one.visit, one.batch) == (other.visit, other.batch)

    def _visit(self, mdtrt_id: str) -> Visit:
        visit = self.visits.get(mdtrt_id)
        if visit is None or not visit.live:
            raise NoError("未查询到就诊信息")
        return visit

    def _settlement(self, setl_id: str) -> Effect:
        found = self.settlement(setl_id)
        if found is None:
            raise NoError("未查询到结算信息")
        return found

    # -- what is done ----------------------------------------------------------------------------

    def _keep(self, envelope: Envelope, **fields: Any) -> Effect:
        effect = Effect(
            msgid=envelope.msgid,
            infno=envelope.infno,
            tenant=envelope.fixmedins_code,
            at_us=self._ground.loop.now_us,
            content=bytes(envelope.input),
            name=name_of(envelope.infno, msgspec.json.decode(envelope.input)),
            **fields,
        )
        self.effects[envelope.msgid] = effect
        self.on_effect(effect)
        return effect

    def _new_visit(self, by: str, psn_no: str, number: str, inpatient: bool) -> Visit:
        mdtrt_id = f"M{next(self._numbers):06d}"
        self.visits[mdtrt_id] = Visit(
            mdtrt_id=mdtrt_id, psn_no=psn_no, ipt_otp_no=number, by=by, inpatient=inpatient
        )
        return self.visits[mdtrt_id]

    def _do_9001(self, envelope: Envelope, data: Json) -> Json:
        self._may_9001(envelope, data)
        who = self._who(envelope)
        number = self._signs.setdefault(who, f"S{next(self._numbers):08d}")
        return {"signinoutb": {"sign_no": number, "sign_time": ""}}

    def _do_9002(self, envelope: Envelope, data: Json) -> Json:
        for who, number in list(self._signs.items()):
            if number == data["signOut"]["sign_no"]:
                del self._signs[who]
                self._signed_out.add("|".join(who))
        return {"signoutoutb": {"sign_time": ""}}

    def _do_2201(self, envelope: Envelope, data: Json) -> Json:
        row = data["data"]
        visit = self._new_visit(envelope.msgid, row["psn_no"], row["ipt_otp_no"], False)
        self._keep(envelope, visit=visit.mdtrt_id)
        named = {"psn_no": visit.psn_no, "ipt_otp_no": visit.ipt_otp_no}
        return {"data": {"mdtrt_id": visit.mdtrt_id, **named}}

    def _do_2401(self, envelope: Envelope, data: Json) -> Json:
        row = data["mdtrtinfo"]
        visit = self._new_visit(envelope.msgid, row["psn_no"], row["ipt_no"], True)
        self._keep(envelope, visit=visit.mdtrt_id)
        return {"result": {"mdtrt_id": visit.mdtrt_id}}

    def _do_2202(self, envelope: Envelope, data: Json) -> Json:
        visit = self.visits[data["data"]["mdtrt_id"]]
        visit.live = False
        self._keep(envelope, visit=visit.mdtrt_id)
        return {}

    def _do_2203(self, envelope: Envelope, data: Json) -> Json:
        self._keep(envelope, visit=data["mdtrtinfo"]["mdtrt_id"])
        return {}

    def _do_2402(self, envelope: Envelope, data: Json) -> Json:
        self._keep(envelope, visit=data["dscginfo"]["mdtrt_id"])
        return {}

    def _do_2204(self, envelope: Envelope, data: Json) -> Json:
        visit = self.visits[data["feedetail"][0]["mdtrt_id"]]
        for row in data["feedetail"]:
            visit.rows.setdefault(row["feedetl_sn"], "")
        self._keep(envelope, visit=visit.mdtrt_id)
        return {"result": [{"feedetl_sn": row["feedetl_sn"]} for row in data["feedetail"]]}

    _do_2301 = _do_2204

    def _settle(self, envelope: Envelope, data: Json) -> Json:
        setl_id = f"L{next(self._numbers):06d}"
        if envelope.infno == "2102":
            info = data["druginfo"]
            visit = self._new_visit(envelope.msgid, info["psn_no"], "", False)
            visit.rows = {row["feedetl_sn"]: "" for row in data["drugdetail"]}
            batch = ""
        else:
            info = data["data"]
            visit, batch = self.visits[info["mdtrt_id"]], info.get("chrg_bchno", "")
        visit.rows = dict.fromkeys(visit.rows, setl_id)
        effect = self._keep(envelope, visit=visit.mdtrt_id, batch=batch, setl_id=setl_id)
        return {"setlinfo": self._setlinfo(effect), "setldetail": []}

    def _setlinfo(self, effect: Effect) -> Json:
        visit = self.visits[effect.visit]
        return {
            "psn_no": visit.psn_no,
            "mdtrt_id": effect.visit,
            "setl_id": effect.setl_id,
            "medins_setl_id": effect.msgid,
            **AMOUNTS,
        }

    def _cancel(self, envelope: Envelope, data: Json) -> Json:
        target = self._settlement(data["data"]["setl_id"])
        effect = self._keep(envelope, visit=target.visit, target=target.msgid)
        self._undo(target, envelope.msgid)
        return {"setlinfo": {**self._setlinfo(target), "setl_id": f"C{effect.msgid[-6:]}"}}

    def _do_2601(self, envelope: Envelope, data: Json) -> Json:
        target = self.effects[data["data"]["omsgid"]]
        self._undo(target, envelope.msgid)
        if target.infno in CANCELLING:
            settled = self.effects[target.target]
            settled.live, settled.undone_by = True, ""
        self._keep(envelope, visit=target.visit, target=target.msgid)
        return {}

    def _undo(self, effect: Effect, by: str) -> None:
        effect.live, effect.undone_by = False, by
        visit = self.visits[effect.visit]
        if effect.infno == "2401":
            visit.live = False
        if effect.setl_id and self._ground.traits.rows_forget:
            for number, setl_id in visit.rows.items():
                if setl_id == effect.setl_id:
                    visit.rows[number] = ""

    # -- queries ---------------------------------------------------------------------------------

    def _do_2206(self, envelope: Envelope, data: Json) -> Json:
        return {"setlinfo": AMOUNTS}

    _do_2303 = _do_2206

    def _do_5201(self, envelope: Envelope, data: Json) -> Json:
        return {"mdtrtinfo": self._visits_of(data, inpatient=None)}

    def _do_5303(self, envelope: Envelope, data: Json) -> Json:
        return {"data": self._visits_of(data, inpatient=True)}

    def _visits_of(self, data: Json, inpatient: bool | None) -> list[Json]:
        psn_no = data["data"].get("psn_no")
        return [
            {"mdtrt_id": one.mdtrt_id, "psn_no": one.psn_no, "ipt_otp_no": one.ipt_otp_no}
            for one in self.visits.values()
            if one.live and one.psn_no == psn_no and inpatient in (None, one.inpatient)
        ]

    def _do_5203(self, envelope: Envelope, data: Json) -> Json:
        effect = self._settlement(data["data"]["setl_id"])
        flag = "0" if effect.live else "1"
        return {"setlinfo": {**self._setlinfo(effect), "refd_setl_flag": flag}, "setldetail": []}

    def _do_5204(self, envelope: Envelope, data: Json) -> Json:
        mdtrt_id = data["data"]["mdtrt_id"]
        rows = self._visit(mdtrt_id).rows
        listed = [
            {"feedetl_sn": number, "mdtrt_id": mdtrt_id, "setl_id": setl_id}
            for number, setl_id in rows.items()
        ]
        return {"data": listed}
