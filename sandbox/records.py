"""The values the books hold, as the transactions see them. Amounts in whole fen."""

import msgspec

from sandbox.fields import Json


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One insured or uninsured person."""

    psn_no: str
    certno: str
    card_no: str
    card_sn: str
    psn_name: str
    psn_cert_type: str
    gend: str
    naty: str
    brdy: str
    identities: str


class Insured(msgspec.Struct, frozen=True, kw_only=True):
    """One insurance of a person, with the account that belongs to it."""

    psn_no: str
    insutype: str
    psn_type: str
    insuplc_admdvs: str
    psn_insu_stas: str
    cvlserv_flag: str
    emp_name: str
    balance_fen: int
    mutual_fen: int


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has used of an insurance in one year."""

    dedc_fen: int = 0
    pooled_fen: int = 0


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of an operator; ``out_time`` is empty while it holds."""

    sign_no: str
    tenant: str
    opter_no: str
    day: str
    sign_time: str
    out_time: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One e-voucher token; ``used_by`` is the msgid of the business it was spent on."""

    token: str
    psn_no: str
    issued_ms: int
    used_by: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One 1192 that a settlement may still lean on."""

    id: int


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One visit: a pharmacy purchase, a registration or a hospital stay. ``info`` is JSON."""

    mdtrt_id: str
    tenant: str
    psn_no: str
    kind: str
    state: str
    insutype: str
    ipt_otp_no: str
    med_type: str
    begntime: str
    endtime: str
    msgid: str
    at_ms: int
    info: str

    def facts(self) -> Json:
        """What was uploaded about the visit."""
        facts: Json = msgspec.json.decode(self.info)
        return facts


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One chrg_bchno of a registration."""

    chrg_bchno: str
    state: str


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fee row in the books. ``status``: live, settled or void."""

    mdtrt_id: str
    feedetl_sn: str
    chrg_bchno: str
    init_feedetl_sn: str
    med_list_codg: str
    cnt: str
    pric: str
    amount_fen: int
    own_fen: int
    over_fen: int
    pre_fen: int
    scope_fen: int
    status: str
    setl_id: str
    doubtful: int
    body: str


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of money: a settlement, or the counter entry that undid one (``counter_of``)."""

    setl_id: str
    infno: str
    tenant: str
    msgid: str
    mdtrt_id: str
    psn_no: str
    insutype: str
    chrg_bchno: str
    med_type: str
    mid_setl_flag: str
    setl_time: str
    year: str
    amounts: str
    shares: str
    info: str
    dedc_fen: int
    year_dedc_fen: int
    pooled_fen: int
    own_fen: int
    mutual_fen: int
    live: int
    undone_by: str
    counter_of: str
