"""What a judge says of one case, and how a run of many is told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = Path(os.environ.get("MADANG_REFERENCE", ROOT.parent / "shared")) / "data" / "odrl"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case. reason: why it was missed, "" if it was not. note: something worth telling anyway."""

    case: str
    reason: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the engine said what the judge expects."""
        return not self.reason


def told(name: str, verdicts: Iterable[Verdict], *, show: bool) -> Iterator[str]:
    """Each miss with its reason, and the line that others read."""
    listed = list(verdicts)
    for verdict in listed:
        if not verdict.passed:
            yield f"MISS {verdict.case}: {verdict.reason}"
        elif show and verdict.note:
            yield f"note {verdict.case}: {verdict.note}"
    passed = sum(verdict.passed for verdict in listed)
    yield f"{name}: {passed} passed, {len(listed) - passed} failed"
