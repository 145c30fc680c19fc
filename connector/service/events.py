"""The event stream: what happened, to whoever listens, so that nobody polls."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connector.model.ports import Clock
from connector.store.tables import Tx

_log = logging.getLogger(__name__)
_BACKLOG: Final = 1000
_TOLD: Final = ("finalized", "terminated", "refused", "waiting", "overdue", "withdrawn", "ended", "suspended")
"""Events that an owner wants to find in the log; the others are for whoever looks for a fault."""
_FIELDS: Final = ("peer", "role", "from", "to", "by", "reason")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `type` like `negotiation.finalized`, `subject` its id."""

    number: int
    at: datetime
    type: str
    subject: str
    data: Mapping[str, Any]


class Events:
    """Hands each event to every listener; a listener that does not keep up is cut off."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._listeners: set[asyncio.Queue[Event | None]] = set()

    def publish(self, tx: Tx, type_: str, subject: str, data: Mapping[str, Any]) -> None:
        """Tell the listeners once the transaction is on disk.

        Whether anybody listens is asked only then: who begins to listen while the transaction is
        under way still reads the old state, and would wait for ever.
        """
        tx.after(lambda: self.tell(type_, subject, data))

    def tell(self, type_: str, subject: str, data: Mapping[str, Any]) -> None:
        """Tell the log and the listeners now."""
        level = logging.INFO if type_.endswith(_TOLD) else logging.DEBUG
        if _log.isEnabledFor(level):
            _log.log(level, type_, extra={"subject": subject, **{k: data[k] for k in _FIELDS if data.get(k)}})
        if not self._listeners:
            return
        event = Event(next(self._numbers), self._clock.now(), type_, subject, data)
        for listener in list(self._listeners):
            if listener.qsize() >= _BACKLOG:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait(event)

    async def listen(self) -> AsyncIterator[Event]:
        """All events from now on."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._listeners.discard(queue)

    async def first(self, *subjects: str, types: frozenset[str]) -> Event:
        """The next event of one of the types about one of the subjects."""
        async with aclosing(self.listen()) as events:  # type: ignore[type-var]  # an async generator has aclose
            async for event in events:
                if event.subject in subjects and event.type in types:
                    return event
        raise asyncio.CancelledError
