"""Taking a file only when nobody is writing it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from connector.errors import SourceInvalid
from connector.model.ports import Clock

SETTLE_S = 0.2
"""How long size and modification time have to stand still."""

State = TypeVar("State")


async def settled(look: Callable[[], State], *, said: str, clock: Clock, settle_s: float) -> State:
    """What `look` (blocking, run in a thread) finds twice, `settle_s` seconds apart.

    Raises:
        SourceInvalid: the second look found something else.
    """
    before = await asyncio.to_thread(look)
    await clock.sleep(settle_s)
    after = await asyncio.to_thread(look)
    if before != after:
        raise SourceInvalid("it is being written to", pointer=said, hint="publish it when it is complete")
    return after
