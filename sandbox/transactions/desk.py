"""1191 and 1192 as a workstation component would answer them: the reader is simulated.

Who stands at the desk is set by the admin address (``POST /desk``), or named in ``extData`` of the
1191 by psn_no; without either it is the first person of the books.
"""

import secrets

from sandbox.fields import Json, maybe, node, text
from sandbox.records import Insured, Person
from sandbox.refusals import RefusedError
from sandbox.transactions.call import Call
from sandbox.transactions.persons import E_VOUCHER, ID_CARD, SOCIAL_CARD, credential_owner
from sandbox.transactions.registry import answers

VERIFIED_BEFORE = ("2207", "2304")


@answers("1191")
def read_credential(call: Call) -> Json:
    """Reads the credential of whoever is at the desk; an e-voucher gives a fresh token."""
    data = node(call.input, "data")
    kind = text(data, "mdtrt_cert_type")
    person = _at_desk(call, maybe(data, "extData"))
    if kind == E_VOUCHER:
        for name in ("businesstype", "operatorid", "operatorname", "officeid", "officename"):
            text(data, name)
        return {"ecinfo": _voucher(call, person)}
    if kind == SOCIAL_CARD:
        if text(data, "cardtype") not in {"0", "1"}:
            raise RefusedError("field_format", field="cardtype")
        return {"cardinfo": _card(call, person)}
    if kind == ID_CARD:
        return {"cardinfo": _card(call, person) | {"cardno": "", "card_sn": "", "cardtoken": ""}}
    raise RefusedError("cert_type")


@answers("1192")
def verify_identity(call: Call) -> Json:
    """Verifies the person for the settlement named in ``infno``; a failure stops that one."""
    data = node(call.input, "data")
    if not call.envelope.insuplc_admdvs:
        raise RefusedError("field_empty", field="insuplc_admdvs")
    kind, following = text(data, "mdtrt_cert_type"), text(data, "infno")
    if kind == E_VOUCHER:
        text(data, "psn_name")
        text(data, "certno")
    if kind == SOCIAL_CARD:
        for name in ("cardtype", "psn_cert_type", "psn_name", "certno"):
            text(data, name)
    if following not in VERIFIED_BEFORE:
        raise RefusedError("field_format", field="infno")
    person = credential_owner(call, data)
    call.books.run(
        "verification_add",
        tenant=call.tenant,
        psn_no=person.psn_no,
        infno=following,
        at_ms=call.now_ms,
    )
    return {}


def _at_desk(call: Call, named: str) -> Person:
    books = call.books
    found = (
        books.one(Person, "person", psn_no=named)
        if named
        else books.one(Person, "desk", name=call.tenant) or books.one(Person, "person_first")
    )
    if found is None:
        raise RefusedError("nobody_at_desk")
    return found


def _home(call: Call, person: Person) -> str:
    insured = call.books.all(Insured, "insured_of", psn_no=person.psn_no)
    return insured[0].insuplc_admdvs if insured else ""


def _voucher(call: Call, person: Person) -> Json:
    token = f"SBXEC{secrets.token_hex(14)}"
    call.books.run("token_add", token=token, psn_no=person.psn_no, issued_ms=call.now_ms)
    return {
        "idno": person.certno,
        "username": person.psn_name,
        "ectoken": token,
        "insuorg": _home(call, person),
        "ecIndexno": "",
        "gender": person.gend,
        "birthday": person.brdy,
        "nationality": person.naty,
        "email": "",
        "authno": "",
        "extra": "",
    }


def _card(call: Call, person: Person) -> Json:
    return {
        "ssn_code": person.certno,
        "cardno": person.card_no,
        "psn_name": person.psn_name,
        "card_sn": person.card_sn,
        "card_spec_ver": "3.00",
        "insuplc_admdvs": _home(call, person),
        "cardtoken": f"SBXCT{secrets.token_hex(8)}",
        "certno": person.certno,
        "psn_cert_type": person.psn_cert_type,
    }
