"""The wall clock jumps by hours or days: timers follow it, messages are neither lost nor held back.

In one process, on a loop whose time is virtual; the wall clock is a number beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.model.ports import Response
from connector.model.records import OutboxItem
from connector.service.deliver import Reply, Sender
from connector.service.timers import Timers
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from tests.integration.sim.loop import VirtualLoop

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Wall:
    """A clock whose wall time can be set; its monotonic time cannot."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.offset = timedelta()

    def now(self) -> datetime:
        return NOON + self.offset + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "madang.db", in_line=True)
    yield made
    made.discard()


def play(loop: VirtualLoop, story: Callable[[], Awaitable[None]]) -> None:
    loop.run_until_complete(story())


@pytest.mark.parametrize(
    ("jump", "fires_after_s"),
    [
        (timedelta(hours=2), (0, 31)),  # past the moment: at the next look
        (timedelta(minutes=30), (1790, 1831)),  # nearer to it
        (-timedelta(hours=3), (4 * 3600 - 11, 4 * 3600 + 31)),  # farther from it: not early, not lost
    ],
)
def test_a_timer_keeps_the_time_of_the_wall(
    loop: VirtualLoop, store: SqliteStore, jump: timedelta, fires_after_s: tuple[int, int]
) -> None:
    wall = Wall(loop)
    fired: list[float] = []

    async def story() -> None:
        timers = Timers(store, wall)
        timers.on("due", lambda _tx, _ref: fired.append(loop.time()))
        task = asyncio.ensure_future(timers.run())
        await store.transact(lambda tx: timers.set(tx, "due", "it", NOON + timedelta(hours=1)))
        await asyncio.sleep(10)
        wall.offset = jump
        await asyncio.sleep(2 * DAY.total_seconds())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    play(loop, story)
    assert len(fired) == 1
    assert fires_after_s[0] <= fired[0] - 10 <= fires_after_s[1]


@pytest.mark.parametrize("jump", [-30 * DAY, -timedelta(hours=1), timedelta(), timedelta(hours=1)])
def test_a_message_that_waits_for_its_next_attempt_is_not_held_back_by_a_clock_set_back(
    loop: VirtualLoop, store: SqliteStore, jump: timedelta
) -> None:
    wall, peer, settled = Wall(loop), _Peer(loop), _Settled()

    async def story() -> None:
        first = _sender(store, wall, peer, settled)
        await store.transact(lambda tx: first.put(tx, _item(wall.now())))
        await asyncio.sleep(60)  # refused meanwhile: some minutes of back-off are written down
        await first.stop(1.0)
        wall.offset = jump  # the battery of the clock is empty, say
        peer.is_well = True
        second = _sender(store, wall, peer, settled)
        began = loop.time()
        await second.start()
        await asyncio.sleep(600)
        assert settled.delivered == ["urn:uuid:1"]
        assert peer.heard[-1] - began <= 375
        await second.stop(1.0)

    play(loop, story)
    assert len(peer.heard) > 3


def test_a_jump_forward_within_the_life_of_a_message_does_not_end_it(
    loop: VirtualLoop, store: SqliteStore
) -> None:
    wall, peer, settled = Wall(loop), _Peer(loop), _Settled()

    async def story() -> None:
        sender = _sender(store, wall, peer, settled)
        await store.transact(lambda tx: sender.put(tx, _item(wall.now())))
        await asyncio.sleep(5)
        wall.offset = 29 * DAY
        await asyncio.sleep(5)
        assert settled.refused == []
        peer.is_well = True
        await asyncio.sleep(600)
        assert settled.delivered == ["urn:uuid:1"]
        await sender.stop(1.0)

    play(loop, story)


class _Peer:
    """Answers 503 until it is well."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.is_well = False
        self.heard: list[float] = []

    async def __call__(self, method: str, url: str, **_: object) -> Response:
        self.heard.append(self._loop.time())
        return Response(200 if self.is_well else 503, {}, b"")


class _Settled:
    """What became of the messages."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.refused: list[str] = []


class _Settler:
    def __init__(self, settled: _Settled) -> None:
        self._settled = settled

    def delivered(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        self._settled.delivered.append(item.id)

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        self._settled.refused.append(item.id)


def _sender(store: SqliteStore, wall: Wall, peer: _Peer, settled: _Settled) -> Sender:
    async def authorize(participant: str, url: str, our_id: str) -> str:
        return "Bearer x"

    sender = Sender(store, wall, bytes, peer, authorize)
    sender.settle_with("negotiation", _Settler(settled))
    return sender


def _item(now: datetime) -> OutboxItem:
    return OutboxItem(
        id="urn:uuid:1",
        kind="negotiation",
        process_id="urn:uuid:n",
        peer="did:web:factory-b.example",
        our_id="did:web:factory-a.example",
        url="https://factory-b.example/dsp/2025-1/negotiations/request",
        body="{}",
        leads_to="REQUESTED",
        created_at=now,
        not_before=now,
        give_up_at=now + 30 * DAY,
        attempts=0,
        last_error="",
    )
