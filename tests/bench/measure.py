"""What every bench says and keeps: one line a figure, the host beside it, and bench-report.json."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

REPORT: Final = Path("bench-report.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """One target and what was measured. `ratio` is what the target bounds; `base` None: it is absolute."""

    name: str
    ours: float
    base: float | None
    ratio: float
    target: float
    unit: str
    at_least: bool = False
    notes: Sequence[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def line(self) -> str:
        """The line that other tools read [D23]."""
        base = "-" if self.base is None else f"{self.base:.4g}{self.unit}"
        verdict = "ok" if self.ok else "over"
        return (
            f"bench: {self.name} ours={self.ours:.4g}{self.unit} base={base} "
            f"ratio={self.ratio:.3f} target={self.target:g} {verdict}"
        )

    def say(self) -> None:
        """Print the line and the notes below it."""
        print(self.line(), flush=True)
        for note in self.notes:
            print(f"  {note}", flush=True)


def spread(name: str, values: Sequence[float], unit: str = "ms") -> str:
    """Median and range in words."""
    middle = statistics.median(values)
    return (
        f"{name}: median {middle:.4g}{unit}, range {min(values):.4g}..{max(values):.4g}, {len(values)} runs"
    )


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def pss_mib(pid: int) -> dict[int, float]:
    """Proportional memory of a process and its children, by process id, in MiB."""
    root = psutil.Process(pid)
    found = {}
    for process in (root, *root.children(recursive=True)):
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii")
        found[process.pid] = (
            next(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:") / 1024
        )
    return found


def fsync_per_s(folder: Path, seconds: float = 0.5) -> float:
    """How often this disk makes 4 KiB durable in a second."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            os.pwrite(file.fileno(), b"x" * 4096, 4096 * (count % 256))
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began)


def host(folder: Path) -> dict[str, Any]:
    """Where this was measured."""
    cpu = next(
        (line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memoryGib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in ("aiohttp", "cryptography", "pyjwt")},
        "fsyncPerS": round(fsync_per_s(folder)),
        "loadBefore": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []


def write_report(part: str, figures: Sequence[Figure], about: dict[str, Any]) -> None:
    """Put one bench's part into bench-report.json; other parts that are there stay."""
    try:
        report = json.loads(REPORT.read_text("utf-8"))
    except (OSError, ValueError):
        report = {}
    rows = [asdict(f) | {"ok": f.ok, "line": f.line()} for f in figures]
    report[part] = {"figures": rows, **about}
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
