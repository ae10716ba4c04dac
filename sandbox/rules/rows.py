"""Checks of uploaded fee rows. Each gives the slug of the refusal, or None when the row is fine."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from sandbox.rules.arithmetic import row_amount


class FeeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks need of an uploaded row; ``body`` is the row as sent."""

    feedetl_sn: str
    med_list_codg: str
    cnt: Decimal
    pric: Decimal
    amount: Decimal
    init_feedetl_sn: str = ""
    chrg_bchno: str = ""
    hosp_appr_flag: str = ""
    body: dict[str, object] = {}


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """The row a refund names: its price, code and what is left to give back."""

    pric: Decimal
    med_list_codg: str
    left: Decimal
    status: str


def repeated_number(rows: Iterable[FeeRow], taken: Collection[str]) -> str | None:
    """The first feedetl_sn that occurs twice or is taken already (void rows keep theirs)."""
    counts = Counter(row.feedetl_sn for row in rows)
    return next((sn for sn, n in counts.items() if n > 1 or sn in taken), None)


def bad_amount(row: FeeRow) -> str | None:
    """A1 and the signs: the price is never negative, a charge has a positive quantity."""
    if row.pric < 0 or row.cnt == 0:
        return "row_sign"
    if row.amount != row_amount(row.cnt, row.pric):
        return "row_amount"
    if row.cnt < 0 and not row.init_feedetl_sn:
        return "refund_without_original"
    if row.cnt > 0 and row.init_feedetl_sn:
        return "row_sign"
    return None


def bad_refund(row: FeeRow, original: Original | None) -> str | None:
    """A5: same price, same code, not more than is left, and the original not settled or void."""
    if original is None or original.status == "void":
        return "refund_unknown_original"
    if original.status == "settled":
        return "refund_of_settled"
    if original.pric != row.pric or original.med_list_codg != row.med_list_codg:
        return "refund_price"
    return "refund_too_much" if -row.cnt > original.left else None


def check_refunds(rows: Iterable[FeeRow], originals: Mapping[str, Original]) -> tuple[str, str]:
    """(slug, feedetl_sn) of the first bad refund, or two empty texts. Several refunds of one row
    in the same call count together."""
    left = dict(originals)
    for row in rows:
        if row.cnt > 0:
            continue
        original = left.get(row.init_feedetl_sn)
        fault = bad_refund(row, original)
        if fault:
            return fault, row.feedetl_sn
        assert original is not None  # noqa: S101 - bad_refund has refused None
        left[row.init_feedetl_sn] = msgspec.structs.replace(original, left=original.left + row.cnt)
    return "", ""
