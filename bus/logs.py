"""Logs are JSON lines on a stream: ``time``, ``level``, ``event``, ``worker`` and the event's
fields.

Masking happens here, at the formatter, so that no caller can forget it; records of libraries pass
through the same formatter. Only changes of state are logged, never a message of the hot path.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from bus.masking import masked, masked_text, trace_of

LOGGER = logging.getLogger("yibao")
LIBRARIES_LEVEL = logging.WARNING
"""Libraries log whole frames below this level."""

_RESERVED = frozenset({"time", "level", "event", "worker", "error", "logger"})


class JsonFormatter(logging.Formatter):
    """One record as one line of JSON with identities masked."""

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self.worker = worker

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "event": "library",
        }
        if self.worker:
            line["worker"] = self.worker
        fields = getattr(record, "yibao_fields", None)
        if fields is None:
            line |= {"logger": record.name, "message": masked_text(record.getMessage())}
        else:
            line["event"] = masked_text(str(record.msg))
            for key, value in masked(fields).items():
                line[f"{key}_" if key in _RESERVED else key] = value
        if record.exc_info:
            error = record.exc_info[1]
            line["error"] = trace_of(error) if error else ""
        return json.dumps(line, ensure_ascii=False, default=str)


class _Handler(logging.StreamHandler[TextIO]):
    """A handler whose own faults never print the record (the standard one would, unmasked)."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - name of the base class
        error = sys.exc_info()[0]
        name = error.__name__ if error else ""
        try:
            self.stream.write(f'{{"event": "log_failed", "error": "{name}"}}\n')
        except (OSError, ValueError):  # the stream is gone: there is nowhere left to say so
            return


def configure(stream: TextIO, level: str = "info", worker: str = "") -> None:
    """Send all logs of this process to ``stream``; calling it again replaces the stream.

    ``level`` is debug, info, warning or error; ``worker`` names this process in every line.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler(stream)
    handler.setFormatter(JsonFormatter(worker))
    root.addHandler(handler)
    root.setLevel(LIBRARIES_LEVEL)
    LOGGER.setLevel(level.upper())


def log(
    event: str, /, *, level: int = logging.INFO, error: BaseException | None = None, **fields: Any
) -> None:
    """One line about ``event`` (a slug such as ``worker_started``) with its fields; ``error`` adds
    where it came from."""
    LOGGER.log(level, event, extra={"yibao_fields": fields}, exc_info=error)


def _time(created: float) -> str:
    text = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
