"""Who a call is about: the person, the insurance it names, and the credential shown."""

from datetime import datetime

from sandbox.facts import traits
from sandbox.fields import Json, maybe, text
from sandbox.records import Insured, Person, Token, Verification
from sandbox.refusals import RefusedError
from sandbox.rules import lifecycle
from sandbox.transactions.call import Call

E_VOUCHER, ID_CARD, SOCIAL_CARD = "01", "02", "03"


def person_of(call: Call, node: Json) -> Person:
    """The person named by psn_no; the envelope must carry the area where they are insured."""
    person = call.books.one(Person, "person", psn_no=text(node, "psn_no"))
    if person is None:
        raise RefusedError("person_unknown")
    area = call.envelope.insuplc_admdvs
    if not area:
        raise RefusedError("field_empty", field="insuplc_admdvs")
    insured = call.books.all(Insured, "insured_of", psn_no=person.psn_no)
    if insured and area not in {row.insuplc_admdvs for row in insured}:
        raise RefusedError("admdvs_mismatch")
    return person


def insurance_of(call: Call, person: Person, insutype: str) -> Insured:
    """The valid insurance of this type; its area must be the one in the envelope."""
    insured = call.books.one(Insured, "insured", psn_no=person.psn_no, insutype=insutype)
    if insured is None:
        raise RefusedError("not_insured", insutype=insutype)
    if insured.insuplc_admdvs != call.envelope.insuplc_admdvs:
        raise RefusedError("admdvs_mismatch")
    if insured.psn_insu_stas != "1":
        raise RefusedError("insurance_suspended")
    return insured


def distance(call: Call, insured: Insured) -> str:
    """local, province or country: how far from home the person is treated. An area ending in 0000
    stands for its whole province."""
    here, home = call.envelope.mdtrtarea_admvs, insured.insuplc_admdvs
    if here[:2] != home[:2]:
        return "country"
    return "local" if here.endswith("0000") or here[:4] == home[:4] else "province"


def require_away_fields(call: Call, insured: Insured, node: Json) -> None:
    """Away from home the certificate number is mandatory."""
    if distance(call, insured) != "local" and not maybe(node, "certno"):
        raise RefusedError("away_field", field="certno")


def live_token(call: Call, told: str) -> Token:
    """The e-voucher token ``told``; refuses one that is unknown, too old or spent."""
    token = call.books.one(Token, "token", token=told)
    if token is None or call.now_ms - token.issued_ms > traits().limits.token_life_s * 1000:
        raise RefusedError("token_invalid")
    if call.now_ms < token.issued_ms:
        raise RefusedError("token_invalid")
    if token.used_by:
        raise RefusedError("token_used")
    return token


def credential_owner(call: Call, node: Json) -> Person:
    """The person a credential belongs to (1101, 1192)."""
    kind, number = text(node, "mdtrt_cert_type"), text(node, "mdtrt_cert_no")
    books = call.books
    person: Person | None
    if kind == E_VOUCHER:
        person = books.one(Person, "person", psn_no=live_token(call, number).psn_no)
    elif kind == ID_CARD:
        person = books.one(Person, "person_by_certno", certno=number)
    elif kind == SOCIAL_CARD:
        person = books.one(Person, "person_by_card", card_no=number)
    else:
        raise RefusedError("cert_type")
    if person is None:
        raise RefusedError("person_unknown")
    for name in ("certno", "psn_name", "psn_cert_type"):
        if maybe(node, name) not in {"", getattr(person, name)}:
            raise RefusedError("cert_mismatch")
    return person


def check_credential(call: Call, node: Json, person: Person, *, spend: bool) -> None:
    """The credential of a visit belongs to the person; a token is spent on one business."""
    kind, number = text(node, "mdtrt_cert_type"), maybe(node, "mdtrt_cert_no")
    for name in ("certno", "psn_name"):
        if maybe(node, name) not in {"", getattr(person, name)}:
            raise RefusedError("cert_mismatch")
    if kind == E_VOUCHER:
        _check_token(call, text(node, "mdtrt_cert_no"), person, spend=spend)
    elif kind == ID_CARD:
        if number not in {"", person.certno}:
            raise RefusedError("cert_mismatch")
    elif kind == SOCIAL_CARD:
        if number not in {"", person.card_no} or text(node, "card_sn") != person.card_sn:
            raise RefusedError("cert_mismatch")
    else:
        raise RefusedError("cert_type")


def _check_token(call: Call, number: str, person: Person, *, spend: bool) -> None:
    token = live_token(call, number)
    if token.psn_no != person.psn_no:
        raise RefusedError("cert_mismatch")
    if spend:
        call.books.run("token_use", token=number, msgid=call.msgid)


def spend_verification(call: Call, person: Person) -> None:
    """The 1192 that must precede a settlement with an ID card: used up by this settlement."""
    life_ms = traits().limits.verification_life_s * 1000
    found = call.books.one(
        Verification,
        "verification_open",
        psn_no=person.psn_no,
        tenant=call.tenant,
        infno=lifecycle.base(call.infno),
        from_ms=call.now_ms - life_ms,
        to_ms=call.now_ms,
    )
    if found is None:
        raise RefusedError("not_verified")
    call.books.run("verification_use", id=found.id, msgid=call.msgid)


def age_of(person: Person, today: str) -> str:
    """Age in whole years with one decimal, as replies carry it."""
    born, now = (datetime.strptime(d, "%Y-%m-%d") for d in (person.brdy, today))  # noqa: DTZ007 - days
    years = now.year - born.year - ((now.month, now.day) < (born.month, born.day))
    return f"{years}.0"


def face(person: Person, today: str) -> Json:
    """The fields about a person that most replies repeat."""
    return {
        "psn_no": person.psn_no,
        "psn_name": person.psn_name,
        "psn_cert_type": person.psn_cert_type,
        "certno": person.certno,
        "gend": person.gend,
        "naty": person.naty,
        "brdy": person.brdy,
        "age": age_of(person, today),
    }
