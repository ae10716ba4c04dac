"""How fee rows are split and settlements computed (identities A1 to A6 and I1 to I9).

Decimal throughout, half up (away from zero) at every rounding; amounts in yuan with two decimals.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

import msgspec

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
SELF_PAID = "03"


def cents(value: Decimal) -> Decimal:
    """``value`` to the cent, half up (1.005 -> 1.01, -1.005 -> -1.01)."""
    return value.quantize(CENT, ROUND_HALF_UP)


def to_fen(value: Decimal) -> int:
    """Yuan to whole fen, the unit of the books."""
    return int(cents(value) * 100)


def from_fen(fen: int) -> Decimal:
    """Whole fen to yuan."""
    return (Decimal(fen) / 100).quantize(CENT)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the centre's catalogue. ``pric_uplmt_amt`` 0 means no cap."""

    code: str
    name: str
    chrgitm_lv: str
    list_type: str
    med_chrgitm_type: str
    selfpay_prop: Decimal = Decimal("0.0000")
    pric_uplmt_amt: Decimal = Decimal("0.000000")
    lmt_used_flag: str = "0"
    spec: str = ""
    dosform_name: str = ""
    bas_medn_flag: str = "0"
    hi_nego_drug_flag: str = "0"
    memo: str = ""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """The four parts of a row or of a sum of rows; they always add up to ``amount`` (A4, I3)."""

    amount: Decimal = ZERO
    own: Decimal = ZERO
    over: Decimal = ZERO
    pre: Decimal = ZERO
    scope: Decimal = ZERO


def row_amount(cnt: Decimal, pric: Decimal) -> Decimal:
    """A1: price times quantity, half up to the cent."""
    return cents(pric * cnt)


def is_self_paid(item: Item, hosp_appr_flag: str) -> bool:
    """A6: a restricted item is reimbursed only when approved; another is self-paid only with 2."""
    if item.chrgitm_lv == SELF_PAID:
        return True
    if item.lmt_used_flag == "1":
        return hosp_appr_flag != "1"
    return hosp_appr_flag == "2"


def split_row(cnt: Decimal, pric: Decimal, item: Item, hosp_appr_flag: str = "") -> Split:
    """A2 to A4 for one row; a refund row (negative ``cnt``) gives negative parts."""
    amount = row_amount(cnt, pric)
    if is_self_paid(item, hosp_appr_flag):
        return Split(amount=amount, own=amount)
    cap = item.pric_uplmt_amt
    over = cents((pric - cap) * cnt) if cap and pric > cap else ZERO
    pre = cents((amount - over) * item.selfpay_prop)
    return Split(amount=amount, over=over, pre=pre, scope=amount - over - pre)


def add(splits: Iterable[Split]) -> Split:
    """I2: every total is the sum of its column."""
    amount = own = over = pre = scope = ZERO
    for part in splits:
        amount += part.amount
        own += part.own
        over += part.over
        pre += part.pre
        scope += part.scope
    return Split(amount=amount, own=own, over=over, pre=pre, scope=scope)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an insurance pays for one kind of care.

    ``ratios`` by the leading digits of psn_type, ``""`` for everybody else. ``over_cap_fund`` takes
    ``over_cap_ratio`` of what the yearly ``pool_cap`` cut off. Ratios of subsidies apply to what
    remains in scope after the funds before them.
    """

    insutype: str
    kind: str
    fund_pay_type: str
    ratios: dict[str, Decimal]
    med_types: tuple[str, ...] = ()
    deductible: Decimal = ZERO
    deductible_scope: str = "year"
    pool_cap: Decimal = Decimal("999999999.00")
    over_cap_fund: str = "hifob_pay"
    over_cap_ratio: Decimal = ZERO
    cvlserv_ratio: Decimal = ZERO
    maf_ratio: Decimal = ZERO
    away_cut: Decimal = ZERO

    def ratio(self, psn_type: str, *, away: bool) -> Decimal:
        """Reimbursement ratio of a person; treatment away from home costs ``away_cut``."""
        matches = [key for key in self.ratios if psn_type.startswith(key)]
        found = self.ratios[max(matches, key=len)]
        return max(Decimal(0), found - self.away_cut) if away else found


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the books know of the person before this settlement."""

    psn_type: str
    dedc_used: Decimal = ZERO
    pooled: Decimal = ZERO
    balance: Decimal = ZERO
    mutual_aid: Decimal = ZERO
    civil_servant: bool = False
    assisted: bool = False
    away: bool = False


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts of setlinfo, by their official names."""

    medfee_sumamt: Decimal
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal
    act_pay_dedc: Decimal
    hifp_pay: Decimal
    cvlserv_pay: Decimal
    hifes_pay: Decimal
    hifmi_pay: Decimal
    hifob_pay: Decimal
    hifdm_pay: Decimal
    maf_pay: Decimal
    oth_pay: Decimal
    fund_pay_sumamt: Decimal
    hosp_part_amt: Decimal
    psn_part_amt: Decimal
    acct_pay: Decimal
    acct_mulaid_pay: Decimal
    psn_cash_pay: Decimal
    balc: Decimal


FUNDS = (
    "hifp_pay",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "hifdm_pay",
    "maf_pay",
    "oth_pay",
)


def _funds(scope: Decimal, dedc: Decimal, plan: Plan, person: Standing) -> dict[str, Decimal]:
    base = scope - dedc
    wanted = cents(base * plan.ratio(person.psn_type, away=person.away))
    hifp = min(wanted, max(ZERO, plan.pool_cap - person.pooled))
    extra = cents((wanted - hifp) * plan.over_cap_ratio)
    left = base - hifp - extra
    cvlserv = cents(left * plan.cvlserv_ratio) if person.civil_servant else ZERO
    maf = cents((left - cvlserv) * plan.maf_ratio) if person.assisted else ZERO
    funds = dict.fromkeys(FUNDS, ZERO)
    funds.update(hifp_pay=hifp, cvlserv_pay=cvlserv, maf_pay=maf)
    funds[plan.over_cap_fund] += extra
    return funds


def settle(total: Split, plan: Plan, person: Standing, acct_used_flag: str) -> Money:
    """The settlement of ``total``.

    ``acct_used_flag``: 0 no account, 1 the own account, 2 the own account and then mutual aid.
    No part of ``total`` may be negative.
    """
    dedc_left = max(ZERO, plan.deductible - person.dedc_used)
    dedc = min(dedc_left, total.scope)
    funds = _funds(total.scope, dedc, plan, person)
    fund_sum = sum(funds.values(), ZERO)
    psn_part = total.amount - fund_sum
    own_acct = min(person.balance, psn_part) if acct_used_flag in {"1", "2"} else ZERO
    mutual = min(person.mutual_aid, psn_part - own_acct) if acct_used_flag == "2" else ZERO
    return Money(
        medfee_sumamt=total.amount,
        fulamt_ownpay_amt=total.own,
        overlmt_selfpay=total.over,
        preselfpay_amt=total.pre,
        inscp_scp_amt=total.scope,
        act_pay_dedc=dedc,
        fund_pay_sumamt=fund_sum,
        hosp_part_amt=ZERO,
        psn_part_amt=psn_part,
        acct_pay=own_acct + mutual,
        acct_mulaid_pay=mutual,
        psn_cash_pay=psn_part - own_acct - mutual,
        balc=person.balance - own_acct,
        **funds,
    )


def shares(money: Money, plan: Plan, names: dict[str, str]) -> tuple[tuple[str, Decimal], ...]:
    """I7: who pays what, as (fund_pay_type, amount), largest concept first.

    ``names`` maps a fund field to its fund_pay_type; the account row (310200) comes last and is no
    fund. The basic pool is always named, even with 0.00.
    """
    rows = [(plan.fund_pay_type, money.hifp_pay)]
    for field in FUNDS[1:]:
        value: Decimal = getattr(money, field)
        if value:
            rows.append((names[field], value))
    if money.acct_pay:
        rows.append((names["acct_pay"], money.acct_pay))
    return tuple(rows)
