"""Who and what a call is about: checked against the books, and told back in its answer."""

import msgspec

from sandbox.facts import institutions
from sandbox.fields import Json
from sandbox.general.fill import Known, known
from sandbox.records import Insured, Person, Settlement, Visit
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call
from sandbox.transactions.persons import face, person_of


def subject(call: Call, asked: Known) -> Known:
    """The facts of the books about the person, the institution and the operator of a call."""
    facts = {
        "fixmedins_code": call.tenant,
        "fixmedins_name": call.envelope.fixmedins_name,
        "poolarea_no": call.envelope.mdtrtarea_admvs,
        "optins_no": call.envelope.mdtrtarea_admvs,
        "crte_optins_no": call.envelope.mdtrtarea_admvs,
        "vali_flag": "1",
    } | dict.fromkeys(("opt_time", "crte_time", "updt_time"), call.moment)
    for role in ("opter", "crter", "updter"):
        facts |= {f"{role}_id": call.envelope.opter, f"{role}_name": call.envelope.opter_name}
    for one in institutions():
        if one.fixmedins_code == call.tenant:
            facts |= {"hosp_lv": one.hosp_lv, "fixmedins_type": one.fixmedins_type}
    return known(facts | _person(call, asked))


def _person(call: Call, asked: Known) -> Json:
    person = None
    if asked.get("psnno"):
        person = person_of(call, {"psn_no": asked["psnno"]})
    elif asked.get("certno"):
        person = call.books.one(Person, "person_by_certno", certno=asked["certno"])
    if person is None:
        return {}
    insured = call.books.all(Insured, "insured_of", psn_no=person.psn_no)
    return _insurance(insured, asked) | face(person, call.today)


def _insurance(insured: list[Insured], asked: Known) -> Json:
    for row in sorted(insured, key=lambda one: one.insutype != asked.get("insutype")):
        return {
            "insutype": row.insutype,
            "psn_type": row.psn_type,
            "insuplc_admdvs": row.insuplc_admdvs,
            "emp_name": row.emp_name,
        }
    return {}


def check_row(call: Call, row: Known) -> None:
    """Refuses a row that contradicts the books. A visit the books do not know is none of ours:
    people who pay themselves are reported too."""
    psn_no, mdtrt_id = row.get("psnno"), row.get("mdtrtid")
    if psn_no and call.books.one(Person, "person", psn_no=psn_no) is None:
        raise RefusedError("person_unknown")
    visit = mdtrt_id and call.books.one(Visit, "visit", mdtrt_id=mdtrt_id, tenant=call.tenant)
    if visit and psn_no and visit.psn_no != psn_no:
        raise RefusedError("visit_person")


def money_of(call: Call, asked: Known) -> Known:
    """The settlement or visit a query names; one that is not in the books is refused."""
    told: Known = {}
    if asked.get("setlid"):
        entry = call.books.one(Settlement, "settlement", setl_id=asked["setlid"])
        if entry is None or entry.tenant != call.tenant:
            raise RefusedError("settlement_unknown")
        told = _settlement(entry)
    if asked.get("mdtrtid"):
        visit = call.books.one(Visit, "visit", mdtrt_id=asked["mdtrtid"], tenant=call.tenant)
        if visit is None:
            raise RefusedError("visit_unknown")
        times = {"begntime": visit.begntime, "endtime": visit.endtime or visit.begntime}
        told = told | known(visit.facts() | times | {"ipt_otp_no": visit.ipt_otp_no})
    return told


def _settlement(entry: Settlement) -> Known:
    money: Json = msgspec.json.decode(entry.amounts)
    money |= {"psn_pay": money.get("psn_part_amt"), "cash_payamt": money.get("psn_cash_pay")}
    names = ("setl_id", "mdtrt_id", "psn_no", "insutype", "med_type", "setl_time", "year")
    return known(money | {name: getattr(entry, name) for name in names})
