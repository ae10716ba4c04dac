"""When a schedule is due."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from bus.clock import CENTRE_ZONE, centre_second
from bus.config.forms import FORMS, WEEKDAYS
from bus.config.settings import ScheduleSettings
from consumers.schedules.times import Times

HOUR_MS = 3_600_000
FRIDAY = int(datetime(2026, 11, 20, 22, 0, tzinfo=CENTRE_ZONE).timestamp() * 1000)


def times(*at: str, days: tuple[str, ...] = ()) -> Times:
    return Times(ScheduleSettings(job="sign_out", at=at, days=days))


def shown(*dues_ms: int) -> list[str]:
    return [centre_second(due_ms) for due_ms in dues_ms]


def test_a_time_of_the_day_is_the_centres_and_comes_every_day() -> None:
    evening = times("22:30")
    assert shown(evening.next(FRIDAY)) == ["2026-11-20 22:30:00"]
    assert shown(evening.next(evening.next(FRIDAY))) == ["2026-11-21 22:30:00"]


def test_the_time_itself_is_not_later_than_itself() -> None:
    assert shown(times("22:00").next(FRIDAY)) == ["2026-11-21 22:00:00"]
    assert times("22:00").between(FRIDAY - 1, FRIDAY) == [FRIDAY]


def test_weekdays_that_are_not_named_are_left_out() -> None:
    assert shown(times("07:00", days=("mon",)).next(FRIDAY)) == ["2026-11-23 07:00:00"]


def test_all_times_of_a_span_are_found_in_order() -> None:
    found = times("13:00", "07:00").between(FRIDAY, FRIDAY + 40 * HOUR_MS)
    assert shown(*found) == [
        "2026-11-21 07:00:00",
        "2026-11-21 13:00:00",
        "2026-11-22 07:00:00",
        "2026-11-22 13:00:00",
    ]


CLOCKS = st.builds(
    lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59)
)


@given(
    st.lists(CLOCKS, min_size=1, max_size=4),
    st.lists(st.sampled_from(WEEKDAYS), max_size=3),
    st.integers(0, 4_000_000_000_000),
)
def test_going_from_time_to_time_meets_all_of_a_fortnight(
    at: list[str], days: list[str], begin_ms: int
) -> None:
    each = times(*at, days=tuple(days))
    end_ms = begin_ms + 14 * 24 * HOUR_MS
    walked, now_ms = [], begin_ms
    while (now_ms := each.next(now_ms)) <= end_ms:
        walked.append(now_ms)
    assert walked == each.between(begin_ms, end_ms)
    assert len(walked) == 2 * len(set(at)) * len(set(days) or WEEKDAYS)


def test_what_is_no_time_and_no_weekday_is_said_with_what_is_allowed() -> None:
    assert FORMS["times"](("22:30", "00:00")) == ""
    for wrong in ((), ("24:00",), ("7:00",), ("22.30",), ("22:30 ",)):
        assert "07:00" in FORMS["times"](wrong)
    assert FORMS["weekdays"](("mon", "sun")) == ""
    assert "mon" in FORMS["weekdays"](("Monday",))
