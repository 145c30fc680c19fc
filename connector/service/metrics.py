"""What Prometheus is shown: counts of what is in the store, and how long requests take.

What the store knows is read when it is asked for, never kept twice; only request
times are gathered as they happen. Labels have few values: states, routes and
codes, never a partner or a dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.dataplane.limits import PullGate
from connector.model.ports import Clock
from connector.service.deliver import Sender
from connector.store.api import Store
from connector.store.tables import Tx

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

GAUGES: Final[Mapping[str, str]] = {
    "madang_up_seconds": "Seconds since the connector started.",
    "madang_datasets": "Datasets that stand in the catalog.",
    "madang_negotiations": "Negotiations, by our role and their state.",
    "madang_transfers": "Transfers, by our role and their state.",
    "madang_outbox_messages": "Messages that partners have not acknowledged yet.",
    "madang_deliveries_in_flight": "Messages being delivered, or waiting for their next attempt.",
    "madang_pulls_running": "Pulls that are being served now.",
    "madang_ledger_leaves": "Leaves in the ledger.",
    "madang_uses": "Uses of contracts so far.",
}
COUNTERS: Final[Mapping[str, str]] = {
    "madang_sent_bytes_total": "Bytes of data handed to the network since the start.",
    "madang_refusals_total": "Requests that were refused, by code.",
    "madang_requests_total": "Requests answered, by listener, route and status.",
}
HISTOGRAMS: Final[Mapping[str, str]] = {
    "madang_request_seconds": "How long requests took, by listener and route.",
}


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each counter tells nobody anything


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The store at one moment."""

    datasets: int = 0
    negotiations: tuple[tuple[str, str, int], ...] = ()
    transfers: tuple[tuple[str, str, int], ...] = ()
    outbox: int = 0
    leaves: int = 0
    uses: int = 0
    refusals: tuple[tuple[str, int], ...] = ()


def _snapshot(tx: Tx) -> _Snapshot:
    return _Snapshot(
        datasets=tx.catalog.dataset_count(),
        negotiations=tuple(tx.negotiations.counts()),
        transfers=tuple(tx.transfers.counts()),
        outbox=tx.outbox.size(),
        leaves=tx.ledger_size(),
        uses=tx.uses.totals()["uses"],
        refusals=tuple(tx.refusal_totals()),
    )


@dataclass(slots=True, eq=False)
class _Seen(Collector):
    """Shows the last snapshot to the registry."""

    clock: Clock
    sender: Sender
    gate: PullGate
    started_at: float
    snapshot: _Snapshot = field(default_factory=_Snapshot)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the registry need not ask us when we are registered."""
        return []

    def collect(self) -> Iterable[Metric]:
        """What the store, the sender and the gate know."""
        now, s = self.clock.monotonic(), self.snapshot
        yield _gauge("madang_up_seconds", now - self.started_at)
        yield _gauge("madang_datasets", s.datasets)
        yield _by_state("madang_negotiations", s.negotiations)
        yield _by_state("madang_transfers", s.transfers)
        yield _gauge("madang_outbox_messages", s.outbox)
        yield _gauge("madang_deliveries_in_flight", self.sender.in_flight)
        yield _gauge("madang_pulls_running", self.gate.running)
        yield _gauge("madang_ledger_leaves", s.leaves)
        yield _gauge("madang_uses", s.uses)
        refusals = CounterMetricFamily("madang_refusals", COUNTERS["madang_refusals_total"], labels=["code"])
        for code, count in s.refusals:
            refusals.add_metric([code], count)
        yield refusals


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, GAUGES[name], value=value)


def _by_state(name: str, counts: Iterable[tuple[str, str, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, GAUGES[name], labels=["role", "state"])
    for role, state, count in counts:
        family.add_metric([role.lower(), state], count)
    return family


class Metrics:
    """One connector's metrics, in a registry of their own."""

    def __init__(self, store: Store, clock: Clock, sender: Sender, gate: PullGate) -> None:
        self._store = store
        self._clock = clock
        self._registry = CollectorRegistry()
        self._children: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}
        self._seen = _Seen(clock, sender, gate, clock.monotonic())
        self._registry.register(self._seen)
        self._requests = Counter(
            "madang_requests",
            COUNTERS["madang_requests_total"],
            ["listener", "method", "route", "status"],
            registry=self._registry,
        )
        self._sent = Counter(
            "madang_sent_bytes", COUNTERS["madang_sent_bytes_total"], registry=self._registry
        )
        self._seconds = Histogram(
            "madang_request_seconds",
            HISTOGRAMS["madang_request_seconds"],
            ["listener", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    @property
    def clock(self) -> Clock:
        """What times are taken with."""
        return self._clock

    def request(self, listener: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the pattern, never the path itself."""
        key = listener, method, route, status
        found = self._children.get(key)
        if found is None:
            # Label values are looked up and locked each time otherwise; there are few, and they last.
            found = (
                self._requests.labels(listener, method, route, str(status)),
                self._seconds.labels(listener, route),
            )
            self._children[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def delivered(self, count: int) -> None:
        """Count bytes of data that left, whether or not the answer was whole."""
        self._sent.inc(count)

    async def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        self._seen.snapshot = await self._store.read(_snapshot)
        return generate_latest(self._registry)
