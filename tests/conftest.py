"""What every test run has in common: it says how many judges that we did not write were heard.

A *judge* is a test file that opened at least one file under MADANG_REFERENCE (schemas, contexts, cases of
others) and of which a test passed. `.ci/run` refuses a run without any. Counting what was opened, not what
was meant to be, keeps the number honest where the reference is missing and those tests skip.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(os.environ.get("MADANG_REFERENCE", "../shared")).resolve()


class Judges:
    """Which test file opened reference material, and which had a test that passed."""

    def __init__(self, reference: Path) -> None:
        self._prefix = str(reference) + os.sep
        self._now: Path | None = None
        self.consulted: set[Path] = set()
        self.passed: set[Path] = set()

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: a file is being opened (on behalf of the test file whose turn it is)."""
        if event != "open" or self._now is None or self._now in self.consulted:
            return
        path = arguments[0]
        if isinstance(path, str) and os.path.abspath(path).startswith(self._prefix):  # noqa: PTH100 -- hot
            self.consulted.add(self._now)

    @contextmanager
    def turn_of(self, file: Path) -> Iterator[None]:
        """While this lasts, what is opened is opened for that test file."""
        before, self._now = self._now, file
        try:
            yield
        finally:
            self._now = before

    @property
    def heard(self) -> int:
        """How many judges were run."""
        return len(self.consulted & self.passed)


JUDGES = Judges(REFERENCE)
sys.addaudithook(JUDGES.see)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, object, object]:
    with JUDGES.turn_of(collector.path):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with JUDGES.turn_of(item.path):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.passed:
        JUDGES.passed.add(item.path)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"reference: {JUDGES.heard} judges run")
