"""`make bench`: every target of speed and memory in one run, as ratios.

    python -m tests.bench [--quick] [NAME …]

NAME: exchange, delay, catalog, search, memory, start, bulk (needs nginx and curl), edc (needs Java and
Maven; only if named). Each line is `bench: NAME ours=… base=… ratio=… target=… ok|over`; what
is behind it stands below the line and in `bench-report.json`. The exit code is 0 if every
target is met, 1 if one is over, 2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import (
    bench_catalog,
    bench_delay,
    bench_exchange,
    bench_memory,
    bench_policy,
    bench_search,
    bench_start,
)
from tests.bench.child import ChildFailed
from tests.bench.measure import Figure, host, write_report

OWN: dict[str, Callable[..., list[Figure]]] = {
    "exchange": bench_exchange.run,
    "delay": bench_delay.run,
    "catalog": bench_catalog.run,
    "search": bench_search.run,
    "policy": bench_policy.run,
    "memory": bench_memory.run,
    "start": bench_start.run,
}
OTHERS = ("bulk", "edc")


def _own(name: str, quick: bool) -> int:
    try:
        figures = OWN[name](quick=quick)
    except ChildFailed as error:
        print(f"bench: {name} failed: {error}", file=sys.stderr)
        return 2
    for figure in figures:
        figure.say()
    write_report(name, figures, {"quick": quick})
    return 0 if all(figure.ok for figure in figures) else 1


def _other(name: str, quick: bool) -> int:
    """A bench that is a program of its own and puts its part into the report itself."""
    smaller = {"bulk": ["--mib", "128", "--runs", "3"], "edc": ["--runs", "10"]}[name] if quick else []
    return subprocess.run(
        [sys.executable, "-m", f"tests.bench.bench_{name}", *smaller], check=False
    ).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that are named, else all but `edc`."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="speed and memory, as ratios")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under five minutes in all")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join([*OWN, *OTHERS])}")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(OWN) - set(OTHERS)
    if unknown:
        parser.error(f"there is no bench {min(unknown)!r}")
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        about = host(Path(folder))
    print("host: " + ", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    write_report("host", [], about)
    codes = []
    for name in chosen.names or [*OWN, "bulk"]:
        began = time.monotonic()
        codes.append(_own(name, chosen.quick) if name in OWN else _other(name, chosen.quick))
        print(f"  ({name} took {time.monotonic() - began:.0f} s)", flush=True)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
