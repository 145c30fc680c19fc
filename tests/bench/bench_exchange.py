"""One exchange and many: catalog -> contract -> transfer -> first byte, against the skeleton."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.child import Child, ChildFailed
from tests.bench.measure import Figure, spread
from tests.bench.pair import bare, ours

VOID_ABOVE_MS = 6.0
"""A skeleton slower than this says that the host was busy, not that we are quick [D39]."""
TARGET, LOAD_TARGET, IN_FLIGHT = 3.0, 0.5, 32
WARM_UP = 20


def _p50_ms(side: Child, count: int, **arguments: Any) -> float:
    return float(statistics.median(side.tell("lone", count=count, **arguments))) * 1000


def budget(consumer: Child, provider: Child, did: str) -> list[str]:
    """What one exchange costs each side, counted over ten."""
    for side in (consumer, provider):
        side.tell("begin_budget")
    consumer.tell("lone", provider=did, count=10)
    found = {name: side.tell("end_budget") for name, side in (("consumer", consumer), ("provider", provider))}
    return [
        f"budget of one exchange, {name}: "
        + ", ".join(f"{what} {count / 10:g}" for what, count in counts.items())
        for name, counts in found.items()
    ]


def _lone(a: Child, base: Child, did: str, rounds: int, count: int) -> Figure:
    mine: list[float] = []
    theirs: list[float] = []
    a.tell("lone", provider=did, count=WARM_UP)
    base.tell("lone", count=WARM_UP)
    for _ in range(rounds):
        theirs.append(_p50_ms(base, count))
        mine.append(_p50_ms(a, count, provider=did))
    ratios = [m / t for m, t in zip(mine, theirs, strict=True)]
    middle = statistics.median(theirs)
    notes = [spread("ours", mine), spread("skeleton", theirs), spread("ratio", ratios, "")]
    if middle > VOID_ABOVE_MS:
        notes.append(
            f"void: the skeleton took {middle:.1f} ms, more than {VOID_ABOVE_MS:g}: the host was busy"
        )
    return Figure(
        "exchange-p50", statistics.median(mine), middle, statistics.median(ratios), TARGET, "ms", notes=notes
    )


def _load(a: Child, base: Child, did: str, seconds: float) -> Figure:
    # Half of the skeleton's time before ours and half after: a host that changes meanwhile shows in both.
    halves = [base.tell("load", in_flight=IN_FLIGHT, seconds=seconds / 2)]
    mine = a.tell("load", provider=did, in_flight=IN_FLIGHT, seconds=seconds)
    halves.append(base.tell("load", in_flight=IN_FLIGHT, seconds=seconds / 2))
    theirs = statistics.mean(half["perS"] for half in halves)
    tally = a.tell("check")
    lost = mine["lost"] + tally["consumes"] - tally["whole"]
    if lost or any(half["lost"] for half in halves):
        raise ChildFailed(f"exchanges were lost: {mine}, {tally}, skeleton {halves}")
    notes = [
        (
            f"{mine['done']} exchanges in {seconds:g} s, none lost; {IN_FLIGHT} in flight; "
            f"p50 {mine['p50'] * 1000:.0f} ms"
        ),
        "skeleton before and after: " + ", ".join(f"{half['perS']:.4g}/s" for half in halves),
    ]
    return Figure(
        "exchanges-per-second",
        mine["perS"],
        theirs,
        mine["perS"] / theirs,
        LOAD_TARGET,
        "/s",
        at_least=True,
        notes=notes,
    )


def run(*, quick: bool) -> list[Figure]:
    """Both figures, in one run."""
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name:
        folder = Path(name)
        with ours(folder / "ours") as (a, b, home), bare(folder / "bare") as base:
            lone = _lone(a, base, home.did, 5, 30 if quick else 200)
            lone = replace(lone, notes=[*lone.notes, *budget(a, b, home.did)])
            return [lone, _load(a, base, home.did, 10 if quick else 60)]
