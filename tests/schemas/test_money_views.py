"""Row amounts and the identities of a settlement, in exact decimals."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import amount
from schemas.views import Keys, keys_of, row_amount, settlement_amounts, settlement_faults

# An inpatient settlement worked out by hand: seven rows, a refund among them.
ROWS = [
    ("12.345678", "3", "37.04"),
    ("18.33", "7", "128.31"),
    ("1500", "2", "3000.00"),
    ("260", "1", "260.00"),
    ("12.345678", "-1", "-12.35"),
    ("60", "5", "300.00"),
    ("850.50", "1", "850.50"),
]
SETLINFO = {
    "medfee_sumamt": "4563.50",
    "fulamt_ownpay_amt": "260.00",
    "overlmt_selfpay": "600.00",
    "preselfpay_amt": "492.83",
    "inscp_scp_amt": "3210.67",
    "act_pay_dedc": "880.00",
    "hifp_pay": "1981.07",
    "cvlserv_pay": "174.80",
    "hifes_pay": "",
    "hifmi_pay": None,
    "hifob_pay": 0,
    "maf_pay": "0.00",
    "oth_pay": "0",
    "fund_pay_sumamt": "2155.87",
    "psn_part_amt": "2407.63",
    "acct_pay": "1500.00",
    "acct_mulaid_pay": "200.00",
    "psn_cash_pay": "907.63",
    "hosp_part_amt": "0.00",
    "balc": "0.00",
}
FUNDS = [
    {"fund_pay_type": "310100", "fund_payamt": "1981.07"},
    {"fund_pay_type": "320100", "fund_payamt": "174.80"},
    {"fund_pay_type": "310200", "fund_payamt": "1500.00"},
]


@pytest.mark.parametrize(("pric", "cnt", "expected"), ROWS)
def test_a_row_is_price_times_quantity_half_up(pric: str, cnt: str, expected: str) -> None:
    assert str(row_amount(Decimal(pric), Decimal(cnt))) == expected


def test_half_a_cent_goes_away_from_zero() -> None:
    assert row_amount(Decimal("0.125"), Decimal(1)) == Decimal("0.13")
    assert row_amount(Decimal("0.125"), Decimal(-1)) == Decimal("-0.13")
    assert row_amount(Decimal("1.115"), Decimal(3)) == Decimal("3.35")


def test_a_row_of_32_digits_is_exact() -> None:
    pric, cnt = Decimal("9999999999.999999"), Decimal("999999999999.9999")
    exact = (10**16 - 1) * (10**16 - 1)
    cents, rest = divmod(exact, 10**8)
    assert row_amount(pric, cnt) == Decimal(cents + (rest >= 5 * 10**7)).scaleb(-2)


def test_the_worked_settlement_closes() -> None:
    assert sum(Decimal(row[2]) for row in ROWS) == Decimal("4563.50")
    assert settlement_faults(SETLINFO, FUNDS) == ()


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"preselfpay_amt": "492.84"}, ("I3",)),
        ({"hosp_part_amt": "0.01"}, ("I4",)),
        ({"oth_pay": "0.01"}, ("I5",)),
        ({"psn_cash_pay": "907.62"}, ("I6",)),
        ({"fund_pay_sumamt": "2155.88"}, ("I4", "I5", "I7")),
        ({"medfee_sumamt": "4563.51"}, ("I3", "I4")),
        ({"medfee_sumamt": "many"}, ("amounts_unreadable",)),
        ({"medfee_sumamt": True}, ("amounts_unreadable",)),
    ],
)
def test_a_cent_that_does_not_close_is_named(
    changes: dict[str, Any], broken: tuple[str, ...]
) -> None:
    assert settlement_faults(SETLINFO | changes, FUNDS) == broken


def test_funds_listed_must_add_up_without_the_personal_account() -> None:
    assert settlement_faults(SETLINFO, [FUNDS[0]]) == ("I7",)
    assert settlement_faults(SETLINFO, [*FUNDS, FUNDS[2]]) == ()
    assert settlement_faults(SETLINFO, [{"fund_pay_type": "310100", "fund_payamt": "?"}]) == (
        "amounts_unreadable",
    )


def test_one_empty_row_of_funds_proves_nothing() -> None:
    empty = [{"fund_pay_type": "", "fund_payamt": "", "inscp_scp_amt": ""}]
    assert settlement_faults(SETLINFO, empty) == ()
    assert settlement_faults(SETLINFO, []) == ()


def test_the_disabled_persons_fund_counts_once_wherever_it_stands() -> None:
    inside = SETLINFO | {"oth_pay": "10", "hifdm_pay": "10", "fund_pay_sumamt": "2165.87",
                         "psn_part_amt": "2397.63", "psn_cash_pay": "897.63"}  # fmt: skip
    assert settlement_faults(inside) == ()
    assert settlement_faults(inside | {"oth_pay": "0"}) == ()
    assert settlement_faults(inside | {"oth_pay": "5"}) == ("I5",)


def test_a_missing_hospital_part_is_zero() -> None:
    pharmacy = {name: value for name, value in SETLINFO.items() if name != "hosp_part_amt"}
    assert settlement_faults(pharmacy, FUNDS) == ()


def test_a_region_may_count_the_account_among_the_funds() -> None:
    there = SETLINFO | {"fund_pay_sumamt": "3655.87"}
    assert settlement_faults(there, FUNDS, fund_includes_acct=True) == ()
    assert settlement_faults(there, FUNDS, fund_includes_acct=False) == ("I4", "I5", "I7")


def test_names_of_5203_and_older_editions_are_read() -> None:
    renamed = dict(SETLINFO)
    renamed["psn_pay"] = renamed.pop("psn_part_amt")
    renamed["cash_payamt"] = renamed.pop("psn_cash_pay")
    assert settlement_faults(renamed, FUNDS) == ()
    assert settlement_amounts(renamed).psn_cash_pay == Decimal("907.63")


@given(st.lists(st.integers(0, 10**9), min_size=11, max_size=11))
def test_any_settlement_that_is_computed_closes(cents: list[int]) -> None:
    own, over, pre, *funds, acct, hosp = cents
    names = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay")
    fund = sum(funds)
    total = own + over + pre + fund + acct + hosp
    info = dict(zip(names, funds, strict=True)) | {
        "medfee_sumamt": total, "fulamt_ownpay_amt": own, "overlmt_selfpay": over,
        "preselfpay_amt": pre, "inscp_scp_amt": fund + acct + hosp, "fund_pay_sumamt": fund,
        "psn_part_amt": total - fund - hosp, "acct_pay": acct, "hosp_part_amt": hosp,
        "psn_cash_pay": own + over + pre,
    }  # fmt: skip
    exact = {name: str(Decimal(value).scaleb(-2)) for name, value in info.items()}
    rows = [{"fund_pay_type": str(n), "fund_payamt": exact[n]} for n in names]
    assert settlement_faults(exact, rows) == ()


def test_an_amount_is_read_exactly_and_empty_is_zero() -> None:
    assert amount("") == amount(None) == 0
    assert amount("12.50") == amount(Decimal("12.5")) == Decimal("12.50")
    assert amount(3) == 3


@pytest.mark.parametrize("value", ["x", "1e3", "NaN", True, 1.5, [], Decimal("Infinity")])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        amount(value)


def test_the_keys_of_an_input_are_found_in_any_node() -> None:
    rows = [{"mdtrt_id": "M1", "psn_no": "P1"}, {"mdtrt_id": "M2", "chrg_bchno": "B2"}]
    assert keys_of({"feedetail": rows}) == Keys(mdtrt_id="M1", psn_no="P1")
    assert keys_of({"data": {"omsgid": "X", "oinfno": "2207A"}}).oinfno == "2207A"
    assert keys_of([{"setl_id": "S"}]).setl_id == "S"
    assert keys_of({"data": {"psn_no": 5, "setl_id": ""}}) == Keys()
    assert keys_of(None) == keys_of([]) == keys_of({"data": [5]}) == Keys()


def test_keys_do_not_show_their_values() -> None:
    assert repr(Keys(psn_no="5301", mdtrt_id="M1")) == "Keys(psn_no, mdtrt_id)"


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=len(SETLINFO), max_size=len(SETLINFO)),
    st.sets(st.sampled_from(sorted(SETLINFO))),
)
def test_the_form_of_an_amount_changes_no_verdict(cents: list[int], absent: set[str]) -> None:
    exact = {name: Decimal(cent) / 100 for name, cent in zip(SETLINFO, cents, strict=True)}
    kept = {name: value for name, value in exact.items() if name not in absent}
    text = {name: f"{value:.2f}" for name, value in kept.items()}
    assert settlement_faults(text) == settlement_faults(kept)
    balanced = {**SETLINFO, "hifes_pay": "0.00", "hifmi_pay": "0.00", "oth_pay": "0.00"}
    assert settlement_faults(balanced) == settlement_faults({**balanced, "hifob_pay": "0.00"}) == ()


@pytest.mark.parametrize("odd", ["1.00\n2.00", "1.0a", [], {}, False, "１.00"])
def test_an_amount_nobody_can_read_is_said_even_among_usual_ones(odd: Any) -> None:
    usual = dict.fromkeys(SETLINFO, "0.00")
    assert settlement_faults(usual) == ()
    assert settlement_faults({**usual, "oth_pay": odd}) == ("amounts_unreadable",)
    assert settlement_faults({**usual, "psn_cash_pay": "", "cash_payamt": "5.00"}) == ("I6",)
