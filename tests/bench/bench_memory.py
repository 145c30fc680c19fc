"""`madang up` at rest: its memory alone and with open negotiations, and what it does while nobody asks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.bench.child import ChildFailed, child
from tests.bench.measure import Figure, pss_mib
from tests.bench.pair import LIMITS, Home, content, make_homes, up

TREE_MIB, MAIN_MIB, MORE_MIB = 90.0, 65.0, 20.0
CPU_PERCENT, STATEMENTS_PER_S = 1.0, 1.0
OPEN = 10_000


def _idle(home: Home, rest_s: float) -> list[Figure]:
    """A connector that was started and left alone."""
    with up(home) as (pid, _):
        time.sleep(rest_s)
        found = pss_mib(pid)
    notes = [f"processes: {len(found)}"]
    tree = sum(found.values())
    return [
        Figure("idle-memory-tree", tree, None, tree, TREE_MIB, "MiB", notes=notes),
        Figure("idle-memory-main", found[pid], None, found[pid], MAIN_MIB, "MiB"),
    ]


def _crowd(homes: Sequence[Home], count: int, idle_s: float) -> list[Figure]:
    """Negotiations that wait for the owner, opened one by one by a real partner."""
    consumer, provider = homes
    with ExitStack() as stack:
        with child("our provider", "tests.bench.node", provider.folder) as b:
            b.tell("publish", path=str(content(provider.folder.parent)), approval="manual")
            if heavy := b.tell("heavy"):
                raise ChildFailed(f"after publishing, the main process has {heavy} in it")
        pid, _ = stack.enter_context(up(provider))
        a = stack.enter_context(child("our consumer", "tests.bench.node", consumer.folder))
        # What the first messages load (code, caches, buffers) is not the negotiations' memory.
        a.tell("open", provider=provider.did, count=300, in_flight=8)
        before = sum(pss_mib(pid).values())
        stands = a.tell("open", provider=provider.did, count=count, in_flight=8)
        if stands < count:
            raise ChildFailed(f"{stands} of {count} negotiations stand open")
        time.sleep(1.0)
        after = sum(pss_mib(pid).values())
        process = psutil.Process(pid)
        times = process.cpu_times()
        said = a.tell("count", seconds=idle_s)
        later = process.cpu_times()
    cpu = round((later.user + later.system) - (times.user + times.system), 3) / idle_s * 100
    more, limit = after - before, MORE_MIB * count / OPEN
    per_s = said["statements"] / idle_s
    return [
        Figure(
            "open-negotiations-memory",
            after,
            before,
            more,
            limit,
            "MiB",
            notes=[f"{count} more open: + {more:.1f} MiB (the ratio is this difference)"],
        ),
        Figure(
            "open-negotiations-cpu",
            cpu,
            None,
            cpu,
            CPU_PERCENT,
            "%",
            notes=[f"the provider's process over {idle_s:g} s with {stands} open; of one core"],
        ),
        Figure(
            "open-negotiations-statements",
            per_s,
            None,
            per_s,
            STATEMENTS_PER_S,
            "/s",
            notes=[f"the consumer's store, which holds as many: {said['first']}"],
        ),
    ]


def run(*, quick: bool) -> list[Figure]:
    """Both, each with homes of its own."""
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name:
        folder = Path(name)
        figures = _idle(make_homes(folder / "idle", limits=LIMITS)[1], 3.0 if quick else 35.0)
        return figures + _crowd(
            make_homes(folder / "crowd", limits=LIMITS), 1_000 if quick else OPEN, 10 if quick else 35
        )
