"""Remembering which tokens were used, so that none counts twice."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import Final, Protocol

from connector.errors import Unavailable
from connector.model.ports import Clock

_BUCKET_S: Final = 60


class ReplayStore(Protocol):
    """Says of each (issuer, jti), atomically over all workers, whether this is its first use.

    May answer at once or be awaited. `expires_at` is in whole seconds since the
    epoch; from then on the pair may be forgotten.

    Raises:
        Unavailable: it cannot be remembered, so the token must not be accepted.
    """

    def first_use(self, issuer: str, jti: str, expires_at: int) -> bool | Awaitable[bool]:
        """Whether the pair was never seen; from now on it was."""
        ...


class MemoryReplayStore:
    """A `ReplayStore` for one process that need not outlive it.

    Holds at most `max_entries` pairs as 16-byte digests (about 100 bytes of memory
    each) and refuses rather than forgets when full.
    """

    def __init__(self, clock: Clock, *, max_entries: int = 200_000) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._size = 0
        # By the minute in which they end: forgetting is dropping whole buckets.
        self._buckets: dict[int, set[bytes]] = {}

    def first_use(self, issuer: str, jti: str, expires_at: int) -> bool:
        """Whether the pair was never seen; from now on it was.

        Raises:
            Unavailable: as many pairs as may be held are still alive.
        """
        self._forget()
        key = hashlib.blake2b(f"{issuer}\n{jti}".encode(), digest_size=16).digest()
        if any(key in bucket for bucket in self._buckets.values()):
            return False
        if self._size >= self._max_entries:
            raise Unavailable("too many tokens are being remembered", code="replay-store-full")
        self._buckets.setdefault(expires_at // _BUCKET_S, set()).add(key)
        self._size += 1
        return True

    def __len__(self) -> int:
        return self._size

    def _forget(self) -> None:
        current = int(self._clock.now().timestamp()) // _BUCKET_S
        for minute in [m for m in self._buckets if m < current]:
            self._size -= len(self._buckets.pop(minute))
