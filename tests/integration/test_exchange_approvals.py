"""What waits for a person: approve, refuse, counter from both sides, and nobody deciding [D6]."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Conflict, NotFound
from connector.model.catalog import ApprovalMode
from connector.model.process import Approval, Negotiation, NegotiationState
from connector.store.tables import Tx
from tests.integration.two_factories import (
    OPEN,
    Factory,
    at_most,
    factories,
    negotiated,
    offer,
    offered,
    until,
)

_S = NegotiationState


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Factory, Factory]]:
    async with factories(tmp_path) as (consumer, provider):
        yield consumer, provider


async def _both(a: Factory, pid: str, b: Factory, state: NegotiationState) -> tuple[Negotiation, Negotiation]:
    """Both sides of a negotiation, once they have reached a state."""

    def mine(tx: Tx) -> Negotiation | None:
        n = tx.negotiations.get(pid)
        return n if n is not None and n.state is state and n.pending is None else None

    one = await until(a.node, mine)

    def theirs(tx: Tx) -> Negotiation | None:
        n = tx.negotiations.get(one.peer_pid)
        return n if n is not None and n.state is state and n.pending is None else None

    return one, await until(b.node, theirs)


async def _waiting(factory: Factory) -> Negotiation:
    (found,) = await until(
        factory.node, lambda tx: [n for n in tx.negotiations.page(approval="waiting") if not n.is_over]
    )
    return found


async def _ask(
    consumer: Factory, provider: Factory, terms: Any = OPEN, *, wish: Any = None, **how_offered: Any
) -> Negotiation:
    """The consumer asks for a dataset offered on `terms`, on those or on its own `wish`."""
    dataset = await offer(provider, "one", terms, **how_offered)
    how = {"policy": wish} if wish else {}
    return await consumer.node.consuming.request(provider.as_counterparty(consumer.did), dataset, **how)


async def test_what_equals_the_offer_goes_through_by_itself(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    dataset = await offer(provider, "one", at_most(3))
    done = await negotiated(consumer, provider, dataset)
    mine = await consumer.node.store.read(lambda tx: tx.agreements.get(done.agreement_id))
    theirs = await provider.node.store.read(lambda tx: tx.agreements.get(done.agreement_id))
    assert mine is not None
    assert theirs is not None
    for name in (
        "policy",
        "agreement_token",
        "verification_token",
        "dataset_sha256",
        "consumer_pid",
        "provider_pid",
    ):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.is_signed
    assert mine.is_final
    assert theirs.is_final
    assert set(mine.documents) | set(theirs.documents) == {consumer.did, provider.did}


async def test_a_manual_offer_waits_in_state_requested_and_says_so(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    events = provider.node.events.listen()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    begun = await _ask(consumer, provider, approval=ApprovalMode.MANUAL)
    waiting = await _waiting(provider)
    assert (waiting.state, waiting.pending) == (_S.REQUESTED, None)
    assert (await first).type == "negotiation.waiting"
    await events.aclose()  # type: ignore[attr-defined]
    await provider.node.negotiations.approve(waiting.id)
    await _both(consumer, begun.id, provider, _S.FINALIZED)
    with pytest.raises(Conflict):
        await provider.node.negotiations.approve(waiting.id)


async def test_refusing_ends_it_on_both_sides_with_the_reason(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    begun = await _ask(consumer, provider, approval=ApprovalMode.MANUAL)
    await provider.node.negotiations.refuse((await _waiting(provider)).id, "not this quarter")
    mine, theirs = await _both(consumer, begun.id, provider, _S.TERMINATED)
    assert mine.reason == theirs.reason == "refused: not this quarter"
    with pytest.raises(NotFound):
        await provider.node.negotiations.refuse("urn:uuid:nothing")


async def test_other_terms_than_offered_wait_and_may_be_approved(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    begun = await _ask(consumer, provider, at_most(10), wish=at_most(2))
    waiting = await _waiting(provider)
    await provider.node.negotiations.approve(waiting.id)
    mine, _ = await _both(consumer, begun.id, provider, _S.FINALIZED)
    held = await consumer.node.store.read(lambda tx: tx.agreements.get(mine.agreement_id))
    assert held is not None
    assert held.policy["permission"] == at_most(2)["permission"]


async def test_a_counter_offer_that_is_what_was_asked_is_taken_at_once(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    begun = await _ask(consumer, provider, at_most(9), wish=at_most(1))
    await provider.node.negotiations.counter((await _waiting(provider)).id, at_most(1))
    await _both(consumer, begun.id, provider, _S.FINALIZED)


async def test_counters_from_both_sides_until_one_says_yes(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    begun = await _ask(consumer, provider, at_most(9), wish=at_most(1))
    await provider.node.negotiations.counter((await _waiting(provider)).id, at_most(2))
    mine = await _waiting(consumer)
    assert (mine.id, mine.state) == (begun.id, _S.OFFERED)
    assert mine.offer["permission"] == at_most(2)["permission"]
    assert mine.offer_token, "an offer within a negotiation is signed"
    await consumer.node.negotiations.counter(mine.id, at_most(5))
    again = await _waiting(provider)
    assert (again.state, again.offer["permission"]) == (_S.REQUESTED, at_most(5)["permission"])
    await provider.node.negotiations.counter(again.id, at_most(4))
    last = await _waiting(consumer)
    await consumer.node.negotiations.approve(last.id)
    done, _ = await _both(consumer, begun.id, provider, _S.FINALIZED)
    held = await provider.node.store.read(lambda tx: tx.agreements.get(done.agreement_id))
    assert held is not None
    assert held.policy["permission"] == at_most(4)["permission"]


async def test_an_offer_nobody_asked_for_waits_at_the_consumer(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    dataset = await offer(provider, "one", at_most(3))
    proposal = await offered(provider, dataset)
    begun = await provider.node.negotiations.offer(consumer.as_counterparty(provider.did), proposal)
    waiting = await _waiting(consumer)
    assert (waiting.state, waiting.dataset_id) == (_S.OFFERED, dataset)
    await consumer.node.negotiations.approve(waiting.id)
    await _both(provider, begun.id, consumer, _S.FINALIZED)


async def test_what_the_policy_forbids_is_refused_without_anybody(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    recipient = {
        "leftOperand": "http://www.w3.org/ns/odrl/2/recipient",
        "operator": "isAnyOf",
        "rightOperand": ["did:web:factory-c.example"],
    }
    rules = {"permission": [{"action": "use", "constraint": [recipient]}]}
    begun = await _ask(consumer, provider, rules)
    mine, theirs = await _both(consumer, begun.id, provider, _S.TERMINATED)
    assert theirs.approval is Approval.REFUSED
    assert mine.reason.startswith("refused: ")
    assert len(mine.reason) > len("refused: ")


async def test_a_policy_that_is_not_understood_is_never_accepted_by_a_machine(
    pair: tuple[Factory, Factory],
) -> None:
    consumer, provider = pair
    strange = {
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {
                        "leftOperand": "https://elsewhere.example/mood",
                        "operator": "eq",
                        "rightOperand": "good",
                    }
                ],
            }
        ]
    }
    begun = await _ask(consumer, provider, strange)
    theirs = await until(
        provider.node, lambda tx: next((n for n in tx.negotiations.everything() if n.state is not None), None)
    )
    assert theirs.approval in (Approval.WAITING, Approval.REFUSED)
    assert "mood" in theirs.reason
    mine = await consumer.node.negotiations.find(begun.id)
    assert mine.agreement_id == ""


@pytest.mark.parametrize(("kind", "code"), [("decide", "not-decided"), ("expire-negotiation", "expired")])
async def test_what_nobody_decides_ends_by_itself(
    pair: tuple[Factory, Factory], kind: str, code: str
) -> None:
    consumer, provider = pair
    begun = await _ask(consumer, provider, approval=ApprovalMode.MANUAL)
    waiting = await _waiting(provider)
    now = provider.node.clock.now()
    due = {
        t.kind: t.due_at
        for t in await provider.node.store.read(lambda tx: tx.timers.due(now + timedelta(days=40)))
    }
    assert due["decide"] - now > timedelta(days=6, hours=23)
    assert due["expire-negotiation"] - now > timedelta(days=29)
    # The moment comes: the timer is moved to now, everything else is as it was.
    await provider.node.store.transact(lambda tx: provider.node.timers.set(tx, kind, waiting.id, now))
    mine, theirs = await _both(consumer, begun.id, provider, _S.TERMINATED)
    assert theirs.reason.startswith(code)
    assert mine.reason.startswith(code)
    assert not [
        t
        for t in await provider.node.store.read(lambda tx: tx.timers.due(now + timedelta(days=40)))
        if t.kind == "expire-negotiation" and t.ref == waiting.id
    ]
