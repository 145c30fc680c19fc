"""Twenty-five seeds of the simulation, and proof that it would notice what it looks for."""

from __future__ import annotations

import pytest

from connector.service.access import Access
from connector.service.exchange import Exchange
from connector.service.transfer import Transfers
from tests.integration.sim.__main__ import play

STEPS = 60


@pytest.mark.parametrize("seed", range(25))
def test_bad_weather_breaks_no_promise(seed: int) -> None:
    wrong, world = play(seed, STEPS)
    assert wrong == []
    assert world.crashes + world.lost + world.repeated > 0


def test_the_same_seed_is_the_same_run() -> None:
    def figures() -> tuple[int, int, int, list[str]]:
        _, world = play(3, STEPS)
        return world.crashes, world.lost, world.repeated, [a.message_id for a in world.acknowledged]

    assert figures() == figures()


def _finds(seeds: range) -> bool:
    return any(play(seed, STEPS)[0] for seed in seeds)


def test_it_notices_a_connector_that_forgets_what_it_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "_remember", lambda *args, **kwargs: None)
    assert _finds(range(3))


def test_it_notices_bytes_after_a_withdrawal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Access, "_check_alive", lambda self, passed: None)
    assert _finds(range(40))


def test_it_notices_a_withdrawal_that_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transfers, "_notify", lambda self, tx, agreement: None)
    assert _finds(range(40))
