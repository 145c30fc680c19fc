"""From the start of the process to its first "ready", against the imports that it cannot do without."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import Figure, spread
from tests.bench.pair import LIMITS, Home, environment, make_homes, up

TARGET = 2.5
_IMPORTS = "import aiohttp, jwt, cryptography"


def _imports_s(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", _IMPORTS], check=True, env=environment(folder))
    return time.perf_counter() - began


def _start_s(home: Home) -> float:
    with up(home) as (_, seconds):
        return seconds


def run(*, quick: bool) -> list[Figure]:
    """Both in turn; a home that was started before, as after a restart."""
    turns = 5 if quick else 15
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name:
        folder = Path(name)
        home = make_homes(folder, limits=LIMITS)[1]
        _start_s(home), _imports_s(folder)  # code is compiled once, and the files are in memory
        mine: list[float] = []
        theirs: list[float] = []
        for _ in range(turns):
            theirs.append(_imports_s(folder) * 1000)
            mine.append(_start_s(home) * 1000)
    ratios = [m / t for m, t in zip(mine, theirs, strict=True)]
    notes = [spread("ours", mine), spread("imports", theirs), spread("ratio", ratios, "")]
    ours, base = statistics.median(mine), statistics.median(theirs)
    return [Figure("start-to-ready", ours, base, statistics.median(ratios), TARGET, "ms", notes=notes)]
