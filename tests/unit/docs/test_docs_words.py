"""What must not stand anywhere in the project: other people's addresses, loose ends, real secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".yml",
    ".sql",
    ".ttl",
    ".json",
    ".jsonld",
    ".lock",
    ".sh",
    ".cfg",
    ".txt",
    ".xml",
    "",
}
NOT_OURS = {
    ".git",
    ".venv",
    "build",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}

# Written in pieces, so that this file does not find itself.
HOSTS = re.compile(
    "|".join(
        part.replace("~", "")
        for part in (r"py~pi\.org", r"python~hosted\.org", r"gh~cr\.io", r"regis~try\.npmjs", r"qu~ay\.io")
    )
)
INDEX = re.compile("--(?:extra-)?ind~ex-url|--trusted-ho~st|--find-lin~ks".replace("~", ""))
LOOSE_ENDS = re.compile(r"\b(?:TO~DO|FIX~ME|XX~X|HA~CK)\b".replace("~", ""))
PLACES = re.compile(r"(?<![\w.-])/(?:work|home|root)/[a-z]".replace("~", ""))
REFERENCE = re.compile(r"\.\./sha~red".replace("~", ""))
KEYS = re.compile("-----BEGIN [A-Z ]*PRIVATE K~EY-----\n[A-Za-z0-9+/=]{40}".replace("~", ""))

MAY_NAME_THE_REFERENCE = {".ci/run"}
"""Beside the tests, which look for reference cases there when nothing else is said."""


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project, by its path."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if NOT_OURS & set(parts) or path.suffix not in TEXTS or not path.is_file():
            continue
        if any(part.startswith(".venv") for part in parts):
            continue
        try:
            yield "/".join(parts), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a binary without suffix


TEXT = dict(texts())


@pytest.mark.parametrize(
    "forbidden",
    [HOSTS, INDEX, LOOSE_ENDS, PLACES, KEYS],
    ids=["hosts", "index", "loose-ends", "places", "keys"],
)
def test_nothing_forbidden_stands_anywhere(forbidden: re.Pattern[str]) -> None:
    found = [f"{path}: {match[0]}" for path, text in TEXT.items() for match in forbidden.finditer(text)]
    if forbidden is INDEX:  # the tool that keeps these out of the locks must name them
        found = [line for line in found if not line.startswith("tools/lock.py")]
    assert found == []


def test_the_reference_is_named_by_tests_alone() -> None:
    found = {path for path, text in TEXT.items() if REFERENCE.search(text)}
    assert {path for path in found if not path.startswith("tests/")} <= MAY_NAME_THE_REFERENCE | {
        "CONTRIBUTING.md"
    }


@pytest.mark.parametrize(
    ("pattern", "sample"),
    [
        (HOSTS, "https://files.python" + "hosted.org/x"),
        (INDEX, "--extra-ind" + "ex-url x"),
        (LOOSE_ENDS, "# TO" + "DO later"),
        (PLACES, "see /wo" + "rk/x"),
        (REFERENCE, "../sha" + "red/x"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], sample: str) -> None:
    assert pattern.search(sample)


def test_the_search_reads_the_project() -> None:
    assert {"README.md", "Makefile", "connector/errors.py", ".ci/run", "requirements.lock"} <= set(TEXT)
