"""The few fields that code works with, typed; and the arithmetic of rows and settlements.

I3 to I7 are the identities every settling reply must close to the cent: the total is the sum of its
scope split (I3) and of who pays (I4), the funds add up (I5), the person's part is account and cash
(I6), the funds listed one by one are the funds in sum (I7).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import msgspec

from schemas.contract import Json
from schemas.values import amount, is_empty

_EXACT = Context(prec=64, rounding=ROUND_HALF_UP)
"""A price of 16 digits times a quantity of 16 digits has 32; the default context rounds at 28."""

_CENT = Decimal("0.01")
PERSONAL_ACCOUNT = "310200"
"""Fund type of the personal account, which is no fund."""

_OTHER_NAMES = {
    "psn_part_amt": ("psn_pay",),
    "psn_cash_pay": ("cash_payamt", "pdn_cash_pay"),
}
"""5203 and older editions name these otherwise."""

_FUND_PARTS = (
    "hifp_pay",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "oth_pay",
)
_SCOPE_PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
_SUMMED = (
    *_FUND_PARTS,
    *_SCOPE_PARTS,
    "medfee_sumamt",
    "fund_pay_sumamt",
    "psn_part_amt",
    "hosp_part_amt",
    "hifdm_pay",
    "acct_pay",
    "psn_cash_pay",
)
_ABSENT = tuple("" if name in _OTHER_NAMES else "0.00" for name in _SUMMED)
"""What stands for an absent amount; one that has other names is looked for under those."""
_USUAL = re.compile(r"-?[0-9]{1,18}\.[0-9]{2}\Z")
_ALL_USUAL = re.compile(
    rf"-?[0-9]{{1,18}}\.[0-9]{{2}}(?:\n-?[0-9]{{1,18}}\.[0-9]{{2}}){{{len(_SUMMED) - 1}}}\Z"
)


class SettlementAmounts(msgspec.Struct, frozen=True, kw_only=True):
    """The money of a ``setlinfo``; what is absent or empty is 0."""

    medfee_sumamt: Decimal
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal
    hifp_pay: Decimal
    cvlserv_pay: Decimal
    hifes_pay: Decimal
    hifmi_pay: Decimal
    hifob_pay: Decimal
    hifdm_pay: Decimal
    maf_pay: Decimal
    oth_pay: Decimal
    fund_pay_sumamt: Decimal
    psn_part_amt: Decimal
    acct_pay: Decimal
    psn_cash_pay: Decimal
    hosp_part_amt: Decimal
    acct_mulaid_pay: Decimal
    balc: Decimal


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What an input says about whom and what; the empty text for what it does not say."""

    psn_no: str = ""
    mdtrt_id: str = ""
    setl_id: str = ""
    chrg_bchno: str = ""
    sign_no: str = ""
    ipt_otp_no: str = ""
    mdtrt_cert_type: str = ""
    mdtrt_cert_no: str = ""
    omsgid: str = ""
    oinfno: str = ""

    def __repr__(self) -> str:
        """Names of the keys only: the values identify a person."""
        held = [name for name in self.__struct_fields__ if getattr(self, name)]
        return f"Keys({', '.join(held)})"


_KEY_NAMES = frozenset(Keys.__struct_fields__)


def keys_of(value: Json) -> Keys:
    """The keys an input or output holds in any of its nodes, the first one met of each."""
    found: dict[str, str] = {}
    for row in _rows(value):
        for name in row.keys() & _KEY_NAMES:
            held = row[name]
            if name not in found and type(held) is str and held:
                found[name] = held
    return Keys(**found)


def _rows(value: Json) -> Iterable[Mapping[str, Any]]:
    """The object, its nodes and the first row of its lists, one level deep."""
    whole = value[0] if isinstance(value, list) and value else value
    if not isinstance(whole, dict):
        return
    yield whole
    for node in whole.values():
        first = node[0] if isinstance(node, list) and node else node
        if isinstance(first, dict):
            yield first


def row_amount(pric: Decimal, cnt: Decimal) -> Decimal:
    """``det_item_fee_sumamt`` of one row: price times quantity, half up to the cent."""
    return _EXACT.multiply(pric, cnt).quantize(_CENT, context=_EXACT)


def settlement_amounts(setlinfo: Mapping[str, Json]) -> SettlementAmounts:
    """The amounts of a ``setlinfo``; ``ValueError`` when one is no number."""
    return SettlementAmounts(
        **{name: _held(setlinfo, name) for name in SettlementAmounts.__struct_fields__}
    )


def _held(setlinfo: Mapping[str, Json], name: str) -> Decimal:
    return amount(_named(setlinfo, name))


def _named(setlinfo: Mapping[str, Json], name: str) -> Json:
    """What stands under a name or one of its others; empty when nothing does."""
    value = setlinfo.get(name)
    if is_empty(value):
        for other in _OTHER_NAMES.get(name, ()):
            if not is_empty(setlinfo.get(other)):
                return setlinfo[other]
    return value


def settlement_faults(
    setlinfo: Mapping[str, Json],
    setldetail: Iterable[Mapping[str, Json]] = (),
    fund_includes_acct: bool = False,
) -> tuple[str, ...]:
    """The identities a settlement breaks, such as ``("I4",)``; ``("amounts_unreadable",)`` when an
    amount is no number. ``fund_includes_acct``: ``fund_pay_sumamt`` counts ``acct_pay`` in."""
    try:
        one = _usual_cents(setlinfo)
        if one is None:
            one = {name: _cents(_named(setlinfo, name)) for name in _SUMMED}
        listed = _listed_funds(setldetail)
    except ValueError:
        return ("amounts_unreadable",)
    funds = one["fund_pay_sumamt"] - (one["acct_pay"] if fund_includes_acct else 0)
    parts = sum([one[name] for name in _FUND_PARTS])
    scope = sum([one[name] for name in _SCOPE_PARTS])
    closes = {
        "I3": one["medfee_sumamt"] == scope,
        "I4": one["medfee_sumamt"] == funds + one["psn_part_amt"] + one["hosp_part_amt"],
        "I5": funds in {parts, parts + one["hifdm_pay"]},
        "I6": one["psn_part_amt"] == one["acct_pay"] + one["psn_cash_pay"],
        "I7": listed is None or listed == funds,
    }
    return tuple(name for name, holds in closes.items() if not holds)


def _usual_cents(setlinfo: Mapping[str, Json]) -> dict[str, int | Decimal] | None:
    """All amounts in cents at once when each is absent or in its usual form, else None."""
    try:
        text = "\n".join(map(setlinfo.get, _SUMMED, _ABSENT))
    except TypeError:
        return None
    if not _ALL_USUAL.match(text):
        return None
    return dict(zip(_SUMMED, map(int, text.replace(".", "").split("\n")), strict=True))


def _listed_funds(setldetail: Iterable[Mapping[str, Json]]) -> int | Decimal | None:
    """The sum of the funds listed, in cents; None when no row names an amount (one empty row
    occurs)."""
    stated = [
        _cents(row["fund_payamt"])
        for row in setldetail
        if not is_empty(row.get("fund_payamt")) and row.get("fund_pay_type") != PERSONAL_ACCOUNT
    ]
    return sum(stated) if stated else None


def _cents(value: Json) -> int | Decimal:
    """An amount in cents, exact whatever its digits; the usual text form costs no ``Decimal``."""
    if type(value) is str and _USUAL.match(value):
        return int(value[:-3] + value[-2:])
    return amount(value) * 100
