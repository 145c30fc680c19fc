"""The scenarios: each is one promise about two connectors, played in one direction."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from tests.interop.garbage import garbage_answers, garbage_calls, garbage_requests
from tests.interop.load import load
from tests.interop.management import Entity, ManagementError
from tests.interop.node import Node
from tests.interop.steps import ENDED, SUSPENDED, Books, CheckFailed, Direction, check, eventually

ASSET = "shots"
"""The dataset that most scenarios share."""

HELD = "held-shots"
"""The dataset whose requests wait for a person, where the provider can do that."""

DIFFERENT: Mapping[str, Any] = {
    "permission": [
        {
            "action": "use",
            "constraint": [
                {"leftOperand": "inForceDate", "operator": "lteq", "rightOperand": "2027-01-01T00:00:00Z"}
            ],
        }
    ]
}
"""Rules that nobody offers here; every peer understands the words."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name as printed, what is played, and for which directions it makes sense."""

    name: str
    play: Callable[[Direction], Coroutine[Any, Any, str | None]]
    fits: Callable[[Direction], bool] = lambda _: True


async def catalog(way: Direction) -> None:
    """The consumer sees the provider's dataset, who offers it, on what terms and how it is fetched."""
    found = await way.consumer.management.catalog(way.provider.partner)
    check(found.get("@type") == "Catalog", f"@type is {found.get('@type')!r}, not Catalog")
    named = found.get("participantId")
    check(named == way.provider.participant_id, f"participantId is {named!r}")
    dataset = way.dataset_in(found, ASSET)
    _check_dataset(dataset)


async def dataset(way: Direction) -> None:
    """One dataset asked for by id is the one of the catalog; an unknown id is an error, not a crash."""
    found = await way.consumer.management.dataset(way.provider.partner, ASSET)
    check(found.get("@id") == ASSET, f"asked for {ASSET}, got {found.get('@id')!r}")
    _check_dataset(found)
    try:
        surplus = await way.consumer.management.dataset(way.provider.partner, "no-such-dataset")
    except ManagementError as error:
        check(error.status in (404, 502), f"an unknown dataset is answered {error.status}")
    else:
        # EDC's management API passes the partner's error body on as if it were the dataset.
        check("hasPolicy" not in surplus, f"an unknown dataset has offers: {surplus}")


def _check_dataset(dataset: Entity) -> None:
    formats = {entry.get("format") for entry in dataset.get("distribution", [])}
    check("HttpData-PULL" in formats, f"the distributions are {formats}")
    offers = dataset.get("hasPolicy", [])
    check(len(offers) == 1, f"one offer was published, {len(offers)} are listed")
    rules = offers[0].get("permission")
    check(rules == [{"action": "use"}], f"the offer permits {rules}")


async def negotiation(way: Direction) -> None:
    """Both sides reach FINALIZED with one agreement that names both parties, the asset and the terms."""
    contract = await way.agree(ASSET)
    way.contracts[ASSET] = contract
    for node, process_id in ((way.consumer, contract.consumer_id), (way.provider, contract.provider_id)):
        agreement = await node.management.agreement_of(process_id)
        said = {name: agreement.get(name) for name in ("@id", "assetId", "consumerId", "providerId")}
        wanted = {
            "@id": contract.agreement_id,
            "assetId": ASSET,
            "consumerId": way.consumer.participant_id,
            "providerId": way.provider.participant_id,
        }
        check(said == wanted, f"the agreement at {node.label} says {said}, not {wanted}")
        check("use" in str(agreement.get("policy")), f"its terms at {node.label}: {agreement.get('policy')}")


async def pull(way: Direction) -> None:
    """The bytes arrive equal; without the token, or with another, nothing does."""
    contract = await way.contract(ASSET)
    started = await way.start(contract.agreement_id)
    await way.pull(started.edr, ASSET)
    await way.pull(started.edr, ASSET)
    for wrong in (None, "rubbish", started.edr.authorization[:-6] + "AAAAAA"):
        status, body = await way.get(started.edr.endpoint, wrong)
        check(status in (401, 403), f"the token {wrong and 'altered'} was answered {status}: {body[:100]!r}")


async def suspension_by_consumer(way: Direction) -> None:
    """The consumer pauses and resumes: the old token never works again, the new one does."""
    await _suspend_and_resume(way, by=way.consumer)


async def suspension_by_provider(way: Direction) -> None:
    """The provider pauses and resumes: the same."""
    await _suspend_and_resume(way, by=way.provider)


async def _suspend_and_resume(way: Direction, *, by: Node) -> None:
    contract = await way.contract(ASSET)
    started = await way.start(contract.agreement_id)
    await way.pull(started.edr, ASSET)
    own_id = started.consumer_id if by is way.consumer else started.provider_id
    await by.management.suspend_transfer(own_id, "shift change")
    await way.settled(way.consumer, "transfer", started.consumer_id, SUSPENDED)
    await way.settled(way.provider, "transfer", started.provider_id, SUSPENDED)
    await way.refused_soon(started.edr)
    await by.management.resume_transfer(own_id)
    await way.settled(way.consumer, "transfer", started.consumer_id, frozenset({"STARTED"}))
    await way.settled(way.provider, "transfer", started.provider_id, frozenset({"STARTED"}))

    async def renewed() -> None:
        edr = await way.edr(started.consumer_id)
        check(edr.authorization != started.edr.authorization, "the token after resumption is the old one")

    await eventually(renewed, timeout_s=5)
    await way.pull(await way.edr(started.consumer_id), ASSET)
    await way.refused(started.edr)


async def termination_by_consumer(way: Direction) -> None:
    """The consumer ends a transfer: both sides end it, the token dies, the reason arrives."""
    await _terminate(way, by=way.consumer)


async def termination_by_provider(way: Direction) -> None:
    """The provider ends a transfer: the same."""
    await _terminate(way, by=way.provider)


async def _terminate(way: Direction, *, by: Node) -> None:
    contract = await way.contract(ASSET)
    started = await way.start(contract.agreement_id)
    await way.pull(started.edr, ASSET)
    reason = _reason(by)
    if by is way.consumer:
        await by.management.terminate_transfer(started.consumer_id, reason)
        told, told_id = way.provider, started.provider_id
    else:
        await by.management.terminate_transfer(started.provider_id, reason)
        told, told_id = way.consumer, started.consumer_id
    await way.settled(way.consumer, "transfer", started.consumer_id, ENDED)
    await way.settled(way.provider, "transfer", started.provider_id, ENDED)
    await way.refused_soon(started.edr)
    await way.reason_arrived(told, "transfer", told_id, reason)


async def refusal_by_consumer(way: Direction) -> None:
    """The consumer ends a negotiation before there is an agreement; the reason arrives."""
    held = HELD in way.content
    # A provider that grants by itself may agree first; the command is then repeated on a new one.
    for _ in range(1 if held else 6):
        process_id, provider_id = await _open(way, HELD if held else ASSET)
        reason = _reason(way.consumer)
        try:
            await way.consumer.management.terminate_negotiation(process_id, reason)
            await way.settled(way.consumer, "negotiation", process_id, ENDED)
            await way.settled(way.provider, "negotiation", provider_id, ENDED)
        except (ManagementError, CheckFailed):
            if held:
                raise
            continue
        await way.reason_arrived(way.provider, "negotiation", provider_id, reason)
        return
    raise CheckFailed("the provider agreed first, six times")


async def refusal_by_provider(way: Direction) -> None:
    """The provider ends a negotiation that waits for its decision; the reason arrives."""
    process_id, provider_id = await _open(way, HELD)
    reason = _reason(way.provider)
    await way.provider.management.terminate_negotiation(provider_id, reason)
    await way.settled(way.provider, "negotiation", provider_id, ENDED)
    await way.settled(way.consumer, "negotiation", process_id, ENDED)
    await way.reason_arrived(way.consumer, "negotiation", process_id, reason)


async def _open(way: Direction, asset_id: str, offer: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """Ask for a contract; both ids as soon as the provider's is known."""
    chosen = offer or await way.find_offer(asset_id)
    process_id = await way.consumer.management.negotiate(way.provider.partner, asset_id, chosen)
    provider_id = ""

    async def known() -> None:
        nonlocal provider_id
        entity = await way.consumer.management.negotiation(process_id)
        provider_id = str(entity.get("correlationId") or "")
        check(bool(provider_id), f"the provider has not answered: {entity.get('state')}")

    await eventually(known, timeout_s=way.timeout_s)
    return process_id, provider_id


async def wrong_offer(way: Direction) -> None:
    """An offer id that the provider never gave, unreadable or only untrue, leads to no agreement."""
    offer = await way.find_offer(ASSET)
    parts = ("no-such-definition", ASSET, str(uuid.uuid4()))
    untrue = ":".join(base64.b64encode(part.encode()).decode() for part in parts)
    for wrong in ("no-such-offer", untrue):
        await _no_agreement(way, {**offer, "@id": wrong})


async def different_policy(way: Direction) -> str | None:
    """A request with other rules than the offer's leads to no agreement: it ends, or waits for a person."""
    offer = {**await way.find_offer(ASSET), **DIFFERENT}
    if not way.provider.asks_when_different:
        process_id = await _no_agreement(way, offer)
        if way.consumer.keeps_reasons:
            ended = await way.consumer.management.negotiation(process_id)
            check(bool(ended.get("errorDetail")), "the consumer does not say why it ended the negotiation")
        return "refused"
    before = await Books.of(way.provider.management)
    process_id, provider_id = await _open(way, ASSET, offer)
    reason = _reason(way.provider)
    # Long enough for a ticking consumer to have been agreed with, had the provider done so.
    await asyncio.sleep(2.5)
    seen = await way.provider.management.negotiation(provider_id)
    check(seen.get("state") == "REQUESTED", f"the provider should wait, it is {seen.get('state')}")
    await way.provider.management.terminate_negotiation(provider_id, reason)
    await way.settled(way.consumer, "negotiation", process_id, ENDED)
    await way.reason_arrived(way.consumer, "negotiation", process_id, reason)
    surplus = (await Books.of(way.provider.management)).agreements - before.agreements
    check(not surplus, f"{way.provider.label} has a new agreement {surplus}")
    return "waited, then refused"


async def _no_agreement(way: Direction, offer: Mapping[str, Any]) -> str:
    before = [(node, await Books.of(node.management)) for node in (way.provider, way.consumer)]
    process_id = await way.consumer.management.negotiate(way.provider.partner, ASSET, offer)
    await way.settled(way.consumer, "negotiation", process_id, ENDED)

    async def ended() -> None:
        for node, books in before:
            now = await Books.of(node.management)
            surplus = now.agreements - books.agreements
            check(not surplus, f"{node.label} has a new agreement {surplus}")
            fresh = {k: v for k, v in now.negotiations.items() if k not in books.negotiations}
            alive = {k: v for k, v in fresh.items() if v != "TERMINATED"}
            check(not alive, f"{node.label} still has the negotiation open: {alive}")

    await eventually(ended, timeout_s=way.timeout_s)
    return process_id


def _reason(by: Node) -> str:
    return f"{by.label} 계약 종료 {uuid.uuid4().hex[:8]}: line 3 stopped"


def _consumer_can_refuse(way: Direction) -> bool:
    return HELD in way.content or way.consumer.acts_at_once


SCENARIOS = (
    Scenario("catalog", catalog),
    Scenario("dataset", dataset),
    Scenario("negotiation", negotiation),
    Scenario("pull", pull),
    Scenario("suspension-by-consumer", suspension_by_consumer),
    Scenario("suspension-by-provider", suspension_by_provider),
    Scenario("termination-by-consumer", termination_by_consumer),
    Scenario("termination-by-provider", termination_by_provider),
    Scenario("refusal-by-consumer", refusal_by_consumer, _consumer_can_refuse),
    Scenario("refusal-by-provider", refusal_by_provider, lambda way: HELD in way.content),
    Scenario("wrong-offer", wrong_offer),
    Scenario("different-policy", different_policy),
    Scenario("garbage-to-provider", garbage_requests),
    Scenario("garbage-to-consumer", garbage_calls),
    Scenario("garbage-as-answer", garbage_answers, lambda way: not way.provider.is_strict),
    Scenario("load", load),
)
