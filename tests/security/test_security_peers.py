"""Peers that lead elsewhere, lie, dawdle or talk nonsense: nothing forbidden is dialled, nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role
from connector.service.extension import Step
from tests.integration.partner import Received, acknowledge
from tests.integration.talk import Stage
from tests.integration.two_factories import factories, until

_N, _S = NegotiationAct, NegotiationState


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[int, list[str]]]:
    """Something inside the plant that must never be called: its port, and who called."""
    calls: list[str] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("called")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], calls
    finally:
        server.close()
        await server.wait_closed()


async def test_a_callback_to_a_private_address_is_never_dialled(stage: Stage) -> None:
    async with _listener() as (port, calls):
        for address in (
            f"http://127.0.0.1:{port}/dsp",
            f"http://localhost:{port}/dsp",
            f"http://[::1]:{port}/dsp",
            f"http://[::ffff:127.0.0.1]:{port}/dsp",
            f"http://127.1:{port}/dsp",
            f"http://2130706433:{port}/dsp",
            f"http://0x7f.1:{port}/dsp",
            f"http://0.0.0.0:{port}/dsp",
            f"https://127.0.0.1:{port}/dsp",
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.1/dsp",
        ):
            talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
            reply = await talk.begin(callbackAddress=address)
            assert reply.status in (201, 400), (address, reply.text)
            if reply.status == 201:
                await talk.service.act(talk.other, Step(_N.AGREE))
                ended = await until(
                    stage.factory.node,
                    lambda tx, t=talk: (
                        n if (n := tx.negotiations.get(t.other)) and n.pending is None else None
                    ),
                )
                assert ended.state is _S.REQUESTED, address
                assert ended.reason, address
        assert calls == []


async def test_a_did_on_a_private_address_is_never_looked_up(stage: Stage) -> None:
    async with _listener() as (port, calls):
        claims = {"aud": stage.factory.did, "jti": "x", "iat": 0, "exp": 9**12}
        for did in (f"did:web:127.0.0.1%3A{port}", f"did:web:localhost%3A{port}", f"did:web:127.1%3A{port}"):
            token = stage.partner.keys.signer.sign({**claims, "iss": did, "sub": did}, typ="JWT")
            reply = await stage.partner.call(
                "POST", f"{stage.factory.base}/catalog/request", {}, authorization=f"Bearer {token}"
            )
            assert reply.status == 401, did
        assert calls == []


def _say(text: str, status: int = 200, kind: str = "text/html") -> Any:
    async def answer(_: Received) -> web.Response:
        return web.Response(text=text, status=status, content_type=kind)

    return answer


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<html>welcome</html>", "text/html"),
        ("", "application/json"),
        ("{", "application/json"),
        ("[1]", "application/json"),
        ('{"providerPid": 5}', "application/json"),
        ('{"providerPid": {"a": 1}}', "application/json"),
        ("[" * 200_000, "application/json"),
        ('{"providerPid": "\\ud800"}', "application/json"),
        ('{"providerPid": "urn:a\\u0000b"}', "application/json"),
        ('{"providerPid": ""}', "application/json"),
    ],
)
async def test_a_2xx_with_nonsense_in_it_is_still_an_acknowledgement(
    stage: Stage, text: str, kind: str
) -> None:
    stage.partner.answer = _say(text, kind=kind)
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    begun = await talk.service.request(stage.them, stage.offer)
    found = await until(
        stage.factory.node,
        lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.state is _S.REQUESTED else None,
    )
    assert found.peer_pid == ""
    talk.other = begun.id
    assert (await talk.say(_N.AGREE)).status == 200, "its next message brings the pid"
    assert (await talk.service.find(begun.id)).peer_pid == talk.own


@pytest.mark.parametrize(
    "reason", ['["\\ud800"]', '{"a": "\\udfff"}', "[" * 1000 + "]" * 1000, "NaN", "5", '[null, "", {}]']
)
async def test_a_refusal_with_nonsense_in_it_is_still_a_refusal(stage: Stage, reason: str) -> None:
    stage.partner.answer = _say('{"code": "no", "reason": ' + reason + "}", 400, "application/json")
    begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
    ended = await until(
        stage.factory.node, lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.is_over else None
    )
    assert ended.reason


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_refusal_and_is_not_followed(stage: Stage, status: int) -> None:
    async with _listener() as (port, calls):

        async def answer(_: Received) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{port}/"})

        stage.partner.answer = answer
        begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
        ended = await until(
            stage.factory.node, lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.is_over else None
        )
        assert ended.reason == f"HTTP {status}"
        assert calls == []


async def test_an_answer_without_end_is_cut_off_and_tried_again(stage: Stage) -> None:
    tries: list[int] = []

    async def endless(received: Received) -> web.StreamResponse:
        tries.append(1)
        if len(tries) > 1:
            return acknowledge(received)
        return web.Response(body=b"x" * (3 << 20))

    stage.partner.answer = endless
    begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
    await until(
        stage.factory.node,
        lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.state is _S.REQUESTED else None,
    )
    assert len(tries) == 2


async def test_a_reason_of_any_size_is_kept_short(stage: Stage) -> None:
    stage.partner.answer = _say('{"reason": ["' + "x" * 500_000 + '"]}', 400, "application/json")
    begun = await stage.factory.node.negotiations.request(stage.them, stage.offer)
    ended = await until(
        stage.factory.node, lambda tx: n if (n := tx.negotiations.get(begun.id)) and n.is_over else None
    )
    assert 0 < len(ended.reason) <= 1000


async def test_a_partner_that_never_answers_keeps_nobody_waiting(stage: Stage) -> None:
    never = asyncio.Event()

    async def hangs(received: Received) -> web.StreamResponse:
        await never.wait()
        return acknowledge(received)

    stage.partner.answer = hangs
    stage.by_hand.holds = False
    for _ in range(10):
        await stage.factory.node.negotiations.request(stage.them, stage.offer)
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    talk.partner = stage.stranger
    assert (await talk.begin()).status == 201
    await stage.stranger.heard("/agreement", within_s=5)
    assert (await talk.say(_N.VERIFY)).status == 200
    await stage.stranger.heard("/events", within_s=5)
    never.set()


@pytest.mark.parametrize(
    "document", [b"<html/>", b"{}", b'{"id":"did:web:else.example"}', b"[", b" " * (2 << 20)]
)
async def test_a_did_document_that_is_none_lets_nobody_in(tmp_path: Path, document: bytes) -> None:
    from tests.integration.partner import partner
    from tests.ports import free_ports

    (port,) = free_ports(1)
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{port}"]) as (factory,),
        partner(tmp_path) as liar,
    ):

        async def serve(_: web.Request) -> web.Response:
            return web.Response(body=document, content_type="application/json")

        app = web.Application()
        app.add_routes([web.get("/.well-known/did.json", serve)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        did = f"did:web:127.0.0.1%3A{port}"
        now = int(factory.node.clock.now().timestamp())
        claims = {"iss": did, "sub": did, "aud": factory.did, "jti": "x", "iat": now, "exp": now + 300}
        token = liar.keys.signer.sign(claims, typ="JWT")
        reply = await liar.call(
            "POST", f"{factory.base}/catalog/request", {}, authorization=f"Bearer {token}"
        )
        assert reply.status in (401, 503), reply.text
        assert reply.body["@type"] == "CatalogError"
        await runner.cleanup()
