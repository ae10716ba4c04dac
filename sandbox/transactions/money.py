"""Money in the books: compute a settlement, post it, undo it, bring it back."""

from decimal import Decimal

import msgspec

from sandbox.facts import plan, plans
from sandbox.fields import Json, amount, maybe, text
from sandbox.records import Insured, Person, Settlement, Used, Visit
from sandbox.refusals import RefusedError
from sandbox.rules.arithmetic import (
    Money,
    Plan,
    Split,
    Standing,
    add,
    from_fen,
    settle,
    shares,
    to_fen,
)
from sandbox.transactions.call import Call
from sandbox.transactions.persons import distance, face

ASSISTED = "23"
"""psn_idet_type of a person with medical assistance."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be settled and for whom; ``visit`` is None for a pharmacy purchase not yet
    posted."""

    person: Person
    insured: Insured
    kind: str
    med_type: str
    data: Json
    splits: tuple[Split, ...]
    numbers: tuple[str, ...] = ()
    visit: Visit | None = None
    chrg_bchno: str = ""
    mid_setl_flag: str = "0"

    @property
    def mdtrt_id(self) -> str:
        """The visit's number, empty while there is none."""
        return self.visit.mdtrt_id if self.visit else ""


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """A bill with its amounts."""

    bill: Bill
    plan: Plan
    money: Money


def compute(call: Call, bill: Bill) -> Computed:
    """The amounts of a bill; refuses a told total that differs from the rows by a cent."""
    if not bill.splits:
        raise RefusedError("nothing_to_settle")
    total = add(bill.splits)
    told = amount(bill.data, "medfee_sumamt", 2)
    if told != total.amount:
        raise RefusedError("sum_mismatch", told=f"{told:.2f}", found=str(total.amount))
    if min(total.amount, total.own, total.over, total.pre, total.scope) < 0:
        raise RefusedError("sum_negative")
    fund = plan(bill.insured.insutype, bill.kind, bill.med_type)
    flag = maybe(bill.data, "acct_used_flag") or "0"
    if flag not in {"0", "1", "2"}:
        raise RefusedError("field_format", field="acct_used_flag")
    money = settle(total, fund, _standing(call, bill, fund), flag)
    return Computed(bill=bill, plan=fund, money=money)


def _standing(call: Call, bill: Bill, fund: Plan) -> Standing:
    insured, year = bill.insured, call.today[:4]
    used = (
        call.books.one(Used, "used", psn_no=insured.psn_no, insutype=insured.insutype, year=year)
        or Used()
    )
    dedc_fen = used.dedc_fen
    if fund.deductible_scope == "stay":
        dedc_fen = call.books.number("stay_dedc", mdtrt_id=bill.mdtrt_id)
    idents: list[Json] = msgspec.json.decode(bill.person.identities)
    return Standing(
        psn_type=insured.psn_type,
        dedc_used=from_fen(dedc_fen),
        pooled=from_fen(used.pooled_fen),
        balance=from_fen(insured.balance_fen),
        mutual_aid=from_fen(insured.mutual_fen),
        civil_servant=insured.cvlserv_flag == "1",
        assisted=any(row.get("psn_idet_type") == ASSISTED for row in idents),
        away=distance(call, insured) != "local",
    )


def post(call: Call, computed: Computed, mdtrt_id: str) -> str:
    """Write the settlement and move balance and accumulators; its setl_id."""
    bill, money = computed.bill, computed.money
    pooled = money.hifp_pay
    setl_id = f"SBXS{call.books.serial('setl_id'):016d}"
    yearly = computed.plan.deductible_scope == "year"
    entry: dict[str, str | int] = {
        "setl_id": setl_id,
        "infno": call.infno,
        "tenant": call.tenant,
        "msgid": call.msgid,
        "mdtrt_id": mdtrt_id,
        "psn_no": bill.person.psn_no,
        "insutype": bill.insured.insutype,
        "chrg_bchno": bill.chrg_bchno,
        "med_type": bill.med_type,
        "mid_setl_flag": bill.mid_setl_flag,
        "setl_time": call.moment,
        "year": call.today[:4],
        "amounts": _json(amounts_of(money)),
        "shares": _json(details_of(computed)),
        "info": _json(_info(call, bill)),
        "dedc_fen": to_fen(money.act_pay_dedc),
        "year_dedc_fen": to_fen(money.act_pay_dedc) if yearly else 0,
        "pooled_fen": to_fen(pooled),
        "own_fen": to_fen(money.acct_pay - money.acct_mulaid_pay),
        "mutual_fen": to_fen(money.acct_mulaid_pay),
        "counter_of": "",
    }
    call.books.run("settlement_add", **entry)
    found = call.books.one(Settlement, "settlement", setl_id=setl_id)
    if found is None:
        raise LookupError("a settlement just written is gone")
    _move(call, found, spend=True)
    return setl_id


def _info(call: Call, bill: Bill) -> Json:
    return {
        "rows": list(bill.numbers),
        "kind": bill.kind,
        "mdtrt_cert_type": maybe(bill.data, "mdtrt_cert_type"),
        "invono": maybe(bill.data, "invono"),
        "dise_codg": maybe(bill.data, "dise_codg"),
        "dise_name": maybe(bill.data, "dise_name"),
        "opter_id": call.envelope.opter,
        "opter_name": call.envelope.opter_name,
        "opt_time": call.moment,
        "fixmedins_name": call.envelope.fixmedins_name,
        "clr_optins": bill.insured.insuplc_admdvs,
        "clr_type": plans().clr_types[bill.kind],
        "distance": distance(call, bill.insured),
    }


def _move(call: Call, entry: Settlement, *, spend: bool) -> None:
    sign = -1 if spend else 1
    who = {"psn_no": entry.psn_no, "insutype": entry.insutype}
    call.books.run(
        "account_move", own_fen=sign * entry.own_fen, mutual_fen=sign * entry.mutual_fen, **who
    )
    call.books.run(
        "used_move" if spend else "used_back",
        year=entry.year,
        dedc_fen=entry.year_dedc_fen,
        pooled_fen=entry.pooled_fen,
        **who,
    )


def settlement_of(call: Call, data: Json, person: Person) -> Settlement:
    """The settlement (not a counter entry) named by setl_id, of this institution and person."""
    found = call.books.one(Settlement, "settlement", setl_id=text(data, "setl_id"))
    if found is None or found.tenant != call.tenant or found.psn_no != person.psn_no:
        raise RefusedError("settlement_unknown")
    if found.counter_of or found.mdtrt_id != text(data, "mdtrt_id"):
        raise RefusedError("settlement_unknown")
    return found


def undo(call: Call, original: Settlement) -> Settlement:
    """Undo a live settlement: a counter entry with negative amounts, the money moved back."""
    counter_id = f"SBXS{call.books.serial('setl_id'):016d}"
    taken = msgspec.structs.asdict(original) | {
        "setl_id": counter_id,
        "infno": call.infno,
        "msgid": call.msgid,
        "setl_time": call.moment,
        "amounts": _json(_negated(msgspec.json.decode(original.amounts))),
        "shares": _json([_negated(row) for row in msgspec.json.decode(original.shares)]),
        "counter_of": original.setl_id,
    }
    taken.pop("live")
    taken.pop("undone_by")
    call.books.run("settlement_add", **taken)
    call.books.run("settlement_mark", setl_id=original.setl_id, live=0, undone_by=call.msgid)
    _move(call, original, spend=False)
    counter = call.books.one(Settlement, "settlement", setl_id=counter_id)
    if counter is None:
        raise LookupError("a counter entry just written is gone")
    return counter


def restore(call: Call, counter: Settlement) -> Settlement:
    """Undo a cancel: the original settlement counts again, the money moves once more."""
    original = call.books.one(Settlement, "settlement", setl_id=counter.counter_of)
    if original is None:
        raise LookupError("a counter entry without its settlement")
    insured = call.books.one(Insured, "insured", psn_no=original.psn_no, insutype=original.insutype)
    if insured is None or insured.balance_fen < original.own_fen:
        raise RefusedError("balance_short")
    if insured.mutual_fen < original.mutual_fen:
        raise RefusedError("balance_short")
    call.books.run("settlement_mark", setl_id=counter.setl_id, live=0, undone_by=call.msgid)
    call.books.run("settlement_mark", setl_id=original.setl_id, live=1, undone_by="")
    _move(call, original, spend=True)
    return original


def amounts_of(money: Money) -> Json:
    """The amounts as texts with two decimals."""
    return {name: str(value) for name, value in msgspec.structs.asdict(money).items()}


def details_of(computed: Computed) -> list[Json]:
    """The rows of setldetail."""
    table = plans()
    return [
        {
            "fund_pay_type": code,
            "inscp_scp_amt": str(computed.money.inscp_scp_amt),
            "crt_payb_lmt_amt": str(value),
            "fund_payamt": str(value),
            "fund_pay_type_name": table.fund_pay_names.get(code, ""),
            "setl_proc_info": "",
        }
        for code, value in shares(computed.money, computed.plan, table.fund_pay_types)
    ]


def _negated(row: Json) -> Json:
    return {
        name: value if name.endswith(("type", "name", "info")) else str(-Decimal(value))
        for name, value in row.items()
    }


def head(call: Call, computed: Computed, mdtrt_id: str, setl_id: str = "") -> Json:
    """setlinfo of a settlement or, without ``setl_id``, of a forecast."""
    bill = computed.bill
    said = {"mdtrt_id": mdtrt_id} | ({"setl_id": setl_id} if setl_id else {})
    money = amounts_of(computed.money)
    if bill.kind == "pharmacy":
        money.pop("hosp_part_amt")
    return (
        said
        | face(bill.person, call.today)
        | {
            "insutype": bill.insured.insutype,
            "psn_type": bill.insured.psn_type,
            "cvlserv_flag": bill.insured.cvlserv_flag,
            "setl_time": call.moment,
            "mdtrt_cert_type": maybe(bill.data, "mdtrt_cert_type"),
            "med_type": bill.med_type,
        }
        | money
        | {
            "pool_prop_selfpay": "0.0000",
            "medins_setl_id": call.msgid,
            "clr_optins": bill.insured.insuplc_admdvs,
            "clr_way": "1",
            "clr_type": plans().clr_types[bill.kind],
        }
    )


def counter_head(call: Call, counter: Settlement) -> Json:
    """setlinfo of a cancel: the counter entry with its own setl_id; balc is the balance now."""
    money: Json = msgspec.json.decode(counter.amounts)
    info: Json = msgspec.json.decode(counter.info)
    insured = call.books.one(Insured, "insured", psn_no=counter.psn_no, insutype=counter.insutype)
    money["balc"] = str(from_fen(insured.balance_fen if insured else 0))
    if info["kind"] == "pharmacy":
        money.pop("hosp_part_amt")
    return (
        {
            "mdtrt_id": counter.mdtrt_id,
            "setl_id": counter.setl_id,
            "clr_optins": info["clr_optins"],
            "setl_time": counter.setl_time,
        }
        | money
        | {"pool_prop_selfpay": "0.0000", "medins_setl_id": call.msgid}
    )


def counter_reply(call: Call, counter: Settlement) -> Json:
    """The whole output of 2103, 2208 and 2305."""
    return {
        "setlinfo": counter_head(call, counter),
        "setldetail": msgspec.json.decode(counter.shares),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
