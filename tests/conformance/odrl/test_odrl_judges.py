"""The judges of others, as a test: every case of theirs that is here."""

from __future__ import annotations

import importlib

import pytest

from tests.conformance.odrl.__main__ import FOLDERS
from tests.conformance.odrl.outcome import REFERENCE, Verdict, told

pytestmark = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason="MADANG_REFERENCE names no folder with reference data"
)


@pytest.mark.parametrize(
    ("judge", "at_least"), [("force", 33), ("oval", 23), ("formal", 9), ("conflict", 100)]
)
def test_every_case_is_as_the_judge_expects(judge: str, at_least: int) -> None:
    verdicts = list(
        importlib.import_module(f"tests.conformance.odrl.{judge}").run(REFERENCE / FOLDERS[judge])
    )
    assert [v for v in verdicts if not v.passed] == []
    assert len(verdicts) >= at_least


def test_what_is_missed_is_told() -> None:
    lines = list(told("force", [Verdict("a"), Verdict("b", "because"), Verdict("c", "", "odd")], show=True))
    assert lines == ["MISS b: because", "note c: odd", "force: 2 passed, 1 failed"]
