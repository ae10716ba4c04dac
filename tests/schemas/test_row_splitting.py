"""Uploads over several calls: no row lost, none twice, nothing apart that belongs together."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import load
from schemas.examples import example_input
from schemas.splitting import Part, UnsplittableError, split
from schemas.transaction import Transaction
from tests.schemas.schema_samples import transaction_of

HEAD = """
row_node = "rows"
{facts}
[input.head]
no = "编号 | text 9 | required"
[input."rows[]"]
sn = "流水号 | text 9 | required"
batch = "批次 | text 9"
memo = "备注 | text 900"
cnt = "数量 | number 9,2"
"""


def trial(facts: str, chars_max: int = 0) -> Transaction:
    made = transaction_of(HEAD.format(facts=facts))
    return msgspec.structs.replace(made, input_chars_max=chars_max)


def rows_of(parts: tuple[Part, ...]) -> list[Any]:
    return [row for part in parts for row in part.input["rows"]]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "batch": st.sampled_from(["", "1", "2", "3"]),
            "memo": st.text('a中"\\é', max_size=40),
            "cnt": st.sampled_from(["", "1", 2]),
        }
    ),
    min_size=1,
    max_size=25,
)


def numbered(rows: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [{"sn": str(number), **row} for number, row in enumerate(rows)]
    return {"head": {"no": "7"}, "rows": listed}


@settings(max_examples=150)
@given(ROWS, st.integers(1, 9), st.integers(150, 900), st.integers(0, 900))
def test_every_row_goes_once_in_order_and_under_every_limit(
    rows: list[dict[str, Any]], rows_max: int, chars_max: int, bytes_max: int
) -> None:
    one = trial(f"rows_max = {rows_max}", chars_max)
    value = numbered(rows)
    try:
        parts = split(one, value, bytes_max=bytes_max)
    except UnsplittableError as error:
        sizes = [len(one.encode_input({**value, "rows": [row]})) for row in value["rows"]]
        chars = [len(one.encode_input({**value, "rows": [row]}).decode()) for row in value["rows"]]
        (alone,) = error.positions
        assert chars[alone] > chars_max or (bytes_max and sizes[alone] > bytes_max)
        return
    assert rows_of(parts) == value["rows"]
    assert [position for part in parts for position in part.positions] == list(range(len(rows)))
    for part in parts:
        sent = one.encode_input(part.input)
        assert part.input["head"] == value["head"]
        assert one.faults(part.input) == ()
        assert len(part.input["rows"]) <= rows_max
        assert len(sent.decode()) <= chars_max
        assert not bytes_max or len(sent) <= bytes_max


@settings(max_examples=100)
@given(ROWS, st.integers(1, 25))
def test_no_call_could_have_taken_the_first_row_of_the_next(
    rows: list[dict[str, Any]], rows_max: int
) -> None:
    one = trial(f"rows_max = {rows_max}", 600)
    parts = split(one, numbered(rows))
    for part, after in pairwise(parts):
        grown = [*part.input["rows"], after.input["rows"][0]]
        sent = one.encode_input({**part.input, "rows": grown})
        assert len(grown) > rows_max or len(sent.decode()) > 600


@settings(max_examples=150)
@given(ROWS, st.integers(1, 25))
def test_what_belongs_together_is_never_apart(rows: list[dict[str, Any]], rows_max: int) -> None:
    one = trial(f'rows_max = {rows_max}\ntogether = "batch"')
    value = numbered(rows)
    sizes = [row["batch"] for row in value["rows"] if row["batch"]]
    largest = max((sizes.count(batch) for batch in sizes), default=1)
    if largest > rows_max:
        with pytest.raises(UnsplittableError, match="rows that belong together exceed rows_max"):
            split(one, value)
        return
    parts = split(one, value)
    assert sorted(int(row["sn"]) for row in rows_of(parts)) == list(range(len(rows)))
    for batch in ("1", "2", "3"):
        holding = [part for part in parts if any(r["batch"] == batch for r in part.input["rows"])]
        assert len(holding) <= 1
        held = [int(row["sn"]) for row in rows_of(parts) if row["batch"] == batch]
        assert held == sorted(held)


def test_fee_rows_of_one_batch_stay_whole_and_others_are_divided() -> None:
    rows = load("yunnan")["2204"]
    value = example_input(rows)
    (row,) = value["feedetail"]
    value["feedetail"] = [
        {**row, "feedetl_sn": str(n), "chrg_bchno": f"B{n % 4}"} for n in range(1, 121)
    ]
    parts = split(rows, value)
    assert [len(part.positions) for part in parts] == [90, 30]
    assert len({r["chrg_bchno"] for r in parts[1].input["feedetail"]}) == 1
    assert all(rows.faults(part.input) == () for part in parts)
    value["feedetail"] = [{**row, "feedetl_sn": str(n)} for n in range(1, 102)]
    with pytest.raises(UnsplittableError):
        split(rows, value)


def test_a_long_upload_is_divided_by_characters_before_it_is_by_rows() -> None:
    rows = load("yunnan")["2301"]
    value = example_input(rows)
    (row,) = value["feedetail"]
    value["feedetail"] = [{**row, "memo": "长" * 300} for _ in range(100)]
    assert [fault.problem for fault in rows.faults(value)] == ["input_too_long"]
    parts = split(rows, value)
    assert len(parts) > 1
    assert all(rows.faults(part.input) == () for part in parts)
    by_bytes = split(rows, value, bytes_max=20_000)
    assert len(by_bytes) > len(parts)


def test_what_has_no_rows_to_divide_is_one_call() -> None:
    settle = load("yunnan")["2207"]
    value = example_input(settle)
    assert split(settle, value) == (Part(input=value, positions=()),)
    one = trial("rows_max = 2")
    assert split(one, {"head": {"no": "1"}, "rows": []})[0].positions == ()
