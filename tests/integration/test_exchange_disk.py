"""A full disk: nothing is acknowledged that is not kept, and work goes on when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role, TransferState
from connector.service.extension import Step
from tests.integration.partner import Received, acknowledge
from tests.integration.talk import Stage
from tests.integration.two_factories import until


@contextmanager
def full(stage: Stage) -> Iterator[None]:
    """While this lasts the database cannot grow, and the pages it has are in use."""
    raw = stage.factory.node.store._writer.raw
    raw.execute("pragma max_page_count = 1")  # SQLite takes the present size as the least
    try:
        yield
    finally:
        raw.execute("pragma max_page_count = 1000000")


async def test_a_request_that_cannot_be_kept_is_answered_503_and_may_come_again(stage: Stage) -> None:
    kept: list[str] = []
    with full(stage):
        for _ in range(90):
            talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
            url, body = talk.first()
            reply = await talk.post(url, body)
            if reply.status != 201:
                break
            kept.append(reply.body["providerPid"])
        assert (reply.status, reply.body["code"]) == (503, "unavailable"), reply.text
        assert reply.body["@type"] == "ContractNegotiationError"
        talk.other = kept[-1]
        assert (await talk.see()).status == 200, "reading goes on"
    known = await stage.factory.node.store.read(
        lambda tx: {n.id: n.peer_pid for n in tx.negotiations.everything()}
    )
    assert set(kept) <= set(known), "what was acknowledged is there"
    assert talk.own not in known.values(), "what was not is not"
    reply = await talk.post(url, body)
    assert reply.status == 201, reply.text
    talk.other = reply.body["providerPid"]
    assert (await talk.see()).body["state"] == "REQUESTED"


async def test_an_answer_that_cannot_be_kept_is_kept_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.REQUESTED)
    monkeypatch.setattr("connector.service.deliver._DISK_AGAIN_S", 0.05)
    raw = stage.factory.node.store._writer.raw

    async def fills_the_disk(received: Received) -> web.StreamResponse:
        raw.execute("pragma query_only = on")
        return acknowledge(received)

    stage.partner.answer = fills_the_disk
    await talk.service.act(talk.other, Step(NegotiationAct.AGREE))
    await stage.partner.heard("/agreement", count=2)
    process = await talk.service.find(talk.other)
    assert (process.state, process.pending) == (NegotiationState.REQUESTED, NegotiationState.AGREED)
    raw.execute("pragma query_only = off")
    settled = await until(
        stage.factory.node,
        lambda tx: n if (n := tx.negotiations.get(talk.other)) and n.pending is None else None,
    )
    assert settled.state is NegotiationState.AGREED
    assert await stage.factory.node.store.read(lambda tx: tx.outbox.of_process(talk.other)) == []


async def test_no_byte_leaves_whose_use_cannot_be_counted(stage: Stage) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(TransferState.STARTED)
    told = (await stage.partner.heard("/start")).body["dataAddress"]["endpointProperties"]
    token = next(p["value"] for p in told if p["name"] == "authorization")
    raw = stage.factory.node.store._writer.raw
    raw.execute("pragma query_only = on")
    got = await stage.partner.call("GET", f"{stage.factory.url}/data", authorization=token)
    assert (got.status, "temperature" in got.text) == (503, False)
    raw.execute("pragma query_only = off")
    assert await stage.factory.node.store.read(lambda tx: tx.uses.count_of_agreement(stage.sold)) == 0
    got = await stage.partner.call("GET", f"{stage.factory.url}/data", authorization=token)
    assert (got.status, "temperature" in got.text) == (200, True)
