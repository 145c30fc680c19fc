"""The event stream and the lines of a pull."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connector.clock import SystemClock
from connector.errors import Conflict
from connector.service.events import Events
from connector.web.middleware import errors
from connector.web.streams import MAX_LISTENERS, EventStream, lines_of
from tests.integration.management.conftest import DESCRIPTION, KEY, Factory, seg


async def blocks(answer: Any) -> Any:
    """The events of a stream, one by one, comments too."""
    lines: list[str] = []
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line:
            lines.append(line)
        else:
            yield lines
            lines = []


async def test_a_negotiation_is_followed_without_polling(pair: tuple[Factory, Factory], shots: Path) -> None:
    provider, consumer = pair
    await provider.post(
        "/manage/publish",
        {"path": str(shots), "id": "shots", "templates": ["open-use"], "description": DESCRIPTION},
    )
    url = f"{consumer.private}/manage/events?types=negotiation.agreed,negotiation.finalized"
    async with asyncio.timeout(20), consumer.session.get(url, headers={"x-api-key": KEY}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        stream = blocks(answer)
        assert await anext(stream) == [": listening"]
        asked = await consumer.post("/manage/request", {"target": provider.did, "dataset": "shots"})
        seen = []
        async for lines in stream:
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            data = json.loads(fields["data"])
            assert data["subject"] == asked["id"]
            assert data["type"] == fields["event"]
            assert str(data["number"]) == fields["id"]
            seen.append(fields["event"])
            if fields["event"] == "negotiation.finalized":
                break
    assert seen == ["negotiation.agreed", "negotiation.finalized"]


async def test_stopping_ends_the_streams_at_once(one: Factory) -> None:
    async with one.session.get(f"{one.private}/manage/events", headers={"x-api-key": KEY}) as answer:
        stream = blocks(answer)
        await anext(stream)
        async with asyncio.timeout(3):
            await asyncio.gather(one.connector.stop(), anext(stream, None))


@pytest.fixture
async def bench() -> Any:
    """A stream alone, with a short heartbeat."""
    events = Events(SystemClock())
    stream = EventStream(events, heartbeat_s=0.01)
    app = web.Application(middlewares=[errors(0.0, exempt={"/"})])
    app.on_shutdown.append(stream.stop)
    app.add_routes([web.get("/events", stream.serve)])
    async with TestClient(TestServer(app)) as client:
        yield events, stream, client


async def test_a_silent_stream_beats(bench: Any) -> None:
    _, _, client = bench
    answer = await client.get("/events")
    stream = blocks(answer)
    assert [await anext(stream) for _ in range(3)] == [[": listening"], [":"], [":"]]
    answer.close()


async def test_only_so_many_may_listen(bench: Any) -> None:
    _, stream, client = bench
    answers = [await client.get("/events") for _ in range(MAX_LISTENERS)]
    refused = await client.get("/events")
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "10"
    for answer in answers:
        answer.close()
    async with asyncio.timeout(5):
        while (await client.get("/events")).status == 429:
            pass
    assert 0 < stream.open < MAX_LISTENERS


async def test_a_subject_narrows_it_down(bench: Any) -> None:
    events, _, client = bench
    answer = await client.get("/events", params={"subject": "b", "types": "x.y"})
    stream = blocks(answer)
    await anext(stream)
    for type_, subject in (("x.y", "a"), ("x.z", "b"), ("x.y", "b")):
        events.tell(type_, subject, {"n": 1})
    async for lines in stream:
        if lines != [":"]:
            break
    assert lines[:2] == ["id: 3", "event: x.y"]
    answer.close()


async def _asked(start: Any) -> tuple[int, Any]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await lines_of(request, start, lambda found: {"found": found})

    app = web.Application(middlewares=[errors(0.0, exempt={"/"})])
    app.add_routes([web.get("/", handler)])
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        text = await answer.text()
        return answer.status, [json.loads(line) for line in text.splitlines()]


async def test_progress_then_the_result() -> None:
    gate = asyncio.Event()

    async def start(progress: Any) -> str:
        progress(1, 3)
        asyncio.get_running_loop().call_later(0.01, gate.set)
        await gate.wait()
        progress(3, 3)
        return "all"

    status, lines = await _asked(start)
    assert status == 200
    assert lines[0] == {"done": 1, "total": 3}
    assert lines[-1] == {"result": {"found": "all"}}


async def test_an_error_after_progress_is_the_last_line() -> None:
    async def start(progress: Any) -> str:
        progress(1, None)
        await asyncio.sleep(0.01)
        raise Conflict("changed", code="source-changed")

    status, lines = await _asked(start)
    assert status == 200
    assert lines[0] == {"done": 1, "total": None}
    assert (lines[-1]["error"]["code"], lines[-1]["error"]["status"]) == ("source-changed", 409)


async def test_an_error_before_any_progress_has_its_status() -> None:
    async def start(progress: Any) -> str:
        raise Conflict("taken")

    status, lines = await _asked(start)
    assert status == 409
    assert lines[0][0]["code"] == "conflict"


async def test_a_client_that_goes_away_ends_the_work() -> None:
    ended = asyncio.Event()

    async def start(progress: Any) -> str:
        try:
            while True:
                progress(1, None)
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def handler(request: web.Request) -> web.StreamResponse:
        return await lines_of(request, start, lambda found: {"found": found})

    app = web.Application()
    app.add_routes([web.get("/", handler)])
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        await answer.content.readline()
        answer.close()
        async with asyncio.timeout(5):
            await ended.wait()


async def test_ids_travel_in_one_segment(one: Factory) -> None:
    found = await one.get(f"/manage/negotiations/{seg('urn:uuid:a/b')}", status=404)
    assert "urn:uuid:a/b" in found[0]["message"]
