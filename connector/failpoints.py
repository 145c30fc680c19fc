"""Named places at which a test may kill the process: no cleanup, no last word.

`MADANG_FAILPOINT=POINT[:NAME][:n]` arms one place; the process sends itself SIGKILL when it passes there
for the n-th time (the first, if n is missing). Without the variable a failpoint is a call that returns.
The names stand in docs/reliability.md.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "MADANG_FAILPOINT"


def parse(armed: str) -> tuple[str, int]:
    """The place and the number of the pass at which to die: `body:middle:2` is ("body:middle", 2).

    >>> parse("before-send:ContractRequestMessage")
    ('before-send:ContractRequestMessage', 1)
    """
    place, _, number = armed.rpartition(":")
    return (place, int(number)) if place and number.isdecimal() else (armed, 1)


_PLACE, _NTH = parse(os.environ.get(VARIABLE, ""))
_PASSES = itertools.count(1)
IS_ARMED: Final = bool(_PLACE)


def failpoint(point: str, name: str = "") -> None:
    """Die here if this place is the one that is armed, and its turn has come."""
    if IS_ARMED and (f"{point}:{name}" if name else point) == _PLACE and next(_PASSES) == _NTH:
        os.kill(os.getpid(), signal.SIGKILL)


def halfway(point: str, start: int, stop: int) -> Callable[[int, int], None] | None:
    """A listener to (offset, count) that passes `point` in the middle of a range; None if it is not armed."""
    if point != _PLACE:
        return None

    def hear(offset: int, count: int) -> None:
        if offset + count >= (start + stop) // 2:
            failpoint(point)

    return hear
