"""`python -m tests.integration.sim --seed 7 --steps 60`, or `--seeds 1000` for many."""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.sim.loop import VirtualLoop
from tests.integration.sim.story import Story
from tests.integration.sim.world import World

NAMES = ("alpha", "beta", "gamma")


def play(seed: int, steps: int) -> tuple[list[str], World]:
    """One run; returns what was wrong, and the world for its figures."""
    folder = Path(tempfile.mkdtemp(prefix="madang-sim-", dir=_memory()))
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        world = World(loop, folder, seed, NAMES)
        wrong = loop.run_until_complete(Story(world, steps).run())
        for host in world.hosts.values():
            if host.node is not None:
                host.node.store.discard()
        leftover = [t for t in asyncio.all_tasks(loop) if not t.done()]
        for task in leftover:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*leftover, return_exceptions=True))
        return wrong, world
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> int:
    """Play what the command line says; the last line counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds from --seed on")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed, began = 0, time.monotonic()
    for seed in range(options.seed, options.seed + options.seeds):
        wrong, world = play(seed, options.steps)
        if wrong:
            failed += 1
            print(f"seed {seed}: FAILED")
            for line in wrong:
                print(f"  {line}")
        elif options.seeds == 1:
            print(f"seed {seed}: {world.crashes} crashes, {world.lost} lost, {world.repeated} repeated")
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"sim: {options.seeds - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
