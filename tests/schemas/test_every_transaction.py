"""Every transaction of the interface: what is right survives the way out and back, and each single
thing wrong is refused at its place."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import Phase, given, settings

from schemas.catalogue import classified, everything, load
from schemas.examples import example_input, example_output
from schemas.fields import Field, Kind
from schemas.jsontext import decode, encode
from schemas.nodes import Node
from schemas.transaction import Transaction
from schemas.values import is_empty
from schemas.walker import join
from tests.schemas.schema_messages import message_of

KEYS = tuple(classified())
CHAPTERS = sorted({key[:2] for key in KEYS})
FREE = {"limits": {"input_chars_max": 0}, "absent": [], "regions": ["*"]}
EXAMPLES_EACH = 4
"""Random messages per transaction: 309 of them make more than a thousand."""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_right_message_survives_the_way_out_and_back(chapter: str) -> None:
    for key in (key for key in KEYS if key[:2] == chapter):
        survives(everything()[key])


def survives(one: Transaction) -> None:
    @settings(max_examples=EXAMPLES_EACH, database=None, phases=[Phase.generate])
    @given(message_of(one.inputs, one.codes), message_of(one.outputs, one.codes))
    def trial(asked: Any, answered: Any) -> None:
        assert one.faults(asked) == (), one.infno
        sent = one.encode_input(asked)
        assert one.check(sent).faults == (), one.infno
        assert one.encode_input(decode(sent)) == sent, one.infno
        assert kept(asked, decode(sent)), one.infno
        normal = one.decode_output(decode(encode(answered)))
        assert one.decode_output(decode(encode(normal))) == normal, one.infno
        assert kept(answered, normal), one.infno

    trial()


def kept(before: Any, after: Any) -> bool:
    """Whether every value is still there; amounts by their number, empty numbers as nought."""
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(kept(before[n], after[n]) for n in before)
    if isinstance(before, list):
        return len(before) == len(after) and all(map(kept, before, after))
    if is_empty(before):
        return after in ("", "0")
    return str(before) == str(after) or same_number(before, after)


def same_number(before: Any, after: Any) -> bool:
    try:
        return float(before) == float(after)
    except (TypeError, ValueError):
        return False


class Wrong(NamedTuple):
    """One thing made wrong in a right message: the message, where, and the slug it must get."""

    value: Any
    path: str
    problem: str


def wrongs(one: Transaction) -> Iterator[Wrong]:
    """Every single-field mutation of the example message with every field in it."""
    right = message(one)
    for steps, path, node in places(one.inputs, "$.input", ()):
        for field in node.fields:
            where = join(path, field.name)
            for bad, problem in spoiled(field, one):
                yield Wrong(changed(right, (*steps, field.name), bad), where, problem)
        for child in node.nodes:
            where = join(path, child.name)
            yield Wrong(changed(right, (*steps, child.name), 7), where, "wrong_type")
            if child.required:
                yield Wrong(changed(right, (*steps, child.name), None), where, "missing")


def message(one: Transaction) -> Any:
    """A right input with every field, so that each can be made wrong."""
    whole = example_output(msgspec.structs.replace(one, outputs=one.inputs))
    assert one.faults(whole) == (), one.infno
    return whole


def places(
    node: Node, path: str, steps: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str, Node]]:
    """Each node with the way to its first row."""
    if node.repeat:
        path, steps = f"{path}[0]", (*steps, 0)
    yield steps, path, node
    for child in node.nodes:
        yield from places(child, join(path, child.name), (*steps, child.name))


def changed(right: Any, steps: tuple[str | int, ...], bad: Any) -> Any:
    value = copy.deepcopy(right)
    inner = value
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = bad
    return value


def spoiled(field: Field, one: Transaction) -> Iterator[tuple[Any, str]]:
    """Too long by one, missing, not in the codes, of the wrong type."""
    yield True, "wrong_type"
    if field.required:
        yield "", "missing"
        yield None, "missing"
    table = one.codes[field.codes] if field.codes else None
    if table is not None and table.closed and not field.is_numeric:
        yield "no such code", "not_in_codes"
    elif field.kind in {Kind.TEXT, Kind.ANY} and field.length:
        yield "长" * (field.length + 1), "too_long"
    elif field.kind is Kind.DIGITS:
        yield "1" * (field.length + 1), "not_digits"
    elif field.is_numeric and field.length:
        yield "1" * (field.length - field.scale + 1), "too_many_digits"
        yield "0." + "1" * (field.scale + 1), "too_many_decimals" if field.scale else "not_whole"
    elif field.is_dated:
        yield "2024-02-30 00:00:00", "bad_date" if field.kind is Kind.DATE else "bad_time"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_single_thing_wrong_is_refused_at_its_place(chapter: str) -> None:
    catalogue = load("national", FREE)
    for key in (key for key in KEYS if key[:2] == chapter):
        one = catalogue[key]
        for wrong in wrongs(one):
            assert not one.accepts(wrong.value), (key, wrong.path, wrong.problem)
            found = {(fault.path, fault.problem) for fault in one.faults(wrong.value)}
            assert found == {(wrong.path, wrong.problem)}, (key, wrong.path)


def test_every_example_is_right_where_its_transaction_exists() -> None:
    for profile in ("yunnan", "hunan"):
        catalogue = load(profile)
        assert all(
            catalogue[key].faults(example_input(catalogue[key])) == () for key in catalogue.infnos()
        )
