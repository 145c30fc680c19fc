"""Korean and English are equals: every text is there in both, with the same parameters, and is used."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connector.commands.reference import markdown, verbs
from connector.commands.texts import TEXTS
from connector.errors import ConnectorError
from connector.service.doctor_texts import FINDINGS

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    *(ROOT / "connector" / "commands").glob("*.py"),
    ROOT / "connector" / "demo.py",
    ROOT / "connector" / "cli.py",
]
TABLES = {"texts.py", "help_texts.py", "demo_texts.py", "policy_texts.py"}
CODE = re.compile(r'f?["\']([a-z]+(?:\.[a-z0-9_.-]+)*\.(?:[a-z0-9_-]+|\{[^}"]+\}))["\']')
HANGUL = re.compile("[가-힣]")


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def used() -> Iterator[re.Pattern[str]]:
    """A pattern for each code that stands in the sources; `{…}` in one stands for anything."""
    for path in SOURCES:
        if path.name in TABLES:
            continue
        text = path.read_text("utf-8")
        for code in set(CODE.findall(text)) | ({"terms"} if '"terms"' in text else set()):
            yield re.compile(re.sub(r"\\\{.*?\\\}", "[a-z0-9_.-]+", re.escape(code)))


@pytest.mark.parametrize("table", [TEXTS, FINDINGS], ids=["texts", "findings"])
def test_both_languages_have_every_text(table: Mapping[str, tuple[str, ...]]) -> None:
    for code, said in table.items():
        for ko, en in (said[:2], said[2:])[: len(said) // 2]:
            assert bool(ko) == bool(en), code
            assert fields(ko) == fields(en), code
            assert not HANGUL.search(en), code


def test_korean_is_korean() -> None:
    symbols = {code for code, (ko, _) in TEXTS.items() if not HANGUL.search(ko)}
    assert symbols == set()
    assert {code for code, said in FINDINGS.items() if not HANGUL.search(said[0])} == {"peer.ok"}


def test_every_text_is_used() -> None:
    patterns = list(used())
    assert len(patterns) > 100
    unused = {code for code in TEXTS if not any(pattern.fullmatch(code) for pattern in patterns)}
    assert unused == set()


def test_every_finding_is_made_somewhere() -> None:
    text = (ROOT / "connector" / "service" / "doctor.py").read_text("utf-8")
    assert {code for code in FINDINGS if f'"{code}"' not in text} == set()


def test_every_error_has_a_korean_heading() -> None:
    def below(kind: type[ConnectorError]) -> Iterator[type[ConnectorError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    codes = {kind.code for kind in below(ConnectorError) if kind.__module__ == "connector.errors"}
    assert {code for code in codes if f"error.{code}" not in TEXTS} == set()


def test_every_verb_is_there_and_on_its_page() -> None:
    expected = {
        *("init", "up", "status", "publish", "unpublish", "republish", "catalog", "request", "offer"),
        *("inbox list", "inbox approve", "inbox refuse", "inbox counter"),
        *("contract list", "contract show", "contract export", "contract verify", "contract withdraw"),
        *("transfer list", "transfer suspend", "transfer resume", "transfer terminate", "transfer complete"),
        *("pull", "ledger verify", "doctor", "backup", "restore", "demo"),
        *("policy check", "policy diff", "policy conflicts", "policy explain", "policy lint", "policy build"),
        "policy words",
    }
    assert set(verbs()) == expected
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert markdown() in page
    assert {verb for verb in expected if f"### madang {verb}\n" not in page} == set()
