"""Something moves after two seconds, and not before."""

from __future__ import annotations

import io
import sys
import threading

from connector.commands.progress import AFTER_S, Bytes, waiting


class Screen(io.StringIO):
    """A standard error that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.was_written = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        self.was_written.set()
        return written


def test_a_long_wait_is_said(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with waiting("counting", after_s=0.0):
        assert screen.was_written.wait(5.0)
    assert screen.getvalue() == "… counting\n"


def test_a_short_one_is_not(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with waiting("counting"):
        pass
    with Bytes("pulling") as bar:
        bar.at(1, 2)
    assert screen.getvalue() == ""


def test_two_seconds_are_two_seconds():
    assert AFTER_S == 2.0
