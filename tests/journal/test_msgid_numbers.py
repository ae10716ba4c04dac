"""Message numbers as a pure rule."""

from hypothesis import given
from hypothesis import strategies as st

from bus.journal.numbers import PER_SECOND, Mark, allot, format_msgid
from tests.journal.journal_engines import NOW

ASKED = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 12_000)), max_size=30)


@given(ASKED)
def test_blocks_never_overlap_and_the_second_never_goes_back(asked: list[tuple[int, int]]) -> None:
    mark: Mark | None = None
    given_out: list[tuple[str, int]] = []
    for offset_ms, count in asked:
        numbers, mark = allot(mark, NOW + offset_ms, count)
        assert 1 <= numbers.count <= min(count, PER_SECOND)
        assert numbers.first + numbers.count <= PER_SECOND
        if given_out:
            assert (numbers.second, numbers.first) > given_out[-1]
        given_out.append((numbers.second, numbers.first + numbers.count - 1))


def test_a_msgid_has_thirty_characters_on_the_clock_of_the_centre() -> None:
    numbers, _ = allot(None, NOW - 1, 1)
    assert numbers.second == "20251124235959"
    msgid = format_msgid("H53010200001-branch", numbers.second, 42)
    assert msgid == "H53010200001202511242359590042"
    assert len(msgid) == 30
