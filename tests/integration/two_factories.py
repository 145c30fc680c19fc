"""Real connectors on loopback for tests: own home, keys, database and listeners each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from connector.app import Connector
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.model.catalog import ApprovalMode, Asset, ContractDefinition, PolicyDefinition
from connector.model.process import Negotiation, NegotiationState
from connector.service.negotiation import Counterparty
from connector.service.node import Node
from connector.settings import build
from connector.store.tables import Tx
from tests.ports import free_ports

T = TypeVar("T")
XSD_INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
ODRL = "http://www.w3.org/ns/odrl/2/"
OPEN: dict[str, Any] = {"permission": [{"action": "use"}]}


def at_most(count: int) -> dict[str, Any]:
    """Rules that allow so many uses."""
    constraint = {
        "leftOperand": f"{ODRL}count",
        "operator": "lteq",
        "rightOperand": {"@value": str(count), "@type": XSD_INTEGER},
    }
    return {"permission": [{"action": "use", "constraint": [constraint]}]}


def for_purpose(*purposes: str) -> dict[str, Any]:
    """Rules that allow use for these purposes."""
    constraint = {"leftOperand": f"{ODRL}purpose", "operator": "isAnyOf", "rightOperand": list(purposes)}
    return {"permission": [{"action": "use", "constraint": [constraint]}]}


@dataclass
class Factory:
    """One running connector, and how to start it again where it stopped."""

    name: str
    home: Path
    raw: dict[str, Any]
    connector: Connector

    @property
    def node(self) -> Node:
        """Its services."""
        return self.connector.node

    @property
    def url(self) -> str:
        """Its public root address."""
        return self.node.public_url

    @property
    def did(self) -> str:
        """Who it is."""
        return self.node.parties.did

    @property
    def base(self) -> str:
        """Its DSP base address."""
        return self.node.dsp_base

    def as_counterparty(self, our_id: str) -> Counterparty:
        """How another one addresses it."""
        return Counterparty(self.did, self.base, our_id)

    async def restart(self) -> None:
        """Stop, and start a new life on the same home."""
        await self.connector.stop()
        self.connector = Connector(build(self.home, self.raw, {}))
        await self.connector.start()


def prepare(
    home: Path, port: int, hosts: Sequence[str], more: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Make a home with keys; the settings to run it with."""
    url = f"http://127.0.0.1:{port}"
    home.mkdir(parents=True)
    KeyRing.create(home / "keys", did_from_url(url), now=datetime.now(UTC))
    (home / "management.key").write_text("test-key\n")
    raw: dict[str, Any] = {
        "participant": {"name": home.name, "name_en": home.name},
        "server": {"public_url": url, "public_host": "127.0.0.1", "public_port": port, "management_port": 0},
        "egress": {"allow": list(hosts), "http_hosts": list(hosts)},
        "data": {"stable_for_s": 0.0},
    }
    for section, values in more.items():
        raw[section] = {**raw.get(section, {}), **values}
    return raw


@asynccontextmanager
async def factories(
    folder: Path,
    names: Sequence[str] = ("factory-a", "factory-b"),
    *,
    hosts: Sequence[str] = (),
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[list[Factory]]:
    """Running connectors that may call each other (and `hosts`); `more` are further settings of all."""
    ports = free_ports(len(names))
    known = [*(f"127.0.0.1:{p}" for p in ports), *hosts]
    async with AsyncExitStack() as stack:
        running: list[Factory] = []
        for name, port in zip(names, ports, strict=True):
            home = folder / name
            raw = prepare(home, port, known, more or {})
            factory = Factory(name, home, raw, Connector(build(home, raw, {})))
            await factory.connector.start()
            stack.push_async_callback(_stop, factory)
            running.append(factory)
        yield running


async def _stop(factory: Factory) -> None:
    await factory.connector.stop()


async def until(node: Node, look: Callable[[Tx], T], *, within_s: float = 15.0) -> T:
    """What `look` finds in the store, once it is something."""
    async with asyncio.timeout(within_s):
        while not (found := await node.store.read(look)):  # noqa: ASYNC110  # commits call nobody outside
            await asyncio.sleep(0.004)
        return found


async def at_rest(*factories_: Factory, within_s: float = 15.0) -> None:
    """Wait until no message is on its way."""
    for factory in factories_:
        await until(factory.node, lambda tx: not tx.outbox.everything(), within_s=within_s)


async def offer(
    factory: Factory,
    name: str,
    rules: Mapping[str, Any] = OPEN,
    *,
    content: bytes = b"temperature;21.5\n",
    visible_to: Sequence[str] = (),
    approval: ApprovalMode = ApprovalMode.AUTOMATIC,
) -> str:
    """Offer a file of this content: the rows that `publish` writes, without its RDF check; its id."""
    node = factory.node
    path = factory.home / "files" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    found = await node.publishing._inspect(path)
    now = node.clock.now()
    asset_id = f"{factory.url}/datasets/{name}"
    access: dict[str, Any] = {"action": "use"}
    if visible_to:
        recipients = {
            "leftOperand": f"{ODRL}recipient",
            "operator": "isAnyOf",
            "rightOperand": list(visible_to),
        }
        access["constraint"] = [recipients]

    def work(tx: Tx) -> None:
        version = tx.assets.newest_version(asset_id) + 1
        tx.assets.retire(asset_id)
        description = {"title": {"ko": "온도", "en": "temperature"}}
        asset = Asset(
            asset_id, version, {}, {}, found.as_json(), description, found.sha256, found.size, True, now
        )
        tx.assets.add(asset)
        tx.policies.add(
            PolicyDefinition(
                f"{name}-access", {"@id": f"{name}-access", "@type": "Set", "permission": [access]}, {}, now
            )
        )
        tx.policies.add(
            PolicyDefinition(f"{name}-terms", {"@id": f"{name}-terms", "@type": "Set", **rules}, {}, now)
        )
        selector = [{"operandLeft": "id", "operator": "=", "operandRight": asset_id}]
        tx.definitions.add(
            ContractDefinition(
                f"{name}-offer", f"{name}-access", f"{name}-terms", selector, {}, approval, now
            )
        )
        node.catalogs.refresh(tx, [asset_id])

    await node.store.transact(work)
    return asset_id


async def offered(factory: Factory, dataset: str) -> dict[str, Any]:
    """The offer that stands for a dataset, with its target: what a first request carries."""
    offers = await factory.node.store.read(lambda tx: tx.catalog.current_of_asset(dataset))
    return {**offers[0].policy, "target": dataset}


async def negotiated(
    consumer: Factory, provider: Factory, dataset: str, state: NegotiationState = NegotiationState.FINALIZED
) -> Negotiation:
    """The consumer's negotiation for a dataset, once it has reached a state on both sides."""
    begun = await consumer.node.consuming.request(provider.as_counterparty(consumer.did), dataset)

    def at(tx: Tx) -> Negotiation | None:
        found = tx.negotiations.get(begun.id)
        return found if found is not None and found.state is state and found.pending is None else None

    found = await until(consumer.node, at)

    def there(tx: Tx) -> bool:
        other = tx.negotiations.get(found.peer_pid)
        return other is not None and other.state is state

    await until(provider.node, there)
    return found


async def contract(
    consumer: Factory, provider: Factory, name: str, rules: Mapping[str, Any] = OPEN, **kw: Any
) -> str:
    """A contract between the two over a new dataset; its id."""
    dataset = await offer(provider, name, rules, **kw)
    return (await negotiated(consumer, provider, dataset)).agreement_id
