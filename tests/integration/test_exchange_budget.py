"""What an exchange costs from catalog to first byte: round trips, commits, signatures; never more."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.identity import jose, tokens
from connector.model.process import NegotiationState
from connector.peer.egress import Egress
from tests.integration.two_factories import Factory, at_rest, factories, offer, until

# Each number is what was counted when this was written. A smaller one may replace it; a larger one needs
# a reason in the pull request. "dids" are look-ups of DID documents; they are cached afterwards.
CEILINGS: dict[str, Mapping[str, int]] = {
    "round trips": {"dids": 2, "catalog": 2, "negotiation": 4, "transfer": 2, "data": 1},
    "round trips, acquainted": {"dids": 0, "catalog": 2, "negotiation": 4, "transfer": 2, "data": 1},
    "commits": {"consumer": 10, "provider": 10},
    "signed": {"consumer": 6, "provider": 4},
    "checked": {"consumer": 4, "provider": 6},
}


@dataclass
class Meter:
    """Counts what leaves each factory, what it commits, and what it signs and checks."""

    trips: Counter[str] = field(default_factory=Counter)
    commits: Counter[str] = field(default_factory=Counter)
    signed: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        """Begin again."""
        for counter in (self.trips, self.commits, self.signed, self.checked):
            counter.clear()

    def watch(self, monkeypatch: pytest.MonkeyPatch, consumer: Factory, provider: Factory) -> None:
        """Look at the two from outside: the network's door, the database's log, the signatures."""
        self.names = {consumer.did: "consumer", provider.did: "provider"}
        for name, factory in (("consumer", consumer), ("provider", provider)):
            factory.node.store._writer.raw.set_trace_callback(
                lambda text, name=name: self.commits.update([name] if text.lower() == "commit" else [])
            )
            signer = factory.node.keys.signer
            monkeypatch.setattr(signer, "sign", self._signing(name, signer.sign))
        call, stream, check = Egress.__call__, Egress.stream, jose.check_signature

        async def counted(egress: Egress, method: str, url: str, **kw: Any) -> Any:
            self.trips[_kind(url)] += 1
            return await call(egress, method, url, **kw)

        @asynccontextmanager
        async def streamed(egress: Egress, method: str, url: str, **kw: Any) -> AsyncIterator[Any]:
            self.trips[_kind(url)] += 1
            async with stream(egress, method, url, **kw) as found:
                yield found

        def checks(jws: jose.Jws, jwk: Mapping[str, Any]) -> None:
            signer = self.names[str(jws.kid).partition("#")[0]]
            self.checked["provider" if signer == "consumer" else "consumer"] += 1
            check(jws, jwk)

        monkeypatch.setattr(Egress, "__call__", counted)
        monkeypatch.setattr(Egress, "stream", streamed)
        monkeypatch.setattr(jose, "check_signature", checks)
        monkeypatch.setattr(tokens, "check_signature", checks)

    def _signing(self, name: str, sign: Any) -> Any:
        def signs(claims: Mapping[str, Any], *, typ: str) -> str:
            self.signed[name] += 1
            return str(sign(claims, typ=typ))

        return signs


def _kind(url: str) -> str:
    path = urlsplit(url).path
    words = {
        "did.json": "dids",
        "/catalog": "catalog",
        "/negotiations": "negotiation",
        "/transfers": "transfer",
    }
    return next((kind for word, kind in words.items() if word in path), "data")


async def _exchange(consumer: Factory, provider: Factory, dataset: str, folder: Path) -> None:
    other = provider.as_counterparty(consumer.did)
    await consumer.node.consuming.catalog(other)
    begun = await consumer.node.consuming.request(other, dataset)
    done = await until(
        consumer.node,
        lambda tx: (
            n if (n := tx.negotiations.get(begun.id)) and n.state is NegotiationState.FINALIZED else None
        ),
    )
    await consumer.node.consuming.pull(done.agreement_id, folder=folder)
    await at_rest(consumer, provider)


def _within(what: str, counted: Mapping[str, int], ceiling: Mapping[str, int]) -> None:
    over = {k: (counted[k], ceiling.get(k, 0)) for k in counted if counted[k] > ceiling.get(k, 0)}
    assert not over, f"{what}: counted and allowed {over}; all of it: {dict(counted)}"


async def test_an_exchange_costs_no_more_than_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with factories(tmp_path) as (consumer, provider):
        one, two = await offer(provider, "one"), await offer(provider, "two")
        meter = Meter()
        meter.watch(monkeypatch, consumer, provider)
        await _exchange(consumer, provider, one, tmp_path / "in-1")
        _within("round trips of strangers", meter.trips, CEILINGS["round trips"])
        meter.reset()
        await _exchange(consumer, provider, two, tmp_path / "in-2")
        for what, counted, key in (
            ("round trips", meter.trips, "round trips, acquainted"),
            ("commits", meter.commits, "commits"),
            ("signatures made", meter.signed, "signed"),
            ("signatures checked", meter.checked, "checked"),
        ):
            _within(what, counted, CEILINGS[key])
            assert sum(counted.values()) > 0, what
