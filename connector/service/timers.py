"""Timers that fire when something is due: stored ones survive a restart, others are set anew.

Nothing polls: the loop sleeps until the earliest moment it knows of. The wall
clock may jump, so it looks at least every 30 seconds, without asking the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from connector.errors import ConnectorError
from connector.model.ports import Clock
from connector.store.api import Store
from connector.store.tables import Tx

_LOOK_EVERY_S: Final = 30.0
_log = logging.getLogger(__name__)
Handler = Callable[[Tx, str], None]


class Timers:
    """Runs a handler, in a transaction, for each timer that is due."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._volatile: dict[tuple[str, str], datetime] = {}
        self._next: datetime | None = None
        self._changed = asyncio.Event()

    def on(self, kind: str, handler: Handler) -> None:
        """Say what to do for a kind of timer."""
        self._handlers[kind] = handler

    def set(self, tx: Tx, kind: str, ref: str, due_at: datetime) -> None:
        """Store a timer with the transaction."""
        tx.timers.set(kind, ref, due_at)
        tx.after(lambda: self._hear(due_at))

    def clear(self, tx: Tx, kind: str, ref: str) -> None:
        """Forget a stored timer; waking once for nothing does no harm."""
        tx.timers.clear(kind, ref)

    def wake_in(self, seconds: float, kind: str, ref: str) -> None:
        """A timer that need not survive a restart."""
        due_at = self._clock.now() + timedelta(seconds=seconds)
        self._volatile[kind, ref] = due_at
        self._hear(due_at)

    def _hear(self, due_at: datetime) -> None:
        if self._next is None or due_at < self._next:
            self._next = due_at
            self._changed.set()

    async def run(self) -> None:
        """The loop; the application owns its task."""
        self._next = self._earliest(await self._store.read(lambda tx: tx.timers.next_due()))
        while True:
            self._changed.clear()
            now = self._clock.now()
            if self._next is not None and self._next <= now:
                await self._fire(now)
                continue
            wait_s = _LOOK_EVERY_S
            if self._next is not None:
                wait_s = min(wait_s, (self._next - now).total_seconds())
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _fire(self, now: datetime) -> None:
        for (kind, ref), due_at in list(self._volatile.items()):
            if due_at <= now:
                del self._volatile[kind, ref]
                await self._one(kind, ref)
        for timer in await self._store.read(lambda tx: tx.timers.due(now)):
            await self._one(timer.kind, timer.ref)
        self._next = self._earliest(await self._store.read(lambda tx: tx.timers.next_due()))

    async def _one(self, kind: str, ref: str) -> None:
        handler = self._handlers[kind]

        def work(tx: Tx) -> None:
            tx.timers.clear(kind, ref)
            handler(tx, ref)

        try:
            await self._store.transact(work)
        except ConnectorError as error:
            # It must not come back at once, and must not be lost.
            _log.warning("timer failed", extra={"timer": kind, "ref": ref, "error": str(error)})
            later = self._clock.now() + timedelta(seconds=_LOOK_EVERY_S)
            await self._store.transact(lambda tx: tx.timers.set(kind, ref, later))

    def _earliest(self, stored: datetime | None) -> datetime | None:
        known = [d for d in (stored, *self._volatile.values()) if d is not None]
        return min(known, default=None)
