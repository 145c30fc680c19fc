"""A clock that tests move by hand, and one that runs an hour ahead of the files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connector.clock import SystemClock
from connector.dataplane.body import Verified


class HandClock:
    """Time passes only by sleeping, and `on_sleep` happens meanwhile."""

    def __init__(self) -> None:
        self.at = datetime(2099, 1, 1, tzinfo=UTC)
        self.seconds = 0.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] | None = None

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        if self.on_sleep is not None:
            self.on_sleep()
        await asyncio.sleep(0)


class LateClock(SystemClock):
    """The machine's clock an hour on: every file is old enough to be remembered as verified."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def late_clock() -> LateClock:
    return LateClock()


@pytest.fixture
def verified(late_clock: LateClock) -> Verified:
    return Verified(late_clock)
