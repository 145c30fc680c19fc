"""`docs/policy.md` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from connector.policy import CODES, OPERANDS, Templates
from connector.policy import document as limits
from connector.policy.terms import short
from connector.policy.values import MAX_TEXT

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")


def rows(section: str) -> list[list[str]]:
    """The table of a section, without its head."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line] for line in lines]


def test_the_table_of_operands() -> None:
    told = {row[0]: row[1:] for row in rows("What is understood")}
    assert told == {
        f"`{short(iri)}`": [
            " ".join(sorted(operand.operators)),
            operand.evidence.value,
            operand.enforcement.value,
            f"`{operand.unknown_code}`",
        ]
        for iri, operand in OPERANDS.items()
    }


def test_every_code_has_a_heading_and_every_heading_a_code() -> None:
    assert set(re.findall(r"^### `([a-z-]+)`$", PAGE, re.MULTILINE)) == CODES


def test_every_template_and_parameter_is_told() -> None:
    templates = Templates.load(ROOT / "policies")
    told = {row[0].strip("`"): set(re.findall(r"`([a-z]+)`", row[1])) for row in rows("Templates")}
    assert told == {name: set(templates[name].accepted) for name in templates.names}


def test_the_limits_are_told() -> None:
    for limit, what in (
        (limits.MAX_CONSTRAINTS, "constraints"),
        (limits.MAX_RULES, "rules"),
        (limits.MAX_DEPTH, "levels of logic"),
        (limits.MAX_VALUES, "values in a set"),
        (limits.MAX_MEMBERS, "members in all"),
        (MAX_TEXT, "characters"),
    ):
        assert f"{limit:,} {what}" in PAGE
