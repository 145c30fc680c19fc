"""Answers of the open side as they were last written, kept while nothing in the catalog changes.

Anybody may ask for a page of the catalog in four forms and two languages, and each is thousands of
statements: whoever asks again and again must not keep the connector from its streams.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from connector.model.ports import Clock

MAX_BYTES: Final = 8 << 20
"""All kept answers together."""
_MAX_SHARE: Final = 4
"""One answer may take that part of it: the largest must not push out all the others."""
_KEEP_S: Final = 300.0
"""Offers are signed anew from time to time; an answer that is older than this is written again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A written answer: media type, headers, and what the ledger is told of its reading."""

    body: bytes
    form: str
    headers: dict[str, str]
    subject: str
    datasets: int
    status: int = 200
    etag: str = ""
    """Names these very bytes, for a reader that has them already (RFC 9110, 8.8.3)."""

    def tagged(self) -> Answer:
        """The same with its name."""
        return replace(self, etag=hashlib.sha256(self.body).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class _Entry:
    generation: int
    until_s: float
    answer: Answer


class Kept:
    """The answers, least recently used ones dropped."""

    def __init__(self, clock: Clock, *, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def find(self, key: Hashable, generation: int) -> Answer | None:
        """The answer to the same question about the same state of the catalog."""
        entry = self._entries.get(key)
        if entry is None or entry.generation != generation or entry.until_s < self._clock.monotonic():
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def keep(self, key: Hashable, generation: int, answer: Answer) -> None:
        """Keep an answer that was read from a state of the catalog; `generation` was read before it."""
        self._bytes -= self._size(self._entries.pop(key, None))
        if len(answer.body) * _MAX_SHARE > self._max_bytes:
            return
        self._entries[key] = _Entry(generation, self._clock.monotonic() + _KEEP_S, answer)
        self._bytes += len(answer.body)
        while self._bytes > self._max_bytes:
            self._bytes -= self._size(self._entries.popitem(last=False)[1])

    @staticmethod
    def _size(entry: _Entry | None) -> int:
        return len(entry.answer.body) if entry is not None else 0
