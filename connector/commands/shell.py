"""What every verb gets: where the home is, which language, and how to say things."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from connector.commands.texts import TEXTS
from connector.errors import BadInput, ConnectorError, NotFound


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    NOT_RUNNING = 3

    @staticmethod
    def of(error: ConnectorError) -> Exit:
        """The exit code of an error: whoever called can mend bad input, and start a connector."""
        if error.reason_code == "not-running":
            return Exit.NOT_RUNNING
        if isinstance(error, BadInput | NotFound) or error.status in (400, 404):
            return Exit.BAD_INPUT
        return Exit.FAILED


def language(environ: Mapping[str, str]) -> str:
    """`ko` or `en`, by the locale's variables in their usual order."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return "ko" if value.startswith("ko") else "en"
    return "en"


def one_line(text: str) -> str:
    """The text on one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


@dataclass(frozen=True, slots=True)
class Shell:
    """Where a verb runs and how it answers."""

    home: Path
    lang: str
    is_json: bool

    def text(self, code: str, /, **params: object) -> str:
        """A text of the table, in the language chosen. Raises KeyError for a code without text."""
        template = TEXTS[code][0 if self.lang == "ko" else 1]
        return template.format(**params) if params else template

    def pick(self, both: Any) -> str:
        """The words for this language out of {"ko": …, "en": …}; other values as they are."""
        if isinstance(both, Mapping):
            other = "en" if self.lang == "ko" else "ko"
            return str(both.get(self.lang) or both.get(other) or "")
        return "" if both is None else str(both)

    def say(self, code: str, /, **params: object) -> None:
        """Print a text; nothing in JSON mode, where only data is printed."""
        if not self.is_json:
            self.write(self.text(code, **params))

    def write(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def data(self, value: Any) -> None:
        """Print a value as JSON."""
        self.write(json.dumps(value, ensure_ascii=False, indent=2))

    def show(self, value: Any, human: Callable[[], None]) -> None:
        """Print the value as JSON if that was asked for, else let `human` print it."""
        if self.is_json:
            self.data(value)
        else:
            human()

    def warn(self, code: str, /, **params: object) -> None:
        """Print a text on standard error."""
        sys.stderr.write(self.text(code, **params) + "\n")

    def complain(self, error: ConnectorError) -> None:
        """One line about an error on standard error, and one with what would mend it."""
        if self.is_json:
            said = {
                "code": error.reason_code,
                "message": error.message,
                "path": error.pointer,
                "hint": error.hint,
            }
            sys.stderr.write(json.dumps({**said, **error.extra}, ensure_ascii=False) + "\n")
            return
        lines = [f"madang: {self.error_text(error)}"]
        findings = error.extra.get("findings")
        if isinstance(findings, list):
            lines = [f"madang: {self.text('error.findings')}", *(f"  - {self.pick(f)}" for f in findings)]
        if error.hint:
            lines.append(f"  → {error.hint}")
        sys.stderr.write("\n".join(one_line(line) for line in lines) + "\n")

    def complain_plain(self, message: str, hint: str) -> None:
        """One line about input that never reached a verb, and one with what would mend it."""
        self.complain(BadInput(message, hint=hint))

    def error_text(self, error: ConnectorError) -> str:
        """What is wrong; in Korean behind a heading for the kind of error."""
        reason = error.extra.get("reason")
        detail = self.pick(reason) if isinstance(reason, Mapping) else str(error)
        heading = f"error.{error.reason_code}"
        if heading == "error.not-running":
            return self.text(heading)
        is_translated = any("가" <= c <= "힣" for c in detail)
        if self.lang != "ko" or heading not in TEXTS or is_translated:
            return detail
        return f"{self.text(heading)} ({detail})"
