"""Bandwidth, parallel pulls, hours of the day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from connector.dataplane.limits import Bandwidth, Hours, PullGate
from connector.errors import BadInput, TooMany

SEOUL = timezone(timedelta(hours=9))


async def test_bandwidth_is_kept_over_time(clock) -> None:
    limiter = Bandwidth(800_000, clock)
    taken = 0
    while taken < 8_000_000:
        taken += await limiter.take(1 << 20)
    assert clock.seconds == pytest.approx(10, abs=0.2)
    assert max(clock.slept) <= 0.126


async def test_bandwidth_saves_nothing_up(clock) -> None:
    limiter = Bandwidth(800_000, clock)
    await limiter.take(100_000)
    clock.seconds += 3600
    before = clock.seconds
    for _ in range(9):
        await limiter.take(100_000)
    assert clock.seconds - before == pytest.approx(1.0, abs=0.01)


async def test_bandwidth_is_shared_in_turn(clock) -> None:
    limiter = Bandwidth(80_000, clock)
    got = [0, 0, 0]

    async def stream(i: int) -> None:
        for _ in range(20):
            got[i] += await limiter.take(1 << 20)

    await asyncio.gather(*(stream(i) for i in range(3)))
    assert got == [200_000, 200_000, 200_000]


async def test_no_limit_never_waits(clock) -> None:
    limiter = Bandwidth(None, clock)
    assert await limiter.take(1 << 20) == 1 << 20
    assert limiter.is_unlimited
    assert clock.slept == []


def test_a_limit_that_would_stop_everything_is_refused(clock) -> None:
    with pytest.raises(BadInput):
        Bandwidth(0, clock)
    with pytest.raises(BadInput):
        PullGate(0)


def test_the_gate_turns_away_and_lets_in_again() -> None:
    gate = PullGate(2)
    with gate.enter(), gate.enter():
        with pytest.raises(TooMany) as refused, gate.enter():
            pass
        assert refused.value.retry_after_s == 5
        assert gate.running == 2
    assert gate.running == 0
    with gate.enter():
        pass


@pytest.mark.parametrize(
    ("text", "hour", "minute", "is_open", "wait_s"),
    [
        ("", 3, 0, True, 0),
        ("22:00-06:00", 23, 0, True, 0),
        ("22:00-06:00", 5, 59, True, 0),
        ("22:00-06:00", 6, 0, False, 16 * 3600),
        ("22:00-06:00", 21, 59, False, 60),
        ("12:00-13:00, 18:00-24:00", 12, 30, True, 0),
        ("12:00-13:00, 18:00-24:00", 17, 0, False, 3600),
        ("12:00-13:00, 18:00-24:00", 23, 59, True, 0),
        ("12:00-13:00", 13, 0, False, 23 * 3600),
        ("00:00-24:00", 9, 0, True, 0),
    ],
)
def test_hours(text: str, hour: int, minute: int, is_open: bool, wait_s: int) -> None:
    hours = Hours.parse(text, SEOUL)
    now = datetime(2026, 11, 24, hour, minute, tzinfo=SEOUL).astimezone(UTC)
    assert hours.is_open(now) is is_open
    assert hours.opens_in_s(now) == wait_s
    if not is_open:
        with pytest.raises(TooMany) as closed:
            hours.check(now)
        assert closed.value.retry_after_s == wait_s


@pytest.mark.parametrize("text", ["22-06", "25:00-26:00", "24:01-03:00", "12:60-13:00", "night"])
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(BadInput):
        Hours.parse(text, SEOUL)
