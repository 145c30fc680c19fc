"""A catalog page of 100 out of 10,000 datasets, against a bare handler that sends the same bytes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from connector.factories import free_ports
from tests.bench.child import child
from tests.bench.measure import Figure, quantile, spread
from tests.bench.pair import LIMITS, make_homes

DATASETS, TARGET = 10_000, 2.0


def run(*, quick: bool) -> list[Figure]:
    """The p99 over pages all through the catalog; ours and the bare handler answer in turn."""
    datasets, count = (1_000, 300) if quick else (DATASETS, 2_000)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name, ExitStack() as stack:
        consumer, provider = make_homes(Path(name), limits=LIMITS)
        (port,) = free_ports(1)
        bare = stack.enter_context(child("bare handler", "tests.bench.handler", port))
        b = stack.enter_context(child("our provider", "tests.bench.node", provider.folder))
        a = stack.enter_context(child("our consumer", "tests.bench.node", consumer.folder))
        stands = b.tell("seed", count=datasets)
        size = bare.tell("give", text=a.tell("page", provider=provider.did))
        found = a.tell(
            "pages", provider=provider.did, count=count, datasets=stands, bare=f"http://127.0.0.1:{port}/"
        )
    mine, theirs = ([s * 1000 for s in found[k]] for k in ("ours", "base"))
    ours, base = quantile(mine, 0.99), quantile(theirs, 0.99)
    notes = [
        f"{stands} datasets, pages of 100, {size} bytes each",
        spread("ours", mine),
        spread("ours, each page for the first time", [s * 1000 for s in found["first"]]),
        spread("bare handler", theirs),
    ]
    return [Figure("catalog-page-p99", ours, base, ours / base, TARGET, "ms", notes=notes)]
