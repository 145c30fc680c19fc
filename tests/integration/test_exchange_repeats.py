"""Messages that come twice [D2], and answers that come before what they answer [D1]."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role, TransferAct, TransferState
from connector.service.extension import Step
from connector.store.tables import Tx
from tests.integration.partner import CONTEXT, Received, acknowledge, urn
from tests.integration.talk import Stage, Talk
from tests.integration.two_factories import until

_N, _S = NegotiationAct, NegotiationState
_T, _U = TransferAct, TransferState


def _refuse(status: int, reason: str) -> Any:
    async def answer(received: Received) -> web.Response:
        return web.json_response({"@context": CONTEXT, "code": "no", "reason": [reason]}, status=status)

    return answer


async def _at(talk: Talk, state: Any) -> Any:
    def look(tx: Tx) -> Any:
        rows: Any = tx.negotiations if talk.kind is Kind.NEGOTIATION else tx.transfers
        found = rows.get(talk.other)
        return found if found.state is state else None

    return await until(talk.factory.node, look)


# --- D2 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
async def test_the_same_first_message_gets_the_same_answer_and_one_process(stage: Stage, kind: Kind) -> None:
    talk = stage.talk(kind, Role.CONSUMER)
    url, body = talk.first()
    first = await talk.post(url, body)
    assert first.status == 201
    same = await talk.post(url, body)
    assert (same.status, same.body) == (201, first.body)
    renamed = await talk.post(url, {**body, "@id": urn()})
    assert (renamed.status, renamed.body["providerPid"]) == (200, first.body["providerPid"])
    other = await talk.post(url, {**body, "callbackAddress": f"{stage.partner.base}/elsewhere"})
    assert (other.status, "/@id" in other.body["reason"][0]) == (400, True)
    taken = await talk.post(url, {**body, "@id": urn(), "callbackAddress": f"{stage.partner.base}/elsewhere"})
    assert (taken.status, "/consumerPid" in taken.body["reason"][0]) == (400, True)

    def count(tx: Tx) -> int:
        rows: Any = tx.negotiations if kind is Kind.NEGOTIATION else tx.transfers
        return sum(1 for p in rows.everything() if p.peer_pid == talk.own)

    assert await stage.factory.node.store.read(count) == 1


async def test_twenty_first_messages_at_once_make_one_process(stage: Stage) -> None:
    for kind in Kind:
        talk = stage.talk(kind, Role.CONSUMER)
        url, body = talk.first()
        replies = await asyncio.gather(*(talk.post(url, {**body, "@id": urn()}) for _ in range(20)))
        assert sorted(r.status for r in replies) == [200] * 19 + [201]
        assert len({r.body["providerPid"] for r in replies}) == 1


@pytest.mark.parametrize(
    ("kind", "role", "state", "act"),
    [
        (Kind.NEGOTIATION, Role.PROVIDER, _S.REQUESTED, _N.AGREE),
        (Kind.NEGOTIATION, Role.CONSUMER, _S.AGREED, _N.VERIFY),
        (Kind.NEGOTIATION, Role.PROVIDER, _S.VERIFIED, _N.FINALIZE),
        (Kind.NEGOTIATION, Role.CONSUMER, _S.REQUESTED, _N.TERMINATE),
        (Kind.TRANSFER, Role.PROVIDER, _U.REQUESTED, _T.START),
        (Kind.TRANSFER, Role.CONSUMER, _U.STARTED, _T.SUSPEND),
        (Kind.TRANSFER, Role.PROVIDER, _U.STARTED, _T.COMPLETE),
        (Kind.TRANSFER, Role.CONSUMER, _U.STARTED, _T.TERMINATE),
    ],
)
async def test_a_repeated_message_changes_nothing_and_is_welcome(
    stage: Stage, kind: Kind, role: Role, state: Any, act: Any
) -> None:
    talk = stage.talk(kind, role)
    await talk.reach(state)
    url, body = talk.write(act)
    assert (await talk.post(url, body)).status == 200
    after = (await talk.see()).body["state"]
    assert (await talk.post(url, body)).status == 200, "the same @id"
    assert (await talk.post(url, {**body, "@id": urn()})).status == 200, "the same under a new @id"
    without = {k: v for k, v in body.items() if k != "@id"}
    assert (await talk.post(url, without)).status == 200, "the same without an @id"
    changed = await talk.post(url, {**body, "code": "another"})
    assert (changed.status, "/@id" in changed.body["reason"][0]) == (400, True)
    assert (await talk.see()).body["state"] == after


async def test_a_repeated_agreement_is_welcome_even_after_we_went_on(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.AGREE)
    assert (await talk.post(url, body)).status == 200
    await talk.ours(_N.VERIFY)
    assert (await talk.post(url, {**body, "@id": urn()})).status == 200
    assert (await talk.see()).body["state"] == "VERIFIED"
    agreements = await stage.factory.node.store.read(lambda tx: tx.agreements.everything())
    assert sum(1 for a in agreements if a.negotiation_id == talk.other) == 1


@pytest.mark.parametrize("role", Role)
async def test_a_second_counter_request_or_offer_is_refused(stage: Stage, role: Role) -> None:
    act, state = (_N.REQUEST, _S.OFFERED) if role is Role.CONSUMER else (_N.OFFER, _S.REQUESTED)
    talk = stage.talk(Kind.NEGOTIATION, role)
    await talk.reach(state)
    url, body = talk.write(act)
    assert (await talk.post(url, body)).status == 200
    again = await talk.post(url, {**body, "@id": urn()})
    assert (again.status, again.body["code"]) == (400, "illegal-transition")
    assert (await talk.post(url, body)).status == 200, "the very same message is a repeat"


async def test_a_message_without_an_id_is_taken(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    url, body = talk.first()
    del body["@id"]
    first, again = await talk.post(url, body), await talk.post(url, body)
    assert (first.status, again.status) == (201, 200)
    assert first.body["providerPid"] == again.body["providerPid"]


async def test_one_peers_message_ids_are_not_anothers(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    url, body = talk.first()
    assert (await talk.post(url, body)).status == 201
    other = await stage.stranger.call("POST", url, body, audience=stage.factory.did)
    assert other.status == 201
    assert other.body["providerPid"] != (await talk.post(url, body)).body["providerPid"]


# --- D1 ----------------------------------------------------------------------------------------


async def test_an_answer_that_overtakes_proves_delivery(stage: Stage) -> None:
    """The consumer verifies before it acknowledged the agreement; its late answer changes nothing."""
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.REQUESTED)
    release = asyncio.Event()

    async def late(received: Received) -> web.Response:
        await release.wait()
        return web.json_response({"reason": ["too late"]}, status=400)

    stage.partner.answer = late
    await talk.service.act(talk.other, Step(_N.AGREE))
    await stage.partner.heard("/agreement", count=2)
    assert (await talk.see()).body["state"] == "REQUESTED"
    reply = await talk.say(_N.VERIFY)
    assert reply.status == 200, reply.text
    assert (await talk.see()).body["state"] == "VERIFIED"
    release.set()
    await until(stage.factory.node, lambda tx: stage.factory.node.sender.in_flight == 0)
    process = await talk.service.find(talk.other)
    assert (process.state, process.pending, process.reason) == (_S.VERIFIED, None, "")


async def test_an_answer_to_what_never_left_is_illegal(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.REQUESTED)
    await talk.service.act(talk.other, Step(_N.AGREE, delay_s=3600.0))
    reply = await talk.say(_N.VERIFY)
    assert (reply.status, reply.body["code"]) == (400, "illegal-transition")
    assert (await talk.see()).body["state"] == "REQUESTED"


async def test_the_providers_agreement_may_come_before_its_answer_to_the_request(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    release = asyncio.Event()

    async def late(received: Received) -> web.StreamResponse:
        await release.wait()
        return acknowledge(received)

    stage.partner.answer = late
    begun = await talk.service.request(stage.them, stage.offer)
    request = await stage.partner.heard("/negotiations/request")
    assert request.body["callbackAddress"] == stage.factory.base
    talk.other = begun.id
    reply = await talk.say(_N.AGREE)
    assert reply.status == 200, reply.text
    process = await talk.service.find(talk.other)
    assert (process.state, process.peer_pid) == (_S.AGREED, talk.own)
    release.set()
    await until(stage.factory.node, lambda tx: stage.factory.node.sender.in_flight == 0)
    assert (await talk.service.find(talk.other)).peer_pid == talk.own


async def test_a_final_refusal_clears_what_was_pending_and_keeps_the_reason(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.REQUESTED)
    stage.partner.answer = _refuse(400, "we do not want this")
    await talk.ours(_N.AGREE)
    process = await talk.service.find(talk.other)
    assert (process.state, process.pending) == (_S.REQUESTED, None)
    assert "we do not want this" in process.reason
    assert process.reason_by is Role.CONSUMER


async def test_a_refused_first_message_ends_the_process_with_the_reason(stage: Stage) -> None:
    stage.partner.answer = _refuse(403, "not for you")
    begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
    ended = await until(
        stage.factory.node,
        lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.state is _S.TERMINATED else None,
    )
    assert "not for you" in ended.reason
    assert ended.reason_by is Role.PROVIDER


@pytest.mark.parametrize("act", [_T.SUSPEND, _T.TERMINATE])
@pytest.mark.parametrize("answer", [_refuse(400, "no"), _refuse(503, "later")])
async def test_suspending_and_ending_hold_at_once_whatever_the_peer_says(
    stage: Stage, act: Any, answer: Any
) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(_U.STARTED)
    stage.partner.answer = answer
    found = await talk.service.act(talk.other, Step(act, code="by-hand", reason="we must"))
    wanted = _U.SUSPENDED if act is _T.SUSPEND else _U.TERMINATED
    assert (found.state, found.pending) == (wanted, None)
    told = await stage.partner.heard("/suspension" if act is _T.SUSPEND else "/termination")
    assert (told.body["code"], told.body["reason"]) == ("by-hand", ["we must"])
    process = await _at(talk, wanted)
    assert (process.reason, process.reason_by) == ("by-hand: we must", Role.PROVIDER)


async def test_what_is_ended_before_the_peers_pid_is_known_is_told_once_it_is(stage: Stage) -> None:
    release = asyncio.Event()

    async def late(received: Received) -> web.StreamResponse:
        await release.wait()
        return acknowledge(received)

    stage.partner.answer = late
    begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
    await stage.partner.heard("/negotiations/request")
    ended = await stage.factory.node.negotiations.act(begun.id, Step(_N.TERMINATE, "changed-mind", "not now"))
    assert (ended.state, ended.peer_pid) == (_S.TERMINATED, "")
    release.set()
    told = await stage.partner.heard("/termination")
    assert (told.body["consumerPid"], told.body["code"]) == (begun.id, "changed-mind")
    assert told.path.endswith(f"/{told.body['providerPid']}/termination")


async def test_a_lost_answer_is_asked_for_again_with_the_same_id(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.REQUESTED)
    lost: list[str] = []

    async def loses(received: Received) -> web.StreamResponse:
        if received.path.endswith("/agreement") and len(lost) < 2:
            lost.append(received.body["@id"])
            return web.Response(status=[404, 500][len(lost) - 1])
        return acknowledge(received)

    before = len([r for r in stage.partner.received if r.path.endswith("/agreement")])
    stage.partner.answer = loses
    await talk.ours(_N.AGREE)
    sent = [r.body for r in stage.partner.received if r.path.endswith("/agreement")][before:]
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert (await talk.see()).body["state"] == "AGREED"
