"""The checks of the scenarios must be able to fail: each is shown what it has to refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.bench.bench_edc import Result, lines
from tests.interop.garbage import _difference
from tests.interop.load import _same
from tests.interop.management import Edr, ManagementClient, Partner
from tests.interop.node import Node
from tests.interop.recorder import Message, Recorder
from tests.interop.runner import Score, _attempt
from tests.interop.steps import Books, CheckFailed, Direction, check, eventually


class Still(Node):
    """A node that runs nothing: its management API and its recorder are filled in by the test."""

    label = "still"
    participant_id = "still-participant"
    keeps_reasons = True
    acts_at_once = False
    is_strict = False
    asks_when_different = False

    @property
    def partner(self) -> Partner:
        return Partner(self.participant_id, "http://peer.example", "proto")

    @property
    def pid(self) -> int:
        return 0

    async def prepare(self) -> None: ...

    async def start(self, others: Sequence[Node]) -> None: ...

    async def stop(self) -> None: ...

    def source(self, name: str, content: bytes) -> dict[str, str]:
        return {}

    async def hold(self, definition_id: str, policy_id: str, asset_id: str) -> bool:
        return False


class World:
    """One server that plays data endpoint and management API at once."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.transfers: dict[str, dict[str, Any]] = {}

    async def data(self, request: web.Request) -> web.Response:
        return web.Response(status=self.status, body=self.body)

    async def transfer(self, request: web.Request) -> web.Response:
        return web.json_response(self.transfers[request.match_info["id"]])


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, Direction, Edr]]:
    world = World()
    app = web.Application()
    app.router.add_get("/data", world.data)
    app.router.add_get("/v3/transferprocesses/{id}", world.transfer)
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        provider, consumer = Still(), Still()
        base = str(server.make_url("")).rstrip("/")
        provider.management = consumer.management = ManagementClient(base, "key", session)
        way = Direction(provider, consumer, session, content={"shots": b"abc"})
        yield world, way, Edr(f"{base}/data", "token")
    await server.close()


async def test_a_pull_needs_every_byte(world) -> None:
    here, way, edr = world
    here.body = b"abc"
    await way.pull(edr, "shots")
    for wrong in (b"abd", b"ab", b"abcd", b""):
        here.body = wrong
        with pytest.raises(CheckFailed, match="bytes arrived"):
            await way.pull(edr, "shots")
    here.status, here.body = 403, b"abc"
    with pytest.raises(CheckFailed, match="403"):
        await way.pull(edr, "shots")


async def test_a_token_that_still_opens_is_not_refused(world) -> None:
    here, way, edr = world
    for status in (401, 403, 410, 423):
        here.status = status
        await way.refused(edr)
    for status in (200, 404, 500):
        here.status = status
        with pytest.raises(CheckFailed, match=str(status)):
            await way.refused(edr)


async def test_a_reason_has_to_be_in_the_api_of_a_node_that_keeps_reasons(world) -> None:
    here, way, _ = world
    here.transfers["t"] = {"@id": "t", "state": "TERMINATED", "errorDetail": "because: 끝났다"}
    await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")
    del here.transfers["t"]["errorDetail"]
    with pytest.raises(CheckFailed, match="errorDetail"):
        await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")


def message(reason: str, status: int, pid: str = "t") -> Message:
    body = {"@type": "TransferTerminationMessage", "consumerPid": pid, "reason": [reason]}
    return Message(0.0, "POST", "/transfers/x/termination", {}, body, status, None)


async def test_else_it_has_to_be_in_what_the_node_received_and_accepted(world) -> None:
    _, way, _ = world
    way.consumer.keeps_reasons = False
    way.consumer.recorder = recorder = Recorder("http://unused.example")
    with pytest.raises(CheckFailed, match="received no TransferTerminationMessage"):
        await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")
    recorder.messages.append(message("끝났다", 200, pid="another"))
    with pytest.raises(CheckFailed, match="received no TransferTerminationMessage"):
        await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")
    recorder.messages.append(message("other words", 200))
    with pytest.raises(CheckFailed, match="other words"):
        await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")
    recorder.messages.append(message("끝났다", 400))
    with pytest.raises(CheckFailed, match="answered the termination with 400"):
        await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")
    recorder.messages.append(message("끝났다", 200))
    await way.reason_arrived(way.consumer, "transfer", "t", "끝났다")


async def test_eventually_fails_with_the_last_reason() -> None:
    calls = 0

    async def attempt() -> None:
        nonlocal calls
        calls += 1
        check(False, f"try {calls}")

    with pytest.raises(CheckFailed, match="try 1"):
        await eventually(attempt, timeout_s=-1)


def test_counting_finds_what_is_missing_and_what_is_too_many() -> None:
    _same("transfers", {"a", "b"}, ["b", "a"])
    with pytest.raises(CheckFailed, match="1 too many, 2 missing"):
        _same("transfers", {"a", "x"}, ["a", "b", "c"])


def test_a_change_in_the_books_is_named() -> None:
    before = Books({"n": "REQUESTED"}, {}, frozenset())
    after = Books({"n": "TERMINATED"}, {"t": "STARTED"}, frozenset({"a"}))
    assert _difference(before, after) == "n: REQUESTED -> TERMINATED; t: None -> STARTED; agreement a"


async def test_a_scenario_fails_by_a_check_by_the_clock_and_by_a_malformed_answer() -> None:
    async def unchecked() -> None:
        raise CheckFailed("not so")

    async def malformed() -> None:
        {}["endpoint"]

    async def well() -> str:
        return "said"

    later = 1e12
    assert await _attempt(unchecked(), later) == ("CheckFailed: not so", "")
    assert await _attempt(malformed(), later) == ("KeyError: 'endpoint'", "")
    assert await _attempt(well(), later) == ("", "said")
    assert await _attempt(well(), 0.0) == ("out of time", "")


def test_the_closing_line_is_the_one_that_is_read_elsewhere() -> None:
    assert Score(28, 1).line() == "interop: 28 passed, 1 failed"


def test_the_bench_compares_medians_and_says_over() -> None:
    results = {
        "madang": Result([10.0, 12.0, 900.0]),
        "default": Result([3000.0]),
        "tuned": Result([100.0, 120.0]),
    }
    (default, is_ok), (tuned, tuned_ok) = lines(results)
    assert default == "bench: exchange-vs-edc-default ours=12.0ms base=3000.0ms ratio=0.0040 target=0.0050 ok"
    assert tuned == "bench: exchange-vs-edc-tuned ours=12.0ms base=110.0ms ratio=0.1091 target=0.0667 over"
    assert (is_ok, tuned_ok) == (True, False)
    results["madang"].failures.append("lost")
    assert all(not ok for _, ok in lines(results))
