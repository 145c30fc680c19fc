"""Pulling from real servers that interrupt, lie, refuse and change."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from connector.clock import SystemClock
from connector.dataplane.body import Verified
from connector.dataplane.limits import Bandwidth
from connector.dataplane.line import Stopper
from connector.dataplane.partfile import PartFile
from connector.dataplane.pull import Refusal, pull
from connector.dataplane.serve import Terms, plan_for, send
from connector.dataplane.sources.files import FileSource
from connector.errors import (
    Conflict,
    Gone,
    NotFound,
    PeerFailed,
    SourceChanged,
    Suspended,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UseDenied,
)

DATA = hashlib.shake_256(b"data").digest(200_000)
SHA = hashlib.sha256(DATA).hexdigest()
ETAG = f'"{SHA}"'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Stream:
    """An answer on a bare connection: what arrived before it broke off is seen, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader

    async def chunks(self) -> AsyncIterator[bytes]:
        left = int(self.headers.get("Content-Length", 1 << 40))
        while left and (chunk := await self._reader.read(min(left, 40_000))):
            left -= len(chunk)
            yield chunk
        if left and "Content-Length" in self.headers:
            raise ConnectionError("it broke off")


class Provider:
    """A server whose answers a test scripts, and the means to pull from it."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.handlers: list[Handler] = []
        self.requests: list[Mapping[str, str]] = []
        self.fresh: list[bool] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.headers.copy())
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        return await handler(request)

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            lines = [
                f"GET {parts.path} HTTP/1.0",
                "Host: h",
                *(f"{name}: {headers[name]}" for name in headers),
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = CIMultiDict(line.split(": ", 1) for line in head[1:] if line)
            yield Stream(reader, int(head[0].split()[1]), fields)
        finally:
            writer.transport.abort()

    async def authorize(self, wants_fresh: bool) -> str:
        self.fresh.append(wants_fresh)
        return "Bearer fresh" if wants_fresh else "Bearer old"

    async def pull(self, folder: Path, **arguments):
        arguments = {"name": "d.bin", "expected_sha256": SHA, "expected_size": len(DATA), **arguments}
        return await pull(
            self.open, url=self.url, authorize=self.authorize, folder=folder, clock=self.clock, **arguments
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Provider]:
        app = web.Application()
        app.router.add_get("/d", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/d"
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
async def provider(clock) -> AsyncIterator[Provider]:
    async with Provider(clock).serving() as serving:
        yield serving


def honest(
    data: bytes = DATA, *, cut_after: int | None = None, etag: str | None = ETAG, ranges: bool = True
) -> Handler:
    """Serves `data`, and breaks the connection after `cut_after` bytes of the answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        start = 0
        headers = {} if etag is None else {"ETag": etag}
        asked = request.headers.get("Range")
        status = 200
        if ranges and asked and request.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        rest = data[start:]
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(rest)
        await response.prepare(request)
        if cut_after is None or cut_after >= len(rest):
            await response.write(rest)
            return response
        await response.write(rest[:cut_after])
        request.transport.close()
        return response

    return handler


def answering(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers)

    return handler


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_plain_pull(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest()]
    heard: list[tuple[int, int | None]] = []
    found = await provider.pull(tmp_path / "a" / "b", progress=lambda done, size: heard.append((done, size)))
    assert found.path == tmp_path / "a" / "b" / "d.bin"
    assert found.path.read_bytes() == DATA
    assert (found.size, found.sha256, found.received, found.resumed_from) == (len(DATA), SHA, len(DATA), 0)
    assert heard[-1] == (len(DATA), len(DATA))
    assert names(found.path.parent) == ["d.bin"]
    assert provider.requests[0]["Authorization"] == "Bearer old"
    assert provider.requests[0]["Accept-Encoding"] == "identity"
    assert "Range" not in provider.requests[0]


async def test_a_name_that_leads_elsewhere_is_disarmed(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest()]
    found = await provider.pull(tmp_path / "in", name="../../out.bin")
    assert found.path.parent == tmp_path / "in"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 5000), max_size=4))
async def test_resuming_at_any_byte_gives_equal_bytes(provider: Provider, cuts: list[int]) -> None:
    data = DATA[:5000]
    sha, etag = hashlib.sha256(data).hexdigest(), '"e"'
    provider.requests.clear()
    provider.handlers = [*(honest(data, cut_after=cut, etag=etag) for cut in cuts), honest(data, etag=etag)]
    with TemporaryDirectory() as folder:
        found = await provider.pull(Path(folder), expected_sha256=sha, expected_size=5000)
        assert found.path.read_bytes() == data
        assert found.received == 5000
        held = [int(r["Range"].removeprefix("bytes=").rstrip("-")) for r in provider.requests if "Range" in r]
        assert held == sorted(held)


async def test_an_earlier_run_is_continued(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest(cut_after=70_000), answering(403, {"code": "not-now"})]
    with pytest.raises(UseDenied):
        await provider.pull(tmp_path)
    assert names(tmp_path) == ["d.bin.part", "d.bin.part.json"]
    held = (tmp_path / "d.bin.part").stat().st_size
    assert held == 70_000
    provider.handlers = [honest()]
    found = await provider.pull(tmp_path)
    assert provider.requests[-1]["Range"] == f"bytes={held}-"
    assert provider.requests[-1]["If-Range"] == ETAG
    assert (found.resumed_from, found.received) == (held, len(DATA) - held)
    assert found.path.read_bytes() == DATA
    assert names(tmp_path) == ["d.bin"]


CRASH = """
import asyncio, os, sys
from pathlib import Path
from connector.dataplane.partfile import PartFile

async def main():
    part = PartFile(Path(sys.argv[1]), sha256=sys.argv[2])
    await part.open()
    await part.begin(sys.argv[3], None)
    data = Path(sys.argv[4]).read_bytes()
    for i in range(0, len(data), 100_000):
        await part.write(data[i:i + 100_000])
    os._exit(9)

asyncio.run(main())
"""


async def test_a_killed_run_is_continued(provider: Provider, tmp_path: Path) -> None:
    data = hashlib.shake_256(b"more").digest(3_000_000)
    sha = hashlib.sha256(data).hexdigest()
    (tmp_path / "first").write_bytes(data[:2_500_000])
    target = tmp_path / "t" / "d.bin"
    command = [sys.executable, "-c", CRASH, target, sha, f'"{sha}"', tmp_path / "first"]
    assert (await asyncio.to_thread(subprocess.run, command, check=False)).returncode == 9
    held = (tmp_path / "t" / "d.bin.part").stat().st_size
    assert 0 < held < 2_500_000
    provider.handlers = [honest(data, etag=f'"{sha}"')]
    found = await provider.pull(target.parent, expected_sha256=sha, expected_size=len(data))
    assert (found.resumed_from, found.received) == (held, len(data) - held)
    assert target.read_bytes() == data


async def test_a_killed_run_that_had_everything_asks_for_nothing(provider: Provider, tmp_path: Path) -> None:
    part = PartFile(tmp_path / "d.bin", sha256=SHA)
    await part.open()
    await part.begin(ETAG, None)
    await part.write(DATA)
    await part.close()
    provider.handlers = [answering(500)]
    found = await provider.pull(tmp_path)
    assert (found.received, found.attempts, provider.requests) == (0, 0, [])
    assert found.path.read_bytes() == DATA


async def test_a_damaged_part_is_fetched_again(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest(cut_after=70_000), answering(410, {})]
    with pytest.raises(Gone):
        await provider.pull(tmp_path)
    with (tmp_path / "d.bin.part").open("r+b") as file:
        file.write(b"damage")
    provider.handlers = [honest()]
    found = await provider.pull(tmp_path)
    assert found.path.read_bytes() == DATA
    assert found.resumed_from == 0


async def test_a_part_of_something_else_is_thrown_away(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "d.bin.part").write_bytes(b"x" * 100)
    (tmp_path / "d.bin.part.json").write_text(json.dumps({"etag": ETAG, "sha256": "0" * 64}))
    provider.handlers = [honest()]
    found = await provider.pull(tmp_path)
    assert "Range" not in provider.requests[0]
    assert found.path.read_bytes() == DATA


async def test_a_provider_without_ranges_is_fetched_whole(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest(cut_after=1000, etag=None, ranges=False), honest(etag=None, ranges=False)]
    found = await provider.pull(tmp_path)
    assert found.path.read_bytes() == DATA
    assert found.received == len(DATA) + 1000
    provider.handlers = [honest(cut_after=1000, etag=None, ranges=False)]
    with pytest.raises(PeerFailed):
        await provider.pull(tmp_path / "n", attempts=3)
    assert not (tmp_path / "n" / "d.bin").exists()


async def test_the_provider_may_know_less(provider: Provider, tmp_path: Path) -> None:
    other = hashlib.shake_256(b"other").digest(1000)
    provider.handlers = [
        honest(cut_after=5000, etag='"1"'),
        honest(other, etag='"1"'),
        honest(other, etag='"2"'),
    ]
    found = await provider.pull(tmp_path, expected_sha256=None, expected_size=None)
    assert found.path.read_bytes() == other
    assert found.sha256 == hashlib.sha256(other).hexdigest()


async def test_other_content_is_never_kept(provider: Provider, tmp_path: Path) -> None:
    wrong = bytes(len(DATA))
    provider.handlers = [honest(wrong, etag='"mine"')]
    with pytest.raises(PeerFailed) as found:
        await provider.pull(tmp_path)
    assert found.value.reason_code == "digest-mismatch"
    assert names(tmp_path) == []
    provider.handlers = [honest(wrong, etag='"' + "0" * 64 + '"')]
    with pytest.raises(SourceChanged):
        await provider.pull(tmp_path)
    assert names(tmp_path) == []


async def test_an_older_file_stays_until_the_new_one_is_right(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "d.bin").write_bytes(b"old")
    provider.handlers = [honest(bytes(len(DATA)), etag='"mine"')]
    with pytest.raises(PeerFailed):
        await provider.pull(tmp_path)
    assert (tmp_path / "d.bin").read_bytes() == b"old"
    provider.handlers = [honest()]
    await provider.pull(tmp_path)
    assert (tmp_path / "d.bin").read_bytes() == DATA


@pytest.mark.parametrize("total", [len(DATA) - 1, len(DATA) + 1])
async def test_another_size_than_promised(provider: Provider, tmp_path: Path, total: int) -> None:
    provider.handlers = [honest((DATA + b"x")[:total])]
    with pytest.raises(PeerFailed) as found:
        await provider.pull(tmp_path)
    assert found.value.reason_code == "size-differs"


async def test_more_bytes_than_allowed(provider: Provider, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(bytes(10_000))
        return response

    provider.handlers = [endless]
    with pytest.raises(PeerFailed) as found:
        await provider.pull(tmp_path, cap=50_000, expected_size=None)
    assert found.value.reason_code == "too-many-bytes"
    provider.handlers = [honest()]
    with pytest.raises(TooLarge):
        await provider.pull(tmp_path, cap=1000, expected_size=None)
    with pytest.raises(TooLarge):
        await provider.pull(tmp_path, cap=1000)


async def test_compressed_content_is_refused(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [answering(200, "x", {"Content-Encoding": "gzip", "ETag": ETAG})]
    with pytest.raises(PeerFailed) as found:
        await provider.pull(tmp_path, expected_size=None)
    assert found.value.reason_code == "encoded"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, UseDenied),
        (404, NotFound),
        (409, SourceChanged),
        (410, Gone),
        (413, TooLarge),
        (423, Suspended),
        (400, PeerFailed),
        (301, PeerFailed),
        (501, PeerFailed),
    ],
)
async def test_a_refusal_arrives_with_its_words(provider: Provider, tmp_path: Path, status, error) -> None:
    reason = {"en": "the contract was withdrawn", "ko": "계약이 철회되었습니다"}
    provider.handlers = [answering(status, {"code": "withdrawn", "reason": reason, "rule": "p/0"})]
    with pytest.raises(error) as found:
        await provider.pull(tmp_path)
    assert found.value.reason_code == "withdrawn"
    assert found.value.message == reason["en"]
    refusal = found.value.__cause__
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason, refusal.rule) == (status, reason, "p/0")
    assert len(provider.requests) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "body", ["<html>no</html>", "[1]", '{"code": 5, "reason": ["x"]}', "x" * 100_000, "[" * 50_000]
)
async def test_a_refusal_in_other_words(provider: Provider, tmp_path: Path, body: str) -> None:
    provider.handlers = [answering(403, body)]
    with pytest.raises(UseDenied) as found:
        await provider.pull(tmp_path)
    assert found.value.reason_code == "use-denied"
    assert "403" in found.value.message


async def test_a_token_is_renewed_once(provider: Provider, tmp_path: Path) -> None:
    provider.handlers = [honest(cut_after=10), answering(401, {}), honest()]
    found = await provider.pull(tmp_path)
    assert found.path.read_bytes() == DATA
    assert provider.fresh == [False, False, True]
    assert [r["Authorization"] for r in provider.requests] == ["Bearer old", "Bearer old", "Bearer fresh"]
    provider.handlers = [answering(401, {"code": "expired"})]
    with pytest.raises(Unauthenticated):
        await provider.pull(tmp_path / "again")
    assert provider.fresh[3:] == [False, True]


async def test_what_may_pass_is_tried_again(provider: Provider, clock, tmp_path: Path) -> None:
    busy = answering(429, {"code": "too-many"}, {"Retry-After": "7"})
    provider.handlers = [busy, answering(503), answering(500), honest()]
    found = await provider.pull(tmp_path)
    assert found.attempts == 4
    assert clock.slept == [7.0, 0.5, 1.0]
    provider.handlers = [busy]
    with pytest.raises(TooMany) as refused:
        await provider.pull(tmp_path / "b", attempts=3)
    assert refused.value.retry_after_s == 7
    assert isinstance(refused.value.__cause__, Refusal)


async def test_nobody_there(provider: Provider, clock, tmp_path: Path) -> None:
    provider.url = "http://127.0.0.1:9/d"
    with pytest.raises(PeerFailed):
        await provider.pull(tmp_path)
    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


async def test_two_pulls_of_one_file(provider: Provider, tmp_path: Path) -> None:
    part = PartFile(tmp_path / "d.bin", sha256=SHA)
    await part.open()
    provider.handlers = [honest()]
    with pytest.raises(Conflict):
        await provider.pull(tmp_path)
    await part.close()
    assert (await provider.pull(tmp_path)).size == len(DATA)


@pytest.mark.parametrize("call", ["pwrite", "fstatvfs"])
async def test_a_full_disk(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)

    def full(fd: int, *rest: object) -> object:
        if call == "pwrite":
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.statvfs_result((*tuple(real(fd))[:4], 0, *tuple(real(fd))[5:]))

    monkeypatch.setattr(os, call, full)
    provider.handlers = [honest()]
    with pytest.raises(Unavailable, match="disk is full"):
        await provider.pull(tmp_path)
    assert not (tmp_path / "d.bin").exists()
    monkeypatch.undo()
    assert (await provider.pull(tmp_path)).path.read_bytes() == DATA


async def test_a_folder_in_the_way(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "d.bin.part").mkdir()
    provider.handlers = [honest()]
    with pytest.raises(Unavailable):
        await provider.pull(tmp_path)


async def test_cancelling_keeps_what_came(provider: Provider, tmp_path: Path) -> None:
    started, released = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": ETAG})
        response.content_length = len(DATA)
        await response.prepare(request)
        await response.write(DATA[:1000])
        await released.wait()
        return response

    provider.handlers = [hang]
    task = asyncio.create_task(provider.pull(tmp_path, progress=lambda *_: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    released.set()
    assert (tmp_path / "d.bin.part").read_bytes() == DATA[:1000]


async def test_our_own_provider_stops_and_resumes(
    clock, provider: Provider, tmp_path: Path, verified: Verified
) -> None:
    system = SystemClock()
    path = tmp_path / "big.bin"
    path.write_bytes(DATA * 40)
    source = FileSource(system, verified, settle_s=0)
    description = await source.inspect(path)
    stoppers: list[Stopper] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await source.open(description)
        try:
            stopper = Stopper()
            stoppers.append(stopper)
            sent = 0

            def count(_: int, n: int) -> None:
                nonlocal sent
                sent += n
                if sent > 1_500_000 and len(stoppers) < 4:
                    asyncio.get_running_loop().call_soon(stopper.stop)

            limiter = Bandwidth(None if len(stoppers) == 4 else 16 << 20, system)
            terms = Terms(lambda: True, stopper, limiter, system, count)
            return (await send(request, body, plan_for(request, body), terms)).response
        finally:
            body.close()

    provider.handlers = [handler]
    found = await provider.pull(
        tmp_path / "out", expected_sha256=description.sha256, expected_size=description.size
    )
    assert found.path.read_bytes() == DATA * 40
    assert found.attempts == 4
    assert found.received == description.size
