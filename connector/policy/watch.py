"""Which live agreements have to be asked again, and when: no scan, ever.

A decision says until when the clock leaves it alone (`valid_until`) and which facts it rests on
(`facts`). Here the first goes into a heap, the second into an index: the next expiry is found in
O(log n), and a changed fact names only those agreements that look at it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connector.policy.decision import Decision

ANYONE: Final = ""
"""A changed fact that is nobody's own, such as a hierarchy or a status list."""


@dataclass(frozen=True, slots=True)
class _Entry:
    generation: int
    until: datetime | None
    facts: frozenset[str]
    owner: str


class Watch:
    """Live agreements by key. Not thread-safe; the owner is one task.

    A key that is set again forgets what was known of it before. Entries of the heap that were
    overtaken are dropped when they come up, and the heap is rebuilt once they are the majority.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[datetime, int, str]] = []
        self._by_fact: dict[str, dict[str, set[str]]] = {}
        self._generation = 0

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: str, decision: Decision, owner: str = ANYONE) -> None:
        """Watch an agreement as it was just decided. owner: whose facts it rests on, a participant."""
        self.forget(key)
        self._generation += 1
        entry = _Entry(self._generation, decision.valid_until, decision.facts, owner)
        self._entries[key] = entry
        for fact in entry.facts:
            self._by_fact.setdefault(fact, {}).setdefault(owner, set()).add(key)
        if entry.until is not None:
            heapq.heappush(self._heap, (entry.until, entry.generation, key))
        if len(self._heap) > 2 * len(self._entries) + 16:
            self._heap = [
                (one.until, one.generation, name)
                for name, one in self._entries.items()
                if one.until is not None
            ]
            heapq.heapify(self._heap)

    def forget(self, key: str) -> None:
        """Stop watching; an unknown key is no error."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for fact in entry.facts:
            owners = self._by_fact[fact]
            owners[entry.owner].discard(key)
            if not owners[entry.owner]:
                del owners[entry.owner]
            if not owners:
                del self._by_fact[fact]

    def next_at(self) -> datetime | None:
        """When the next agreement falls due, None if none ever does: what a timer is set to."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: datetime) -> Iterator[str]:
        """Take out, in order of time, the agreements that have to be asked again by now.

        Each is no longer watched; whoever asks it sets it again.
        """
        while (at := self.next_at()) is not None and at <= now:
            _, _, key = heapq.heappop(self._heap)
            self.forget(key)
            yield key

    def touched(self, facts: Iterable[str], owner: str | None = None) -> frozenset[str]:
        """The agreements that look at one of these facts; of one owner and of nobody, or of all."""
        found: set[str] = set()
        for fact in facts:
            owners = self._by_fact.get(fact, {})
            for one in owners if owner is None else (owner, ANYONE):
                found |= owners.get(one, set())
        return frozenset(found)

    def _is_live(self, item: tuple[datetime, int, str]) -> bool:
        entry = self._entries.get(item[2])
        return entry is not None and entry.generation == item[1]
