"""A minute of kill -9 on either side, every 0.2 to 2 seconds, under work; then nothing may be wrong."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from pathlib import Path

from tests.crash import evidence
from tests.crash.factory import Factory, Gone, Refused, pair
from tests.crash.steps import until

STORM_S = float(os.environ.get("CRASH_STORM_S", "60"))
WORKERS = 6
SIZE = 300_000
LIMITS = "[limits]\nlookups_per_minute = 100000\nstrangers_per_minute = 100000\nopen_negotiations = 1000\n"
"""Each restart looks the partner's DID up again, which at this pace no real partner would do."""


class Storm:
    """Kills one side after the other and starts it again at once; says how long each took to serve again."""

    def __init__(self, factories: tuple[Factory, Factory], seed: int) -> None:
        self._factories = factories
        self._dice = random.Random(seed)
        self.kills = 0
        self._watchers: list[threading.Thread] = []

    def rage(self, for_s: float) -> None:
        """Kill for so long, then wait until both serve."""
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            time.sleep(self._dice.uniform(0.2, 2.0))
            victim = self._dice.choice(self._factories)
            victim.kill()
            victim.start(wait=False)
            self.kills += 1
            watcher = threading.Thread(target=self._watch, args=(victim, victim.pid))
            watcher.start()
            self._watchers.append(watcher)
        for watcher in self._watchers:
            watcher.join()

    def _watch(self, factory: Factory, pid: int) -> None:
        try:
            factory.wait_ready()
        except AssertionError:
            # Killed again before it served. If it ended by itself, the next one to look will say so.
            assert not factory.is_running or factory.pid != pid


class Worker(threading.Thread):
    """Asks for contracts and fetches the data, again and again, until told to stop."""

    def __init__(
        self, provider: Factory, consumer: Factory, dataset: str, digest: str, stop: threading.Event
    ) -> None:
        super().__init__()
        self._provider, self._consumer = provider, consumer
        self._dataset, self._digest = dataset, digest
        self._is_over = stop
        self.acknowledged: list[str] = []
        self.done: list[str] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        try:
            while not self._is_over.is_set():
                self._exchange()
        except AssertionError as error:
            self.wrong.append(str(error))

    def _exchange(self) -> None:
        try:
            asked = self._consumer.request(self._provider, self._dataset)
        except (Gone, Refused):
            self._is_over.wait(0.05)
            return
        self.acknowledged.append(asked["id"])

        def agreement() -> str | None:
            found = self._consumer.get("manage", "negotiations", asked["id"])
            assert found["state"] != "TERMINATED", found["reason"]
            return str(found["agreement"]) if found["state"] == "FINALIZED" else None

        contract = until(agreement, "a contract", within_s=90)
        pulled = until(lambda: self._consumer.pull(contract), "a pull", within_s=90)
        assert pulled["sha256"] == self._digest
        assert hashlib.sha256(Path(pulled["path"]).read_bytes()).hexdigest() == self._digest
        self.done.append(contract)


def test_a_storm_of_kills_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shots.bin"
    path.write_bytes(random.Random(5).randbytes(SIZE))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pair(tmp_path, provider=LIMITS, consumer=LIMITS) as (provider, consumer):
        dataset = provider.publish(path, "shots")
        stop = threading.Event()
        workers = [Worker(provider, consumer, dataset, digest, stop) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        storm = Storm((provider, consumer), seed=11)
        try:
            storm.rage(STORM_S)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        assert [w for worker in workers for w in worker.wrong] == []
        until(lambda: evidence.is_quiet(provider, consumer) or None, "silence", within_s=60)
        known = evidence.negotiations(consumer)
        assert {n["state"] for n in known.values()} == {"FINALIZED"}
        assert {pid for worker in workers for pid in worker.acknowledged} <= set(known)
        done = [contract for worker in workers for contract in worker.done]
        uses = evidence.check_all(provider, consumer, done[-1], {f'"{digest}"': SIZE})
        assert set(done) <= set(uses)
        assert all(len(evidence.transfers(consumer, contract)) == 1 for contract in done)
    times = sorted(provider.ready_after_s + consumer.ready_after_s)
    print(
        f"\nstorm: {storm.kills} kills in {STORM_S:g} s, {len(known)} contracts, {len(done)} exchanges; "
        f"back to serving: median {times[len(times) // 2]:.2f} s, worst {times[-1]:.2f} s of {len(times)}"
    )
    assert len(done) >= 50 * STORM_S / 60
