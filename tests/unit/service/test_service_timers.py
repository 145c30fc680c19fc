"""Timers fire at their moment, survive a restart, and one that fails is not lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from connector.errors import Conflict
from connector.service.timers import Timers
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from tests.unit.service.hand_clock import HandClock, settle


class _At(HandClock):
    """Time given by hand; nobody sleeps by it."""

    def set(self, seconds: float) -> None:
        self._elapsed = seconds


@pytest.fixture
def clock() -> _At:
    return _At()


async def test_what_is_due_fires_once_with_its_reference_and_the_rest_waits(
    tmp_path: Path, clock: _At
) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    timers = Timers(store, clock)
    fired: list[str] = []
    timers.on("expire", lambda tx, ref: fired.append(ref))
    start = clock.now()

    def work(tx: Tx) -> None:
        timers.set(tx, "expire", "early", start + timedelta(seconds=10))
        timers.set(tx, "expire", "late", start + timedelta(seconds=20))
        timers.set(tx, "expire", "cleared", start + timedelta(seconds=5))
        timers.clear(tx, "expire", "cleared")

    await store.transact(work)
    clock.set(9.9)
    await timers._fire(clock.now())
    assert fired == []
    clock.set(10.0)
    await timers._fire(clock.now())
    await timers._fire(clock.now())
    assert fired == ["early"]
    await store.close()

    again = SqliteStore(tmp_path / "s.db", in_line=True)
    revived = Timers(again, clock)
    revived.on("expire", lambda tx, ref: fired.append(ref))
    clock.set(60.0)
    task = asyncio.create_task(revived.run())
    await settle()
    task.cancel()
    assert fired == ["early", "late"]
    assert await again.read(lambda tx: tx.timers.next_due()) is None
    await again.close()


async def test_setting_a_timer_again_moves_it(tmp_path: Path, clock: _At) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    timers = Timers(store, clock)
    fired: list[str] = []
    timers.on("decide", lambda tx, ref: fired.append(ref))
    for seconds in (5, 50):
        due = clock.now() + timedelta(seconds=seconds)
        await store.transact(lambda tx, due=due: timers.set(tx, "decide", "n", due))
    clock.set(10.0)
    await timers._fire(clock.now())
    assert fired == []
    clock.set(50.0)
    await timers._fire(clock.now())
    assert fired == ["n"]
    await store.close()


async def test_a_timer_that_fails_changes_nothing_and_comes_back_later(tmp_path: Path, clock: _At) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    timers = Timers(store, clock)
    calls: list[str] = []

    def fails(tx: Tx, ref: str) -> None:
        calls.append(ref)
        tx.put_meta("touched", "yes")
        if len(calls) == 1:
            raise Conflict("somebody else was here")

    timers.on("expire", fails)
    await store.transact(lambda tx: timers.set(tx, "expire", "x", clock.now()))
    await timers._fire(clock.now())
    assert await store.read(lambda tx: tx.get_meta("touched")) is None
    due = await store.read(lambda tx: tx.timers.next_due())
    assert due is not None
    assert due > clock.now()
    clock.set(31.0)
    await timers._fire(clock.now())
    assert calls == ["x", "x"]
    assert await store.read(lambda tx: tx.get_meta("touched")) == "yes"
    await store.close()


async def test_a_new_earlier_timer_wakes_the_loop_at_once(tmp_path: Path, clock: _At) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    timers = Timers(store, clock)
    fired = asyncio.Event()
    timers.on("now", lambda tx, ref: fired.set())
    task = asyncio.create_task(timers.run())
    await asyncio.sleep(0)
    await store.transact(lambda tx: timers.set(tx, "now", "x", clock.now()))
    async with asyncio.timeout(5):
        await fired.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.close()
