from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.interop.announcements import Announcements
from tests.interop.management import Edr, ManagementClient, ManagementError, Partner, Unsettled, settle
from tests.interop.origin import Origin
from tests.interop.recorder import Recorder, Spoiled

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


def _only_file(folder: Path) -> str:
    (file,) = folder.iterdir()
    return file.read_text("utf-8")


async def test_the_recorder_passes_both_ways_and_keeps_both_bodies(session, serve, tmp_path: Path) -> None:
    async def peer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "me"
        body = await request.json()
        return web.json_response({"got": body["reason"]}, status=201, headers={"X-Kept": "yes"})

    recorder = Recorder(await serve(peer))
    await recorder.start()
    message = {
        "@type": "TransferTerminationMessage",
        "consumerPid": "c",
        "providerPid": "p",
        "reason": ["끝"],
    }
    async with session.post(
        f"{recorder.address}/dsp/transfers/p/termination?x=1", json=message, headers={"Authorization": "me"}
    ) as response:
        assert response.status == 201
        assert response.headers["X-Kept"] == "yes"
        assert await response.json() == {"got": ["끝"]}
    await recorder.stop()
    (seen,) = recorder.find(lambda m: m.mentions("c"))
    assert (seen.kind, seen.status, seen.body, seen.path) == (
        "TransferTerminationMessage",
        201,
        message,
        "/dsp/transfers/p/termination",
    )
    assert not recorder.find(lambda m: m.mentions("other"))
    recorder.write(tmp_path, "peer")
    assert json.loads(_only_file(tmp_path))["answer"] == {"got": ["끝"]}


async def test_the_recorder_keeps_bodies_that_are_no_json(session, serve) -> None:
    async def peer(request: web.Request) -> web.Response:
        return web.Response(status=400, text="<html>")

    recorder = Recorder(await serve(peer))
    await recorder.start()
    for body in (b"\xff\xfe", b"[" * 100_000, b""):
        async with session.post(f"{recorder.address}/x", data=body) as response:
            assert response.status == 400
    await recorder.stop()
    assert [m.answer for m in recorder.messages] == ["<html>"] * 3
    assert [m.kind for m in recorder.messages] == ["", "", ""]
    assert recorder.messages[2].body is None


async def test_a_spoiled_answer_is_given_once_and_hides_the_request_from_the_peer(session, serve) -> None:
    asked: list[str] = []

    async def peer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    recorder = Recorder(await serve(peer))
    await recorder.start()
    recorder.spoil_next("/catalog/request", Spoiled(503, b"<html>"), Spoiled(200, b"[", "application/json"))
    answers = []
    for path in ("/other", "/catalog/request", "/catalog/request", "/catalog/request"):
        async with session.post(recorder.address + path) as response:
            answers.append((response.status, await response.read()))
    assert answers == [(200, b"{}"), (503, b"<html>"), (200, b"["), (200, b"{}")]
    assert asked == ["/other", "/catalog/request"]
    assert recorder.spoiled == 2
    recorder.spoil_next("/other", Spoiled(500, b""))
    recorder.clear_spoils()
    async with session.post(recorder.address + "/other") as response:
        assert response.status == 200
    await recorder.stop()


async def test_the_origin_serves_what_was_put_and_nothing_else(session) -> None:
    origin = Origin()
    await origin.start()
    url = origin.put("shots", b"\x00\xff")
    async with session.get(url) as response:
        assert await response.read() == b"\x00\xff"
    async with session.get(url + "2") as response:
        assert response.status == 404
    assert origin.reads == {"shots": 1}
    await origin.stop()


async def test_a_refused_call_carries_status_and_answer(session, serve) -> None:
    async def api(request: web.Request) -> web.Response:
        assert request.headers["x-api-key"] == "key"
        return web.json_response([{"message": "no such thing", "type": "ObjectNotFound"}], status=404)

    client = ManagementClient(await serve(api), "key", session)
    with pytest.raises(ManagementError, match="no such thing") as caught:
        await client.negotiation("n")
    assert caught.value.status == 404


async def test_an_answer_that_is_no_object_is_an_error_of_the_call(session, serve) -> None:
    async def api(request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>")

    client = ManagementClient(await serve(api), "key", session)
    with pytest.raises(ManagementError, match="Welcome"):
        await client.catalog(Partner("p", "http://peer.example", "proto"))


async def test_a_negotiation_is_asked_for_with_the_offers_own_rules(session, serve) -> None:
    bodies = []

    async def api(request: web.Request) -> web.Response:
        bodies.append((request.path, await request.json()))
        return web.json_response({"@id": "n-1"})

    client = ManagementClient(await serve(api), "key", session)
    offer = {"@id": "offer-1", "@type": "Offer", "permission": [{"action": "use"}], "prohibition": []}
    assert await client.negotiate(Partner("p", "http://peer.example", "proto"), "shots", offer) == "n-1"
    ((path, body),) = bodies
    assert path == "/v3/contractnegotiations"
    assert body["counterPartyAddress"] == "http://peer.example"
    assert body["policy"] == {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Offer",
        "@id": "offer-1",
        "assigner": "p",
        "target": "shots",
        "permission": [{"action": "use"}],
    }


async def test_an_edr_is_read_from_its_two_members(session, serve) -> None:
    async def api(request: web.Request) -> web.Response:
        assert request.path == "/v3/edrs/t/dataaddress"
        return web.json_response({"endpoint": "http://here", "authorization": "token", "more": 1})

    client = ManagementClient(await serve(api), "key", session)
    assert await client.edr("t") == Edr("http://here", "token")


def states(*names: str):
    left = list(names)

    async def read() -> dict[str, str]:
        return {"@id": "n", "state": left.pop(0) if len(left) > 1 else left[0], "errorDetail": "why"}

    return read


async def test_settle_returns_at_the_wanted_state() -> None:
    entity = await settle(
        states("REQUESTED", "AGREED", "FINALIZED"), frozenset({"FINALIZED"}), timeout_s=5, every_s=0
    )
    assert entity["state"] == "FINALIZED"


async def test_settle_does_not_wait_for_what_cannot_come_any_more() -> None:
    with pytest.raises(Unsettled, match=r"ended TERMINATED.*why"):
        await settle(states("REQUESTED", "TERMINATED"), frozenset({"FINALIZED"}), timeout_s=60, every_s=0)


async def test_settle_gives_up_in_time() -> None:
    with pytest.raises(Unsettled, match="REQUESTED"):
        await settle(states("REQUESTED"), frozenset({"FINALIZED"}), timeout_s=0.01, every_s=0)


async def test_an_announcement_is_found_whether_it_came_before_or_comes_after(session, serve) -> None:
    more = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "text/event-stream"
        await response.prepare(request)
        await response.write(
            b': listening\n\nevent: x\ndata: {"subject": "n", "type": "negotiation.agreed"}\n\n'
        )
        await more.wait()
        await response.write(b'data: {"subject": "n", "type": "negotiation.finalized"}\n\n')
        return response

    heard = Announcements(await serve(stream), "key", session)
    await heard.start()
    await heard.wait("n", frozenset({"negotiation.agreed"}))
    later = asyncio.ensure_future(
        heard.wait("n", frozenset({"negotiation.finalized", "negotiation.terminated"}))
    )
    await heard.wait("n", frozenset({"negotiation.agreed"}))
    assert not later.done()
    more.set()
    await later
    await heard.stop()
