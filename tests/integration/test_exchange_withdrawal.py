"""A contract that is taken back: at once here, and told on every way there is [D9]."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from connector.errors import Gone
from connector.model.contract import Agreement
from connector.model.process import Kind, NegotiationState, Role, TransferState
from connector.service.contract import over
from tests.integration.partner import CONTRACT_TOKEN, Reply, urn
from tests.integration.talk import Stage
from tests.integration.two_factories import Factory, at_rest, contract, factories, until

WITHDRAWAL = "https://w3id.org/madang/ns#withdrawalToken"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Factory, Factory]]:
    async with factories(tmp_path) as (consumer, provider):
        yield consumer, provider


async def _held(factory: Factory, agreement: str) -> Agreement:
    found = await factory.node.store.read(lambda tx: tx.agreements.get(agreement))
    assert found is not None
    return found


async def _learns(factory: Factory, agreement: str) -> Agreement:
    return await until(
        factory.node, lambda tx: a if (a := tx.agreements.get(agreement)) and a.withdrawn_at else None
    )


@pytest.mark.parametrize("by", Role)
async def test_one_of_our_kind_learns_it_from_the_notice(pair: tuple[Factory, Factory], by: Role) -> None:
    consumer, provider = pair
    agreement = await contract(consumer, provider, "one")
    who, other = (consumer, provider) if by is Role.CONSUMER else (provider, consumer)
    mine = await who.node.transfers.withdraw(agreement, "we stop")
    assert mine.withdrawn_by == who.did
    theirs = await _learns(other, agreement)
    assert (theirs.withdrawn_by, theirs.withdrawal_reason) == (who.did, "we stop")
    assert theirs.withdrawal_token == mine.withdrawal_token
    assert await who.node.transfers.withdraw(agreement, "again") == await _held(who, agreement)
    with pytest.raises(Gone):
        await consumer.node.transfers.request(agreement)


async def test_a_peer_that_was_away_learns_it_when_it_is_back(pair: tuple[Factory, Factory]) -> None:
    consumer, provider = pair
    agreement = await contract(consumer, provider, "one")
    await at_rest(*pair)
    await consumer.connector.stop()
    await provider.restart()  # what it knew of the consumer's address in memory is gone
    await provider.node.transfers.withdraw(agreement, "while you slept")
    (notice,) = await provider.node.store.read(lambda tx: tx.outbox.everything())
    assert notice.url == f"{consumer.base}/agreements/{quote(agreement, safe='')}/withdrawal"
    await until(provider.node, lambda tx: any(i.attempts for i in tx.outbox.everything()))
    from connector.app import Connector
    from connector.settings import build

    consumer.connector = Connector(build(consumer.home, consumer.raw, {}))
    await consumer.connector.start()
    assert (await _learns(consumer, agreement)).withdrawal_reason == "while you slept"


async def test_an_open_transfer_ends_and_its_termination_carries_the_withdrawal(stage: Stage) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(TransferState.STARTED)
    held = await stage.factory.node.transfers.withdraw(stage.sold, "we stop")
    told = await stage.partner.heard("/termination")
    assert told.body[WITHDRAWAL] == held.withdrawal_token
    assert (told.body["code"], told.body["reason"]) == ("withdrawn", ["we stop"])
    assert (await talk.see()).body["state"] == "TERMINATED"
    assert not [r for r in stage.partner.received if r.path.endswith("/withdrawal")], (
        "a stock peer has no such place"
    )


async def test_every_later_refusal_carries_it(stage: Stage) -> None:
    held = await stage.factory.node.transfers.withdraw(stage.sold, "we stop")
    reply = await stage.talk(Kind.TRANSFER, Role.CONSUMER).begin()
    assert (reply.status, reply.body["code"], reply.body[WITHDRAWAL]) == (
        410,
        "withdrawn",
        held.withdrawal_token,
    )
    assert reply.body["@type"] == "TransferError"


def _withdrawal(stage: Stage, held: Agreement, **changed: Any) -> str:
    from connector.service.contract import Dataset, Parties

    now = stage.factory.node.clock.now()
    claims = stage.partner.tokens._claims(now, held.policy, Dataset(held.dataset_id, 1, ""))
    parties = Parties(stage.partner.did, stage.factory.did, held.consumer_pid, held.provider_pid)
    claims |= {
        "aud": parties.audience,
        "consumerPid": parties.consumer_pid,
        "providerPid": parties.provider_pid,
    }
    claims |= {"agreementId": held.id, "reason": "we go", "over": over(held.agreement_token)} | changed
    return stage.partner.keys.signer.sign(claims, typ="madang-withdrawal+jwt")


async def _post(stage: Stage, agreement: str, body: Any, who: Any = None) -> Reply:
    url = URL(f"{stage.factory.base}/agreements/{quote(agreement, safe='')}/withdrawal", encoded=True)
    return await (who or stage.partner).call("POST", url, body, audience=stage.factory.did)


@pytest.mark.parametrize("agreed_as", Role)
async def test_a_peers_withdrawal_is_taken_once_it_proves_itself(stage: Stage, agreed_as: Role) -> None:
    agreement = stage.sold if agreed_as is Role.CONSUMER else stage.bought
    held = await _held(stage.factory, agreement)
    for changed in (
        {"iss": stage.factory.did},
        {"aud": "did:web:else.example"},
        {"consumerPid": urn()},
        {"providerPid": urn()},
        {"policy": {**held.policy, "permission": []}},
        {"policyDigest": "0" * 64},
        {"over": "0" * 64},
        {"iat": 4102444800},
    ):
        reply = await _post(stage, agreement, {WITHDRAWAL: _withdrawal(stage, held, **changed)})
        assert (reply.status, reply.body["code"]) == (400, "token-invalid"), changed
        assert reply.body["reason"][0].startswith(next(iter(changed))), reply.text
    for body in ({}, {WITHDRAWAL: 1}, [], {WITHDRAWAL: "x"}, {CONTRACT_TOKEN: "x"}):
        assert (await _post(stage, agreement, body)).status == 400, body
    good = {WITHDRAWAL: _withdrawal(stage, held)}
    assert (await _post(stage, agreement, good, stage.stranger)).status == 404
    assert (await _held(stage.factory, agreement)).withdrawn_at is None
    assert (await _post(stage, agreement, good)).status == 200
    assert (await _post(stage, agreement, good)).status == 200, "saying it twice changes nothing"
    now = await _held(stage.factory, agreement)
    assert (now.withdrawn_by, now.withdrawal_reason) == (stage.partner.did, "we go")


async def test_a_refusal_that_brings_a_withdrawal_is_understood(stage: Stage) -> None:
    """The peer's notice and termination were lost; its refusal of our next transfer tells us."""
    from aiohttp import web

    held = await _held(stage.factory, stage.bought)
    token = _withdrawal(stage, held)

    async def refuse(_: Any) -> web.Response:
        return web.json_response({"code": "withdrawn", "reason": ["no"], WITHDRAWAL: token}, status=410)

    stage.partner.answer = refuse
    begun = await stage.factory.node.transfers.request(stage.bought)
    now = await _learns(stage.factory, stage.bought)
    assert now.withdrawn_by == stage.partner.did
    assert (await stage.factory.node.transfers.find(begun.id)).state is TransferState.TERMINATED


async def test_a_refusal_that_brings_a_forged_withdrawal_changes_nothing(stage: Stage) -> None:
    from aiohttp import web

    held = await _held(stage.factory, stage.bought)
    token = _withdrawal(stage, held, over="0" * 64)

    async def refuse(_: Any) -> web.Response:
        return web.json_response({"code": "withdrawn", "reason": ["no"], WITHDRAWAL: token}, status=410)

    stage.partner.answer = refuse
    begun = await stage.factory.node.transfers.request(stage.bought)
    await until(stage.factory.node, lambda tx: t if (t := tx.transfers.get(begun.id)) and t.is_over else None)
    assert (await _held(stage.factory, stage.bought)).withdrawn_at is None


async def test_an_ended_contract_ends_its_transfers(stage: Stage) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(TransferState.STARTED)
    node = stage.factory.node
    await node.store.transact(lambda tx: node.timers.set(tx, "contract-end", stage.sold, node.clock.now()))
    told = await stage.partner.heard("/termination")
    assert told.body["code"] == "time-over"
    assert (await talk.see()).body["state"] == "TERMINATED"
    assert (await node.negotiations.find((await _held(stage.factory, stage.sold)).negotiation_id)).state is (
        NegotiationState.FINALIZED
    )
