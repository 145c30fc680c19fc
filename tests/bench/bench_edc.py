"""`make bench-edc`: one lone exchange, ours against a stock EDC's, in the same run.

    python -m tests.bench.bench_edc [--runs N] [--phases madang default tuned]

An exchange is catalog -> contract FINALIZED -> transfer STARTED -> first byte, each
step taken through the consumer's management API by the same client. Three pairs run
one after the other, each alone on the machine: two Madangs (DIDs, real signatures,
durable commits), two EDCs at their defaults, two EDCs whose state machines look for
work every 50 ms. An EDC is asked for its state every 5 ms, a Madang announces it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.interop.edc import EdcNode, tuning
from tests.interop.madang import MadangNode
from tests.interop.management import ManagementError, Unsettled
from tests.interop.node import Node
from tests.interop.origin import Origin
from tests.interop.process import ChildFailed
from tests.interop.steps import CheckFailed, Direction, check
from tests.interop.stock import MissingTool, Stock, resolve

ASSET = "shots"
REPORT = Path("bench-report.json")


@dataclass(frozen=True, slots=True)
class Phase:
    """One pair: how often it runs, how long it rests in between, what part of it ours may take."""

    name: str
    wait_ms: int | None
    runs: int
    rest_s: float
    """Rests are random between 0 and this: back to back, an EDC locks to its own ticks and looks better."""
    target: float | None


PHASES = (
    Phase("madang", None, 60, 0.05, None),
    Phase("default", None, 15, 1.0, 1 / 200),
    Phase("tuned", 50, 40, 0.1, 1 / 15),
)
WARM_UP = 3


@dataclass(slots=True)
class Result:
    """Milliseconds of each run that went well, and why the others did not."""

    total_ms: list[float] = field(default_factory=list)
    steps_ms: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    load_1m: float = 0.0
    """How busy the machine was before the first run: over 1 or so, others were at work on it."""

    @property
    def p50_ms(self) -> float:
        """The median of the whole exchange."""
        return statistics.median(self.total_ms)

    def summary(self) -> dict[str, Any]:
        """What stands in the report."""
        ordered = sorted(self.total_ms)
        return {
            "load_1m": round(self.load_1m, 2),
            "runs": len(ordered),
            "failed": len(self.failures),
            "p50_ms": round(self.p50_ms, 2),
            "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 2),
            "range_ms": [round(ordered[0], 2), round(ordered[-1], 2)],
            "steps_p50_ms": {name: round(statistics.median(v), 2) for name, v in self.steps_ms.items()},
        }


async def exchange(way: Direction, result: Result) -> None:
    """One exchange from the consumer's side; its times go into `result`."""
    api, provider = way.consumer.management, way.provider.partner
    marks = [("", time.perf_counter())]

    def mark(name: str) -> None:
        marks.append((name, time.perf_counter()))

    offer = await way.find_offer(ASSET)
    mark("catalog")
    negotiation = await api.negotiate(provider, ASSET, offer)
    done = await way.consumer.reached("negotiation", negotiation, "FINALIZED", timeout_s=30)
    mark("contract")
    transfer = await api.start_transfer(provider, str(done["contractAgreementId"]))
    await way.consumer.reached("transfer", transfer, "STARTED", timeout_s=30)
    mark("started")
    edr = await way.edr(transfer)
    headers = {"Authorization": edr.authorization}
    async with way.session.get(edr.endpoint, headers=headers) as response:
        first = await response.content.readany()
        mark("first-byte")
        check(response.status == 200 and bool(first), f"the pull answered {response.status}")
        rest = await response.read()
    check(first + rest == way.content[ASSET], "the bytes are not those that were offered")
    result.total_ms.append((marks[-1][1] - marks[0][1]) * 1000)
    for (_, before), (name, after) in itertools.pairwise(marks):
        result.steps_ms.setdefault(name, []).append((after - before) * 1000)


async def play(phase: Phase, runs: int, stock: Stock | None, folder: Path) -> Result:
    """Start the phase's pair, warm it up, run it, stop it.

    Raises:
        ChildFailed: a connector did not start.
    """
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        origin = Origin()
        await origin.start()
        nodes = [_node(phase, side, stock, folder, origin, session) for side in ("a", "b")]
        try:
            for node in nodes:
                await node.prepare()
            result = Result(load_1m=os.getloadavg()[0])
            await asyncio.gather(*(node.start([o for o in nodes if o is not node]) for node in nodes))
            way = Direction(nodes[0], nodes[1], session)
            await way.offer(ASSET, bytes(range(256)) * 8)
            for _ in range(WARM_UP):
                await _attempt(way, Result())
            chance = random.Random(20261124)
            for number in range(runs):
                await asyncio.sleep(chance.uniform(0, phase.rest_s))
                await _attempt(way, result)
                if sys.stderr.isatty():
                    print(f"\r{phase.name} {number + 1}/{runs}", end="", file=sys.stderr, flush=True)
            if sys.stderr.isatty():
                print(file=sys.stderr)
        finally:
            await asyncio.gather(*(node.stop() for node in nodes), origin.stop())
    return result


async def _attempt(way: Direction, result: Result) -> None:
    try:
        await exchange(way, result)
    except (CheckFailed, ManagementError, Unsettled, aiohttp.ClientError, TimeoutError) as error:
        result.failures.append(f"{type(error).__name__}: {error}")


def _node(
    phase: Phase, side: str, stock: Stock | None, folder: Path, origin: Origin, session: aiohttp.ClientSession
) -> Node:
    label = f"{phase.name}-{side}"
    if phase.name == "madang":
        return MadangNode(label, folder=folder, session=session)
    assert stock is not None
    return EdcNode(
        label,
        stock=stock,
        folder=folder,
        origin=origin,
        session=session,
        settings=tuning(phase.wait_ms),
        heap=None,  # as a stock EDC would be started
        is_recorded=False,
    )


def lines(results: dict[str, Result]) -> list[tuple[str, bool]]:
    """A bench line for each comparison that both sides were measured for, and whether it is within target."""
    found = []
    ours = results.get("madang")
    for phase in PHASES:
        base = results.get(phase.name)
        if phase.target is None or ours is None or base is None:
            continue
        name = f"exchange-vs-edc-{phase.name}"
        if not ours.total_ms or ours.failures or not base.total_ms:
            found.append((f"bench: {name} ours=failed base=- ratio=- target={phase.target:.4f} over", False))
            continue
        ratio = ours.p50_ms / base.p50_ms
        verdict = "ok" if ratio <= phase.target else "over"
        numbers = f"ours={ours.p50_ms:.1f}ms base={base.p50_ms:.1f}ms ratio={ratio:.4f}"
        found.append((f"bench: {name} {numbers} target={phase.target:.4f} {verdict}", verdict == "ok"))
    return found


def write_report(results: dict[str, Result], said: Sequence[str]) -> None:
    """Put this bench's part into bench-report.json; other parts that are there stay."""
    try:
        report = json.loads(REPORT.read_text("utf-8"))
    except (OSError, ValueError):
        report = {}
    if not isinstance(report, dict):
        report = {}
    report["edc"] = {"lines": list(said), **{name: result.summary() for name, result in results.items()}}
    REPORT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


async def play_all(runs: int = 0, phases: Sequence[str] = ()) -> int:
    """Play the named phases (none: all), print and report; `runs` of each (0: as many as each needs).

    0 if ours is within its targets, 1 if over or a pair never succeeded, 2 if something is missing.
    """
    chosen = set(phases) or {phase.name for phase in PHASES}
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as work:
        try:
            stock = await resolve() if chosen - {"madang"} else None
            for phase in PHASES:
                if phase.name not in chosen:
                    continue
                result = await play(phase, runs or phase.runs, stock, Path(work))
                results[phase.name] = result
                print(
                    f"{phase.name}: {json.dumps(result.summary()) if result.total_ms else 'no run succeeded'}"
                )
                for failure in result.failures[:3]:
                    print(f"  {failure[:300]}")
        except (MissingTool, ChildFailed) as error:
            print(f"bench-edc: {error}", file=sys.stderr)
            return 2
    found = lines(results)
    for line, _ in found:
        print(line)
    write_report({k: v for k, v in results.items() if v.total_ms}, [line for line, _ in found])
    return 0 if all(is_ok for _, is_ok in found) and all(r.total_ms for r in results.values()) else 1


def main() -> int:
    """0 if ours is within its targets, 1 if over, 2 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_edc", description=__doc__)
    names = [phase.name for phase in PHASES]
    parser.add_argument("--phases", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--runs", type=int, default=0, help="runs of each phase (default: as many as each needs)"
    )
    options = parser.parse_args()
    return asyncio.run(play_all(options.runs, options.phases))


if __name__ == "__main__":
    sys.exit(main())
