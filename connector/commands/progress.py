"""Something moves on the screen when a thing lasts longer than two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

AFTER_S: Final = 2.0


@contextmanager
def waiting(text: str, *, after_s: float = AFTER_S) -> Iterator[None]:
    """Show `text` with a spinner and the seconds while the block lasts longer than `after_s`.

    On a standard error that is no terminal one line says the same.
    """
    shown: list[Any] = []
    lock = threading.Lock()
    is_over = False

    def begin() -> None:
        with lock:
            if is_over:
                return
            if not sys.stderr.isatty():
                sys.stderr.write(f"… {text}\n")
                sys.stderr.flush()
                return
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            bar = Progress(*columns, console=Console(stderr=True), transient=True)
            bar.add_task(text, total=None)
            bar.start()
            shown.append(bar)

    timer = threading.Timer(after_s, begin)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            is_over = True
            timer.cancel()
            for bar in shown:
                bar.stop()


class Bytes:
    """Bytes so far, of how many: a bar once it lasts longer than two seconds and a terminal looks on."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bar: Any = None
        self._task: Any = None
        self._is_due = threading.Event()
        self._timer = threading.Timer(AFTER_S, self._is_due.set)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to count the two seconds."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._timer.cancel()
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, total: int | None) -> None:
        """So many bytes have arrived."""
        if not self._is_due.is_set():
            return
        if self._bar is None:
            self._begin(total)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def _begin(self, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._text, total=total)
        self._bar.start()
