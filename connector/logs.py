"""Where the connector's log goes, and what never goes into it.

Events with fields on standard error, as text or as JSON lines. A field whose name speaks of a
secret is dropped, and anything of the form of a token is masked wherever it stands: the last of
several lines of defence, not the first.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from connector.errors import BadInput
from connector.model.times import iso

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")
_SECRET: Final = re.compile(
    r"authorization|token|secret|password|api.?key|private.?key|payload|body", re.IGNORECASE
)
_TOKEN: Final = re.compile(r"eyJ[\w-]{5,}\.[\w-]*\.?[\w-]*|(?i:bearer)\s+[\w.~+/=-]{8,}")
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def mask(text: str) -> str:
    """The text without anything that looks like a token."""
    return _TOKEN.sub("[token]", text)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that came with the event, secrets left out."""
    return {
        name: value if isinstance(value, int | float | bool) or value is None else mask(str(value))
        for name, value in vars(record).items()
        if name not in _OWN and not _SECRET.search(name)
    }


def _trace(record: logging.LogRecord) -> str:
    """The whole stack trace, masked; "" if there is none."""
    if record.exc_info is None or record.exc_info[0] is None:
        return ""
    return mask("".join(traceback.format_exception(*record.exc_info)).rstrip())


def _moment(record: logging.LogRecord) -> str:
    return iso(datetime.fromtimestamp(record.created, UTC))


class TextFormatter(logging.Formatter):
    """`2026-11-24T12:00:00.123Z info connector.web: what happened name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the trace below it if there is one."""
        head = f"{_moment(record)} {record.levelname.lower()} {record.name}: {mask(record.getMessage())}"
        said = [head, *(f"{name}={_shown(value)}" for name, value in fields(record).items())]
        trace = _trace(record)
        return " ".join(said) + (f"\n{trace}" if trace else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said: dict[str, Any] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": mask(record.getMessage()),
            **fields(record),
        }
        if trace := _trace(record):
            said["trace"] = trace
        return json.dumps(said, ensure_ascii=False)


def _shown(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) or not text else text


_FORMATTERS: Final[Mapping[str, type[logging.Formatter]]] = {"text": TextFormatter, "json": JsonFormatter}


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send every event of at least `level` to `stream` (standard error), in that form.

    Raises:
        BadInput: no such level or form.
    """
    if level not in LEVELS:
        raise BadInput(f"must be one of {', '.join(LEVELS)}", pointer="log.level")
    if form not in FORMATS:
        raise BadInput(f"must be one of {', '.join(FORMATS)}", pointer="log.format")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_FORMATTERS[form]())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # What asyncio says at debug level is about itself, a line for each poll.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
