"""The arithmetic of rows and settlements: the worked example, and identities for any rows."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sandbox.facts import item, plan, plans
from sandbox.rules.arithmetic import (
    FUNDS,
    Item,
    Money,
    Plan,
    Split,
    Standing,
    add,
    cents,
    from_fen,
    row_amount,
    settle,
    shares,
    split_row,
    to_fen,
)
from tests.sandbox.sandbox_fees import BED, CT, DRUG_1, DRUG_2, DRUG_LIMITED, IMPLANT, SERVICE

D = Decimal
ZERO = D("0.00")

ITEMS = st.builds(
    Item,
    code=st.just("X"),
    name=st.just("X"),
    chrgitm_lv=st.sampled_from(["01", "02", "03"]),
    list_type=st.just("101"),
    med_chrgitm_type=st.just("09"),
    selfpay_prop=st.decimals(0, 1, places=4),
    pric_uplmt_amt=st.one_of(st.just(D(0)), st.decimals(0, 5000, places=6)),
    lmt_used_flag=st.sampled_from(["0", "1"]),
)
ROWS = st.lists(
    st.builds(
        split_row,
        cnt=st.decimals("0.0001", 500, places=4),
        pric=st.decimals(0, 9000, places=6),
        item=ITEMS,
        hosp_appr_flag=st.sampled_from(["", "0", "1", "2"]),
    ),
    min_size=1,
    max_size=8,
)
RATIO = st.decimals(0, 1, places=2)
YUAN = st.decimals(0, 200_000, places=2)
PLANS = st.builds(
    Plan,
    insutype=st.just("310"),
    kind=st.just("outpatient"),
    fund_pay_type=st.just("310100"),
    ratios=st.fixed_dictionaries({"": RATIO, "12": RATIO}),
    deductible=st.decimals(0, 3000, places=2),
    pool_cap=YUAN,
    over_cap_fund=st.sampled_from(["hifob_pay", "hifmi_pay"]),
    over_cap_ratio=RATIO,
    cvlserv_ratio=RATIO,
    maf_ratio=RATIO,
    away_cut=RATIO,
)
PEOPLE = st.builds(
    Standing,
    psn_type=st.sampled_from(["1101", "1201", "1501"]),
    dedc_used=st.decimals(0, 4000, places=2),
    pooled=YUAN,
    balance=YUAN,
    mutual_aid=YUAN,
    civil_servant=st.booleans(),
    assisted=st.booleans(),
    away=st.booleans(),
)
FLAGS = st.sampled_from(["0", "1", "2"])


def identities(money: Money, person: Standing, plan_: Plan) -> None:
    """I3 to I9."""
    split = (money.fulamt_ownpay_amt, money.overlmt_selfpay, money.preselfpay_amt)
    funds = sum((getattr(money, name) for name in FUNDS), ZERO)
    paid = money.fund_pay_sumamt + money.psn_part_amt + money.hosp_part_amt
    assert money.medfee_sumamt == sum(split, money.inscp_scp_amt)
    assert money.medfee_sumamt == paid
    assert money.fund_pay_sumamt == funds
    assert money.psn_part_amt == money.acct_pay + money.psn_cash_pay
    assert ZERO <= money.acct_mulaid_pay <= money.acct_pay
    rows = shares(money, plan_, plans().fund_pay_types)
    told = sum((value for code, value in rows if code != "310200"), ZERO)
    assert told == money.fund_pay_sumamt
    assert money.psn_part_amt - money.act_pay_dedc - sum(split, ZERO) >= 0
    assert money.balc == person.balance - (money.acct_pay - money.acct_mulaid_pay)


def test_rounding_is_half_up_away_from_zero() -> None:
    assert cents(D("0.125")) == D("0.13")
    assert cents(D("-0.125")) == D("-0.13")
    assert cents(D("1981.0695")) == D("1981.07")
    assert row_amount(D(3000), D("0.012346")) == D("37.04")


def test_fen_and_yuan_go_back_and_forth() -> None:
    assert to_fen(D("-12.35")) == -1235
    assert from_fen(-1235) == D("-12.35")
    assert str(from_fen(0)) == "0.00"


def example() -> Split:
    """The rows of the worked example."""
    uploaded = [
        (3, "12.345678", DRUG_1),
        (7, "18.33", DRUG_2),
        (2, "1500", IMPLANT),
        (1, "260", SERVICE),
        (-1, "12.345678", DRUG_1),
        (5, "60", BED),
        (1, "850.50", CT),
    ]
    return add(split_row(D(cnt), D(pric), item(code)) for cnt, pric, code in uploaded)


def test_the_worked_example_comes_out_to_the_cent() -> None:
    total = example()
    assert total == Split(
        amount=D("4563.50"),
        own=D("260.00"),
        over=D("600.00"),
        pre=D("492.83"),
        scope=D("3210.67"),
    )
    stay = plan("310", "inpatient", "21")
    person = Standing(
        psn_type="1102", balance=D("1300.00"), mutual_aid=D("200.00"), civil_servant=True
    )
    money = settle(total, stay, person, "2")
    assert (money.hifp_pay, money.cvlserv_pay) == (D("1981.07"), D("174.80"))
    assert (money.fund_pay_sumamt, money.psn_part_amt) == (D("2155.87"), D("2407.63"))
    assert (money.acct_pay, money.acct_mulaid_pay) == (D("1500.00"), D("200.00"))
    assert (money.psn_cash_pay, money.balc) == (D("907.63"), ZERO)
    identities(money, person, stay)


@given(ROWS)
def test_every_row_is_the_sum_of_its_parts_and_totals_are_sums_of_columns(
    rows: list[Split],
) -> None:
    for row in rows:
        assert row.amount == row.own + row.over + row.pre + row.scope
        assert min(row.own, row.over, row.pre, row.scope) >= 0
    total = add(rows)
    for name in Split.__struct_fields__:
        assert getattr(total, name) == sum((getattr(row, name) for row in rows), ZERO)


@given(st.decimals("0.0001", 500, places=4), st.decimals(0, 9000, places=6), ITEMS)
def test_refunding_a_whole_row_leaves_nothing(cnt: D, pric: D, entry: Item) -> None:
    both = add([split_row(cnt, pric, entry), split_row(-cnt, pric, entry)])
    assert both == Split()


@given(ROWS, PLANS, PEOPLE, FLAGS)
def test_the_identities_hold_for_any_rows_plan_and_person(
    rows: list[Split], plan_: Plan, person: Standing, flag: str
) -> None:
    identities(settle(add(rows), plan_, person, flag), person, plan_)


@given(ROWS, PLANS, PEOPLE)
def test_the_account_is_touched_only_when_asked(
    rows: list[Split], plan_: Plan, person: Standing
) -> None:
    assert settle(add(rows), plan_, person, "0").acct_pay == 0
    assert settle(add(rows), plan_, person, "1").acct_mulaid_pay == 0


def test_a_restricted_item_is_reimbursed_only_when_approved() -> None:
    entry = item(DRUG_LIMITED)
    assert split_row(D(1), D(100), entry, "1").scope == D("70.00")
    assert split_row(D(1), D(100), entry, "0").own == D("100.00")
    assert split_row(D(1), D(100), entry, "2").own == D("100.00")
    plain = item(DRUG_1)
    assert split_row(D(1), D(100), plain, "2").own == D("100.00")
    assert split_row(D(1), D(100), plain, "").scope == D("100.00")


def test_an_unlisted_item_is_self_paid_and_says_so() -> None:
    entry = item("NOT-LISTED")
    assert split_row(D(1), D(10), entry).own == D("10.00")
    assert entry.memo


def test_the_pool_is_capped_and_the_next_fund_takes_its_share() -> None:
    stay = plan("310", "inpatient", "21")
    near = Standing(psn_type="1101", pooled=D("79900.00"))
    money = settle(Split(amount=D("2880.00"), scope=D("2880.00")), stay, near, "0")
    assert money.hifp_pay == D("100.00")
    assert money.hifob_pay == D("1440.00")
    identities(money, near, stay)


def test_care_away_from_home_and_other_persons_have_their_own_ratio() -> None:
    stay = plan("310", "inpatient", "21")
    assert stay.ratio("1201", away=False) == D("0.90")
    assert stay.ratio("1101", away=True) == D("0.80")
    chronic = plan("310", "outpatient", "14")
    assert chronic.ratio("1101", away=False) == D("0.80")
    assert msgspec.structs.replace(chronic, away_cut=D(1)).ratio("1101", away=True) == 0
