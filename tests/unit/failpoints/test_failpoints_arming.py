"""A failpoint kills exactly where, and exactly when, it is armed; every one of them stands in the docs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connector.failpoints import IS_ARMED, failpoint, halfway, parse

ROOT = Path(__file__).resolve().parents[3]
PASSES = """
from connector.failpoints import failpoint, halfway
for turn in range(3):
    failpoint("before-send", "Other")
    failpoint("before-send", "ContractRequestMessage")
    print(turn, flush=True)
hear = halfway("body:middle", 0, 100)
for offset in range(0, 100, 10) if hear else ():
    print(f"at {offset}", flush=True)
    hear(offset, 10)
"""


def run(armed: str) -> tuple[int, list[str]]:
    """Pass the places in a process of its own, armed so; how it ended, and what it still said."""
    environment = {**os.environ, "MADANG_FAILPOINT": armed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PASSES], env=environment, capture_output=True, check=False, text=True
    )
    return done.returncode, done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("armed", "code", "said"),
    [
        ("", 0, ["0", "1", "2"]),
        ("before-send:ContractRequestMessage", -signal.SIGKILL, []),
        ("before-send:ContractRequestMessage:3", -signal.SIGKILL, ["0", "1"]),
        ("before-send:ContractRequestMessage:4", 0, ["0", "1", "2"]),
        ("before-send", 0, ["0", "1", "2"]),
        ("body:middle", -signal.SIGKILL, ["0", "1", "2", "at 0", "at 10", "at 20", "at 30", "at 40"]),
    ],
)
def test_a_process_dies_where_it_is_armed(armed: str, code: int, said: list[str]) -> None:
    assert run(armed) == (code, said)


@pytest.mark.parametrize(
    ("armed", "place", "number"),
    [
        ("body:middle", "body:middle", 1),
        ("body:middle:2", "body:middle", 2),
        (
            "after-send:ContractNegotiationEventMessage:FINALIZED:10",
            "after-send:ContractNegotiationEventMessage:FINALIZED",
            10,
        ),
        ("", "", 1),
    ],
)
def test_the_number_of_the_pass_is_optional(armed: str, place: str, number: int) -> None:
    assert parse(armed) == (place, number)


def test_unarmed_it_does_nothing() -> None:
    assert not IS_ARMED
    failpoint("before-commit", "ContractRequestMessage")
    assert halfway("body:middle", 0, 100) is None


def test_every_failpoint_of_the_code_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z:-]+?)(?::MESSAGE)?` \|", page, re.MULTILINE))
    code = "".join(
        p.read_text("utf-8") for p in (ROOT / "connector").rglob("*.py") if p.name != "failpoints.py"
    )
    placed = set(re.findall(r'(?:failpoint|_pass|halfway)\(\s*"([a-z:-]+)"', code))
    assert placed == told
    assert len(placed) >= 10
