"""Limits that protect the plant: bytes per second, pulls at a time, hours of the day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from connector.errors import BadInput, TooMany
from connector.model.ports import Clock

_GRAINS_PER_S = 8
_LEAST_GRAIN = 4096
_LEAST_RATE = 1024
_WINDOW = re.compile(r"([0-2]?[0-9]):([0-5][0-9])\s*-\s*([0-2]?[0-9]):([0-5][0-9])")
_DAY = timedelta(days=1)


class Bandwidth:
    """At most so many bytes per second, shared in turn by all who take from it.

    A bucket that holds no more than one grain, an eighth of a second: no burst
    after a pause, and nobody waits long in one piece.
    """

    def __init__(self, bytes_per_s: int | None, clock: Clock) -> None:
        """`None` is no limit.

        Raises:
            BadInput: less than 1 KiB per second, at which nothing arrives in practice.
        """
        if bytes_per_s is not None and bytes_per_s < _LEAST_RATE:
            raise BadInput(f"{bytes_per_s} bytes per second are fewer than {_LEAST_RATE}")
        self._rate = bytes_per_s
        self._clock = clock
        self._free_at = float("-inf")

    @property
    def is_unlimited(self) -> bool:
        """Whether it never makes anyone wait."""
        return self._rate is None

    async def take(self, wanted: int) -> int:
        """Wait for one's turn; returns how many of the `wanted` bytes may go now (at least one)."""
        if self._rate is None:
            return wanted
        granted = min(wanted, max(_LEAST_GRAIN, self._rate // _GRAINS_PER_S))
        now = self._clock.monotonic()
        turn = max(now, self._free_at)
        self._free_at = turn + granted / self._rate
        if turn > now:
            await self._clock.sleep(turn - now)
        return granted


class PullGate:
    """At most so many pulls at the same time; the next is turned away, not queued."""

    def __init__(self, parallel: int, *, retry_after_s: int = 5) -> None:
        if parallel < 1:
            raise BadInput(f"{parallel} parallel pulls would serve nobody")
        self._parallel = parallel
        self._retry_after_s = retry_after_s
        self._running = 0

    @property
    def running(self) -> int:
        """Pulls that are inside."""
        return self._running

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            TooMany: all places are taken.
        """
        if self._running >= self._parallel:
            raise TooMany(
                f"{self._parallel} pulls are running, no more are served at a time",
                retry_after_s=self._retry_after_s,
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of the day in which data may be pulled, in the plant's time zone.

    `windows` are pairs (from, to); one whose end is not after its start runs over
    midnight. No window at all means always.
    """

    windows: tuple[tuple[time, time], ...]
    zone: tzinfo

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> Hours:
        """Read `22:00-06:00, 12:00-13:00`; an empty text is always, `24:00` is midnight.

        Raises:
            BadInput: a part that is no window, named.
        """
        windows = []
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            match = _WINDOW.fullmatch(part)
            if match is None:
                raise BadInput(f"{part!r} is no window", pointer="hours", hint="write 22:00-06:00")
            numbers = [int(group) for group in match.groups()]
            windows.append((_moment(numbers[0], numbers[1]), _moment(numbers[2], numbers[3])))
        return cls(tuple(windows), zone)

    def is_open(self, now: datetime) -> bool:
        """Whether data may be pulled at that moment."""
        if not self.windows:
            return True
        local = now.astimezone(self.zone).time()
        return any(
            start <= local < end if start < end else local >= start or local < end
            for start, end in self.windows
        )

    def opens_in_s(self, now: datetime) -> int:
        """Seconds until the next opening; 0 if open."""
        if self.is_open(now):
            return 0
        local = now.astimezone(self.zone)
        openings = []
        for start, _ in self.windows:
            opening = local.replace(hour=start.hour, minute=start.minute, second=0, microsecond=0, fold=0)
            openings.append(opening if opening > local else opening + _DAY)
        # Through UTC: two local times of one zone would be subtracted without its clock changes.
        nearest = min(openings).timestamp() - now.timestamp()
        return max(1, int(nearest + 0.999))

    def check(self, now: datetime) -> None:
        """Let pass within the hours.

        Raises:
            TooMany: closed, with the seconds until the opening.
        """
        wait_s = self.opens_in_s(now)
        if wait_s:
            raise TooMany("the provider serves data only at certain hours", retry_after_s=wait_s)


def _moment(hour: int, minute: int) -> time:
    if hour > 24 or (hour == 24 and minute):
        raise BadInput(f"{hour:02}:{minute:02} is no time of day", pointer="hours")
    return time(hour % 24, minute)
