"""Limits per partner, per network, and for DID look-ups: counters in memory, refusals as one row [D30]."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache
from typing import Final

from connector.errors import TooMany
from connector.model.ports import Clock

_MAX_KEYS: Final = 50_000


class Rate:
    """At most `per_minute` events for a key in a minute, as a bucket that refills steadily."""

    def __init__(self, per_minute: int, clock: Clock, what: str) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._what = what
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one event.

        Raises:
            TooMany: over the limit; says when to come back.
        """
        now = self._clock.monotonic()
        level, at = self._buckets.get(key, (float(self._per_minute), now))
        level = min(self._per_minute, level + (now - at) * self._per_minute / 60)
        if level < 1:
            wait_s = max(1, round((1 - level) * 60 / self._per_minute))
            raise TooMany(
                f"too many {self._what}; {self._per_minute} a minute are allowed", retry_after_s=wait_s
            )
        self._buckets[key] = (level - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)


@lru_cache(maxsize=4096)
def network_of(remote: str | None) -> str:
    """The network an address belongs to for counting: the address itself (IPv4), its /64 (IPv6)."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
