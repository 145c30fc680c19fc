"""No log call may use a field name that the logging module keeps: it would raise instead of logging."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3] / "connector"
TAKEN = frozenset(vars(logging.LogRecord("n", 0, "p", 0, "m", None, None))) | {
    "message",
    "asctime",
    "taskName",
}


def fields_in(source: str) -> list[tuple[int, str]]:
    """(line, field) of each literal `extra` in a source text."""
    return [
        (key.lineno, str(key.value))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict)
        for key in keyword.value.keys
        if isinstance(key, ast.Constant)
    ]


def test_no_field_is_taken() -> None:
    fields = [(path, *f) for path in sorted(ROOT.rglob("*.py")) for f in fields_in(path.read_text("utf-8"))]
    # Errors have an `extra` too, whose members go on the wire: theirs may have any name.
    assert len(fields) > 10
    logged = [f for f in fields if f[2] in TAKEN and "_log." in _line(f[0], f[1])]
    assert logged == []


def _line(path: Path, number: int) -> str:
    lines = path.read_text("utf-8").splitlines()
    return "\n".join(lines[max(0, number - 3) : number])


def test_a_taken_field_would_be_found() -> None:
    assert fields_in('_log.info("x", extra={"message": 1, "peer": 2})') == [(1, "message"), (1, "peer")]
    assert "message" in TAKEN
