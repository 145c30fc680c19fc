"""A connector of ours under a bench: `connector.app.Connector` from its settings, and orders for it.

    python -m tests.bench.node HOME

It is what `madang up` runs, with default stores; only the command around it differs. The
consumer's driver lives in this process and calls the services that the management handlers
call, because the skeleton's driver lives in the skeleton's consumer. So neither side pays for
a third process or for management calls, and both measure the exchange between the two. It
waits by the connector's own event stream (one listener, as one client of `/manage/events`)
and never asks twice.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from connector.app import Connector
from connector.model.catalog import ApprovalMode
from connector.model.process import Role
from connector.service.negotiation import Counterparty
from connector.service.publishing import Wish
from connector.settings import load
from tests.bench import counting, seeding
from tests.bench.child import Orders, obey, timed_load

_ENDS = frozenset({"negotiation.finalized", "transfer.started"})
_DESCRIPTION = {
    "title": {"ko": "사출 성형 이력", "en": "Moulding shots"},
    "process": "injection-moulding",
    "data_class": "operations",
    "confidentiality": "limited-provision",
    "personal_data": False,
}
_BREAKS = ("negotiation.terminated", "negotiation.refused", "transfer.terminated", "transfer.refused")


class Bench:
    """One connector, and what it can be told to do."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.node = connector.node
        self._reached: defaultdict[str, asyncio.Future[None]] = defaultdict(
            lambda: asyncio.get_running_loop().create_future()
        )
        self._ends = _ENDS
        self._others: dict[str, Counterparty] = {}

    async def hear(self) -> None:
        """Turn the event stream into what exchanges wait for."""
        async for event in self.node.events.listen():
            if event.type in self._ends:
                self._reached[event.subject].set_result(None)
            elif event.type in _BREAKS:
                self._reached[event.subject].set_exception(RuntimeError(f"{event.type}: {dict(event.data)}"))

    async def publish(self, path: str, approval: str = "automatic") -> str:
        """Publish a file for everybody under open terms; returns the dataset's id."""
        wish = Wish(
            Path(path),
            templates=["open-use"],
            description=_DESCRIPTION,
            approval=ApprovalMode(approval),
        )
        return (await self.node.publishing.publish(wish)).id

    async def _exchange(self, provider: str) -> float:
        other = self._others.get(provider)
        if other is None:
            # The address book is filled once, as a factory's is.
            other = self._others[provider] = await self.node.parties.locate(provider)
        node = self.node
        began = time.perf_counter()
        raw, _ = await node.consuming.catalog(other)
        dataset = json.loads(raw)["dataset"][0]
        offer = {**dataset["hasPolicy"][0], "target": dataset["@id"]}
        negotiation = await node.negotiations.request(
            other, {k: v for k, v in offer.items() if not k.startswith("http")}
        )
        await self._arrival(negotiation.id)
        agreement = (await node.negotiations.find(negotiation.id)).agreement_id
        transfer = await node.transfers.request(agreement)
        await self._arrival(transfer.id)
        address = (await node.transfers.find(transfer.id)).data_address
        headers = {"Authorization": _property(address, "authorization")}
        async with self._connector._egress.stream(
            "GET", _property(address, "endpoint"), headers=headers
        ) as answer:
            first = await anext(answer.chunks)
            took = time.perf_counter() - began
            if answer.status != 200 or not first:
                raise RuntimeError(f"the pull was answered {answer.status}: {first[:200]!r}")
            async for _ in answer.chunks:
                pass
        return took

    async def _arrival(self, subject: str) -> None:
        try:
            async with asyncio.timeout(30):
                await self._reached[subject]
        finally:
            self._reached.pop(subject, None)

    async def lone(self, provider: str, count: int) -> list[float]:
        """So many exchanges, one after the other; seconds each."""
        return [await self._exchange(provider) for _ in range(count)]

    async def load(self, provider: str, in_flight: int, seconds: float) -> dict[str, Any]:
        """As many exchanges as go."""
        return await timed_load(lambda: self._exchange(provider), in_flight, seconds)

    async def check(self) -> dict[str, int]:
        """What stands in the consumer's store; `whole` has one contract and one transfer that is started."""
        return await self.node.store.read(_tally)

    async def open(self, provider: str, count: int, in_flight: int) -> int:
        """Open so many negotiations that wait for the provider's owner; returns how many stand open."""
        other = await self.node.parties.locate(provider)
        raw, _ = await self.node.consuming.catalog(other)
        dataset = json.loads(raw)["dataset"][0]
        offer = {k: v for k, v in dataset["hasPolicy"][0].items() if not k.startswith("http")}
        offer["target"] = dataset["@id"]
        gate = asyncio.Semaphore(in_flight)

        async def one() -> None:
            async with gate:
                negotiation = await self.node.negotiations.request(other, offer)
                await self._arrival(negotiation.id)

        self._ends = frozenset({"negotiation.requested"})
        await asyncio.gather(*(one() for _ in range(count)))
        return await self.node.store.read(lambda tx: tx.negotiations.open_count(other.id))

    async def seed_search(self, count: int) -> int:
        """Put so many different datasets into the catalog and its index; how many there are."""
        from tests.integration.search_world import fill, seeded

        await fill(self.node, seeded(count, self.node.public_url), "did:web:partner.example")
        return await self.node.store.read(lambda tx: tx.catalog.dataset_count())

    async def seed(self, count: int) -> int:
        """Put so many datasets into the catalog; returns how many stand there."""
        return await seeding.fill(self.node, count)

    async def pages(self, provider: str, count: int, datasets: int, bare: str) -> dict[str, Any]:
        """Catalog pages of 100: `count` times ours and a bare handler that sends the same bytes, in turn.

        The first round meets every page for the first time and is told apart (`first`). Every
        request has its own signed token, made before the clock starts: the client's work is not
        the server's.
        """
        other = await self.node.parties.locate(provider)
        url = f"{other.address}/catalog/request"
        query = json.dumps({"@context": seeding.CONTEXT, "@type": "CatalogRequestMessage"}).encode()
        ours: list[float] = []
        base: list[float] = []
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            pages, size, places = datasets // 100 - 1, 0, [url]
            for i in range(count + pages):
                page = places[i % pages]
                header = await self.node.parties.authorize(other.id, url, other.our_id)
                headers = {"Authorization": header, "Content-Type": "application/json"}
                for times, address in ((ours, page), (base, bare)):
                    began = time.perf_counter()
                    async with session.post(address, data=query, headers=headers) as answer:
                        body = await answer.read()
                    times.append(time.perf_counter() - began)
                    if answer.status != 200 or len(body) < 10_000:
                        raise RuntimeError(f"{address} answered {answer.status}: {body[:200]!r}")
                    size = len(body)
                    following = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("Link", ""))
                    if following is not None and len(places) < pages:
                        places.append(following[1])
        return {"first": ours[:pages], "ours": ours[pages:], "base": base[pages:], "bytes": size}

    async def page(self, provider: str) -> str:
        """One catalog page of a partner, as it came."""
        other = await self.node.parties.locate(provider)
        raw, _ = await self.node.consuming.catalog(other)
        return raw.decode("utf-8")

    async def count(self, seconds: float) -> dict[str, Any]:
        """What the store is asked while nobody does anything."""
        with counting.statements(self.node.store) as said:
            cpu = time.process_time()
            await asyncio.sleep(seconds)
            return {"statements": len(said), "cpuS": time.process_time() - cpu, "first": said[:5]}

    async def heavy(self) -> list[str]:
        """Which of the libraries that a main process may not hold are loaded here [D26]."""
        return [name for name in ("duckdb", "pyarrow", "pyshacl", "rdflib") if name in sys.modules]

    async def begin_budget(self) -> None:
        """Count signatures and commits from now on."""
        counting.begin(self.node)

    async def end_budget(self) -> dict[str, int]:
        """What was counted since."""
        return counting.end(self.node)


def _property(address: dict[str, Any], name: str) -> str:
    if name == "endpoint":
        return str(address["endpoint"])
    return str(next(p["value"] for p in address["endpointProperties"] if p["name"] == name))


def _tally(tx: Any) -> dict[str, int]:
    begun = [n for n in tx.negotiations.everything() if n.role is Role.CONSUMER]
    agreements = Counter(a.negotiation_id for a in tx.agreements.everything() if a.is_final)
    started = Counter(t.agreement_id for t in tx.transfers.everything() if t.state == "STARTED")
    whole = sum(
        n.state == "FINALIZED" and agreements[n.id] == 1 and started[n.agreement_id] == 1 for n in begun
    )
    return {"consumes": len(begun), "whole": whole}


async def main(home: str) -> None:
    """Run the connector, and do what standard input says until it ends."""
    connector = Connector(load(Path(home)))
    await connector.start()
    bench = Bench(connector)
    listening = asyncio.create_task(bench.hear())
    names = (
        "heavy",
        "publish",
        "lone",
        "load",
        "check",
        "open",
        "seed",
        "seed_search",
        "pages",
        "page",
        "count",
        "begin_budget",
        "end_budget",
    )
    orders: Orders = {name: getattr(bench, name) for name in names}
    try:
        await obey(orders)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await connector.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
