"""One exchange with 40 ms between the two sides (round trip), against the skeleton on the same line."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from tests.bench.measure import Figure, spread
from tests.bench.pair import bare, ours

ROUND_TRIP_MS, TARGET = 40.0, 1.15


def run(*, quick: bool) -> list[Figure]:
    """The p50 of both, in turn; the delay makes the number of round trips in a row what counts."""
    rounds, count = (5, 4) if quick else (5, 20)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name:
        folder = Path(name)
        with (
            ours(folder / "ours", delay_ms=ROUND_TRIP_MS) as (a, _, home),
            bare(folder / "bare", delay_ms=ROUND_TRIP_MS) as base,
        ):
            a.tell("lone", provider=home.did, count=3)
            base.tell("lone", count=3)
            mine: list[float] = []
            theirs: list[float] = []
            for _ in range(rounds):
                theirs.append(statistics.median(base.tell("lone", count=count)) * 1000)
                mine.append(statistics.median(a.tell("lone", provider=home.did, count=count)) * 1000)
    ratios = [m / t for m, t in zip(mine, theirs, strict=True)]
    trips = [statistics.median(times) / ROUND_TRIP_MS for times in (mine, theirs)]
    notes = [
        spread("ours", mine),
        spread("skeleton", theirs),
        spread("ratio", ratios, ""),
        f"{ROUND_TRIP_MS:g} ms round trip; in a row: ours {trips[0]:.1f}, skeleton {trips[1]:.1f}",
    ]
    ratio = statistics.median(ratios)
    return [
        Figure(
            "exchange-p50-40ms",
            statistics.median(mine),
            statistics.median(theirs),
            ratio,
            TARGET,
            "ms",
            notes=notes,
        )
    ]
