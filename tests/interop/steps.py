"""The moves of an exchange, each checked on both sides, and what a failed check raises."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.interop.management import Edr, Entity, ManagementClient, ManagementError, Unsettled, settle
from tests.interop.node import Node

FINALIZED = frozenset({"FINALIZED"})
STARTED = frozenset({"STARTED"})
SUSPENDED = frozenset({"SUSPENDED"})
ENDED = frozenset({"TERMINATED", "DEPROVISIONED"})
"""EDC tidies a terminated transfer up into a state of its own."""

REFUSALS = frozenset({401, 403, 410, 423})
"""How a data endpoint may say no to a token that does not (or no longer) hold."""


class CheckFailed(Exception):
    """What was promised is not what was seen; the text says both."""


def check(holds: bool, said: str) -> None:
    """Raise CheckFailed unless `holds`."""
    if not holds:
        raise CheckFailed(said)


@dataclass(frozen=True, slots=True)
class Contract:
    """A negotiation that both sides finished: each side's id, and the agreement they share."""

    consumer_id: str
    provider_id: str
    agreement_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """A transfer that both sides started: each side's id, and what opens the bytes."""

    consumer_id: str
    provider_id: str
    edr: Edr


@dataclass(slots=True)
class Direction:
    """Data goes from `provider` to `consumer`; `timeout_s` bounds each single step."""

    provider: Node
    consumer: Node
    session: aiohttp.ClientSession
    timeout_s: float = 30.0
    content: dict[str, bytes] = field(default_factory=dict)
    """The bytes of each asset that was offered, by asset id."""
    contracts: dict[str, Contract] = field(default_factory=dict)
    """One finished contract per asset, shared by the scenarios that need any."""

    @property
    def name(self) -> str:
        """As it stands in the output."""
        return f"{self.provider.label}-to-{self.consumer.label}"

    async def offer(self, asset_id: str, content: bytes, rules: Mapping[str, Any] | None = None) -> None:
        """Publish at the provider and remember the bytes."""
        if rules is None:
            await self.provider.offer(asset_id, content)
        else:
            await self.provider.offer(asset_id, content, rules)
        self.content[asset_id] = content

    async def find_offer(self, asset_id: str) -> Entity:
        """The first offer of a dataset in the provider's catalog, as the consumer sees it."""
        catalog = await self.consumer.management.catalog(self.provider.partner)
        offers = _list(self.dataset_in(catalog, asset_id).get("hasPolicy"))
        check(bool(offers), f"the dataset {asset_id} has no offer")
        return dict(offers[0])

    def dataset_in(self, catalog: Entity, asset_id: str) -> Entity:
        """A dataset of a catalog by its id."""
        found = [entry for entry in _list(catalog.get("dataset")) if entry.get("@id") == asset_id]
        seen = [entry.get("@id") for entry in _list(catalog.get("dataset"))]
        check(len(found) == 1, f"the catalog should list {asset_id} once; it lists {seen[:20]}")
        return dict(found[0])

    async def agree(
        self, asset_id: str, offer: Mapping[str, Any] | None = None, *, every_s: float = 0.05
    ) -> Contract:
        """Negotiate until both sides say FINALIZED; both then know one agreement."""
        chosen = offer or await self.find_offer(asset_id)
        consumer_id = await self.consumer.management.negotiate(self.provider.partner, asset_id, chosen)
        ours = await self.settled(self.consumer, "negotiation", consumer_id, FINALIZED, every_s=every_s)
        provider_id = str(ours.get("correlationId"))
        theirs = await self.settled(self.provider, "negotiation", provider_id, FINALIZED, every_s=every_s)
        agreement_id = str(ours.get("contractAgreementId"))
        check(
            agreement_id == theirs.get("contractAgreementId"),
            f"the agreement is {agreement_id} here, {theirs.get('contractAgreementId')} there",
        )
        check(
            theirs.get("correlationId") == consumer_id,
            f"the provider's correlationId is {theirs.get('correlationId')}, not {consumer_id}",
        )
        return Contract(consumer_id, provider_id, agreement_id)

    async def contract(self, asset_id: str) -> Contract:
        """A finished contract over an asset, negotiated on first use."""
        if asset_id not in self.contracts:
            self.contracts[asset_id] = await self.agree(asset_id)
        return self.contracts[asset_id]

    async def start(self, agreement_id: str, *, every_s: float = 0.05) -> Started:
        """Start a pull under an agreement until both sides say STARTED."""
        management = self.consumer.management
        consumer_id = await management.start_transfer(self.provider.partner, agreement_id)
        ours = await self.settled(self.consumer, "transfer", consumer_id, STARTED, every_s=every_s)
        provider_id = str(ours.get("correlationId"))
        await self.settled(self.provider, "transfer", provider_id, STARTED, every_s=every_s)
        return Started(consumer_id, provider_id, await self.edr(consumer_id))

    async def edr(self, transfer_id: str) -> Edr:
        """The consumer's EDR, which may be stored a moment after STARTED is."""
        deadline = time.monotonic() + 5
        while True:
            try:
                return await self.consumer.management.edr(transfer_id)
            except ManagementError as error:
                if error.status != 404 or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.02)

    async def settled(
        self, node: Node, kind: str, process_id: str, wanted: frozenset[str], *, every_s: float = 0.05
    ) -> Entity:
        """Wait until a node's process is in a wanted state; the error says which node it was."""
        api = node.management

        async def read() -> Entity:
            return await (api.transfer(process_id) if kind == "transfer" else api.negotiation(process_id))

        with naming(f"{kind} at {node.label}"):
            return await settle(read, wanted, timeout_s=self.timeout_s, every_s=every_s)

    async def get(self, endpoint: str, authorization: str | None) -> tuple[int, bytes]:
        """One GET at a data endpoint: status and body."""
        headers = {} if authorization is None else {"Authorization": authorization}
        async with self.session.get(endpoint, headers=headers) as response:
            return response.status, await response.read()

    async def pull(self, edr: Edr, asset_id: str) -> None:
        """Read the bytes with an EDR; they have to be those that were offered."""
        status, body = await self.get(edr.endpoint, edr.authorization)
        check(status == 200, f"the pull answered {status}: {body[:200]!r}")
        wanted = self.content[asset_id]
        check(body == wanted, f"{len(body)} bytes arrived, not the {len(wanted)} that were offered")

    async def refused(self, edr: Edr) -> None:
        """The token of this EDR must not open anything."""
        status, body = await self.get(edr.endpoint, edr.authorization)
        check(status in REFUSALS, f"a token that no longer holds was answered {status}: {body[:100]!r}")

    async def refused_soon(self, edr: Edr) -> None:
        """The same, a moment being allowed for a provider that acts at ticks."""
        await eventually(lambda: self.refused(edr), timeout_s=5)

    async def reason_arrived(self, node: Node, kind: str, process_id: str, reason: str) -> None:
        """The other side's reason can be read at this node; in what it received if it keeps none."""
        if node.keeps_reasons:
            api = node.management
            entity = await (api.transfer(process_id) if kind == "transfer" else api.negotiation(process_id))
            check(
                reason in str(entity.get("errorDetail")),
                f"errorDetail at {node.label} is {entity.get('errorDetail')!r}, not {reason!r}",
            )
            return
        type_ = (
            "TransferTerminationMessage" if kind == "transfer" else "ContractNegotiationTerminationMessage"
        )
        messages = node.received(process_id, type_)
        check(bool(messages), f"{node.label} received no {type_} about {process_id}")
        shown = json.dumps([message.body.get("reason") for message in messages], ensure_ascii=False)
        check(reason in shown, f"{node.label} received the reasons {shown}, not {reason!r}")
        last = messages[-1]
        check(last.status == 200, f"{node.label} answered the termination with {last.status}: {last.answer}")


async def eventually(attempt: Callable[[], Awaitable[None]], *, timeout_s: float) -> None:
    """Repeat a check until it holds; its own failure is raised if it still fails at the end."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return await attempt()
        except CheckFailed:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Books:
    """What a node has on its books: the states of its processes and the ids of its agreements."""

    negotiations: dict[str, str]
    transfers: dict[str, str]
    agreements: frozenset[str]

    @classmethod
    async def of(cls, api: ManagementClient) -> Books:
        """Read them from a management API."""
        negotiations = {k: str(v.get("state")) for k, v in (await api.negotiations()).items()}
        transfers = {k: str(v.get("state")) for k, v in (await api.transfers()).items()}
        return cls(negotiations, transfers, frozenset(await api.agreements()))


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Say in an Unsettled which process it was."""
    try:
        yield
    except Unsettled as error:
        raise CheckFailed(f"{what}: {error}") from error


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
