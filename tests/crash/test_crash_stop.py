"""SIGTERM under work: it ends within ten seconds, by itself, and loses nothing that it acknowledged."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from tests.crash import evidence
from tests.crash.factory import Factory, Gone, Refused, pair
from tests.crash.steps import until

WORKERS = 8
LOAD_S = 1.5
SIZE = 64 << 20
SLOW = "[limits]\nbandwidth = 4000000\n"
"""The big file takes sixteen seconds: longer than a stop may wait for it."""


@pytest.mark.parametrize("side", ["provider", "consumer"])
def test_a_graceful_stop_loses_nothing_acknowledged(tmp_path: Path, side: str) -> None:
    small, big = tmp_path / "small.bin", tmp_path / "big.bin"
    small.write_bytes(b"shot" * 1000)
    big.write_bytes(random.Random(1).randbytes(SIZE))
    with pair(tmp_path, provider=SLOW) as (provider, consumer):
        datasets = [provider.publish(path, path.stem) for path in (small, big)]
        stop = threading.Event()
        acknowledged: list[str] = []
        large = _contract(provider, consumer, datasets[1])
        threads = [
            threading.Thread(target=_ask, args=(provider, consumer, datasets[0], acknowledged, stop))
            for _ in range(WORKERS)
        ]
        threads.append(threading.Thread(target=_pull, args=(consumer, large)))
        for thread in threads:
            thread.start()
        time.sleep(LOAD_S)
        victim = provider if side == "provider" else consumer
        code, took_s = victim.terminate(within_s=15)
        stop.set()
        victim.start()
        for thread in threads:
            thread.join()
        print(f"\n{side}: stopped in {took_s:.2f} s under {len(acknowledged)} requests, exit code {code}")
        assert code == 0, victim.last_words()
        assert took_s <= 10.0
        assert len(acknowledged) > WORKERS
        until(lambda: evidence.is_quiet(provider, consumer) or None, "silence")
        known = evidence.negotiations(consumer)
        assert set(acknowledged) <= set(known)
        assert {known[pid]["state"] for pid in acknowledged} == {"FINALIZED"}
        evidence.check_integrity(provider, consumer)
        evidence.check_equal(provider, consumer)
        evidence.check_ledger(provider, consumer, large)
        evidence.check_ledger(consumer, provider, large)


def _contract(provider: Factory, consumer: Factory, dataset: str) -> str:
    pid = consumer.request(provider, dataset)["id"]

    def agreement() -> str | None:
        found = consumer.get("manage", "negotiations", pid)
        return str(found["agreement"]) if found["state"] == "FINALIZED" else None

    return until(agreement, "a contract")


def _ask(provider: Factory, consumer: Factory, dataset: str, heard: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            heard.append(consumer.request(provider, dataset)["id"])
        except (Gone, Refused):
            stop.wait(0.02)


def _pull(consumer: Factory, contract: str) -> None:
    try:
        consumer.pull(contract)
    except (Gone, Refused):
        return  # it was cut by the stop; its own tests say what becomes of it
