"""One process for each home: two on the same database would send everything twice."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from connector.errors import Unavailable

LOCK: Final = "madang.lock"


class Holding:
    """The hold on a home folder; the system lets go of it when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK
        self._fd: int | None = None

    def take(self) -> None:
        """Hold the home.

        Raises:
            Unavailable: another connector runs on it.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise Unavailable(
                f"a connector runs on {self._path.parent} already",
                hint="stop it first, or name another folder with --home",
            ) from None
        self._fd = fd

    def release(self) -> None:
        """Let go; without a hold nothing happens."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
