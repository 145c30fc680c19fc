"""The replay store in memory: first uses, forgetting, its bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Unavailable
from connector.identity.replay import MemoryReplayStore


@pytest.fixture
def now(clock):
    return int(clock.now().timestamp())


def test_each_pair_is_first_once(clock, now):
    store = MemoryReplayStore(clock)
    pairs = [("a", "1"), ("a", "2"), ("b", "1"), ("a1", ""), ("", "a1")]
    assert [store.first_use(i, j, now + 300) for i, j in pairs] == [True] * 5
    # Another expiry makes it no other token.
    assert [store.first_use(i, j, now + 30) for i, j in pairs] == [False] * 5
    assert len(store) == 5


def test_a_pair_is_kept_to_its_end_and_then_forgotten(clock, now):
    store = MemoryReplayStore(clock)
    store.first_use("a", "1", now + 315)
    clock.advance(314)
    assert not store.first_use("a", "1", now + 315)
    clock.advance(1 + 60)
    assert store.first_use("a", "2", now + 900)
    assert len(store) == 1


def test_a_full_store_refuses_and_forgets_nothing(clock, now):
    store = MemoryReplayStore(clock, max_entries=2)
    store.first_use("a", "1", now + 60)
    store.first_use("a", "2", now + 600)
    with pytest.raises(Unavailable) as caught:
        store.first_use("a", "3", now + 600)
    assert caught.value.reason_code == "replay-store-full"
    assert not store.first_use("a", "1", now + 60)
    clock.advance(121)
    assert store.first_use("a", "3", now + 600)
    assert not store.first_use("a", "2", now + 600)


class _Still:
    def __init__(self):
        self.seconds = 0

    def now(self):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self):
        return float(self.seconds)

    async def sleep(self, seconds):
        self.seconds += seconds


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abcd"), st.integers(1, 915)), max_size=40))
def test_no_living_pair_is_ever_first_again(steps):
    clock = _Still()
    store = MemoryReplayStore(clock)
    alive: dict[str, int] = {}
    for wait, jti, lifetime in steps:
        clock.seconds += wait
        is_first = store.first_use("did:web:a.example", jti, clock.seconds + lifetime)
        if alive.get(jti, 0) > clock.seconds:
            assert not is_first
        elif is_first:
            alive[jti] = clock.seconds + lifetime
