"""Going on whatever dies meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tests.crash.factory import Factory, Gone, Refused

T = TypeVar("T")
END_WITHIN_S = 45.0
GRACE_S = 3.0


def until(attempt: Callable[[], T | None], what: str, *, within_s: float = END_WITHIN_S) -> T:
    """Try until something comes of it; a dead or refusing side is tried again, as a person would.

    Raises:
        AssertionError: nothing came of it in time.
    """
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            found = attempt()
        except (Gone, Refused) as error:
            last, found = error, None
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within_s} s; last: {last}")


class Rescue:
    """Starts a factory again, unarmed, as soon as it has died at its failpoint."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self.has_died = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(0.01):
            if not self._factory.is_running:
                self.has_died = self._factory.died_at_failpoint()
                self._factory.start()
                return

    def finish(self) -> None:
        """Stop watching; the last places are passed a moment after what can be seen from outside."""
        self._thread.join(GRACE_S)
        self._is_over.set()
        self._thread.join()
