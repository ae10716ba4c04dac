"""One JSON line per event, masked, whoever wrote the record and whatever went wrong."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bus.logs import LOGGER, JsonFormatter, configure, log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, before, level = logging.getLogger(), logging.getLogger().handlers[:], LOGGER.level
    out = io.StringIO()
    configure(out, "info", "w1")
    yield out
    root.handlers[:] = before
    LOGGER.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields(stream: io.StringIO) -> None:
    log("breaker_opened", gateway="main", failures=10)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "breaker_opened",
        "worker": "w1",
        "gateway": "main",
        "failures": 10,
    }


def test_a_field_cannot_pass_for_one_of_the_lines_own(stream: io.StringIO) -> None:
    log("x", worker="other", time="never")
    (line,) = lines(stream)
    assert line["worker"] == "w1"
    assert line["worker_"] == "other"
    assert line["time_"] == "never"


def test_an_exception_and_its_cause_are_masked(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("certno 53010219900101123X") from KeyError("psn_name=张三")

    try:
        fail()
    except ValueError as error:
        log("call_failed", level=logging.ERROR, error=error)
    said = stream.getvalue()
    assert "ValueError" in said
    assert "KeyError" in said
    assert "张三" not in said
    assert "53010219900101123X" not in said
    assert len(lines(stream)) == 1


def test_records_of_libraries_go_through_the_same_masking(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("body was %s", '{"tel": "13812345678"}')
    logging.getLogger("some.library").info("frames are not logged")
    (line,) = lines(stream)
    assert line["event"] == "library"
    assert line["logger"] == "some.library"
    assert "13812345678" not in line["message"]


def test_a_level_below_the_chosen_one_is_not_written(stream: io.StringIO) -> None:
    log("noise", level=logging.DEBUG)
    assert stream.getvalue() == ""


def test_a_broken_record_never_shows_its_arguments(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()  # without pytest's own handler, which would raise
    ours = [handler for handler in root.handlers if isinstance(handler.formatter, JsonFormatter)]
    monkeypatch.setattr(root, "handlers", ours)
    logging.getLogger("some.library").error("%d", "planted-name")
    assert "planted-name" not in stream.getvalue()
    assert lines(stream) == [{"event": "log_failed", "error": "TypeError"}]


def test_a_closed_stream_does_not_stop_the_worker(stream: io.StringIO) -> None:
    stream.close()
    log("still_running")


def test_configuring_again_replaces_the_stream(stream: io.StringIO) -> None:
    second = io.StringIO()
    configure(second, "info", "w2")
    log("x")
    assert stream.getvalue() == ""
    assert len(lines(second)) == 1
