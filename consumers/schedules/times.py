"""When a schedule is due, on the centre's clock. Pure."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from bus.clock import CENTRE_ZONE, centre_time
from bus.config.forms import WEEKDAYS
from bus.config.settings import ScheduleSettings


class Times:
    """The times of one schedule."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._at = sorted({time.fromisoformat(text) for text in settings.at})
        self._days = {WEEKDAYS.index(day) for day in settings.days or WEEKDAYS}

    def between(self, after_ms: int, until_ms: int) -> list[int]:
        """All times later than ``after_ms`` and not later than ``until_ms``."""
        found = []
        for due_ms in self._from(after_ms):
            if due_ms > until_ms:
                break
            found.append(due_ms)
        return found

    def next(self, after_ms: int) -> int:
        """The first time later than ``after_ms``."""
        return next(self._from(after_ms))

    def _from(self, after_ms: int) -> Iterator[int]:
        day = centre_time(after_ms).date()
        while True:
            for at in self._at if day.weekday() in self._days else ():
                due_ms = int(datetime.combine(day, at, CENTRE_ZONE).timestamp() * 1000)
                if due_ms > after_ms:
                    yield due_ms
            day += timedelta(days=1)
