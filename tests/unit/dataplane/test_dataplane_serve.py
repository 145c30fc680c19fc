"""Sending over real sockets: ranges, digests, and above all stopping."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from connector.clock import SystemClock
from connector.dataplane import reading
from connector.dataplane.body import Body, Verified
from connector.dataplane.limits import Bandwidth
from connector.dataplane.line import Ended, Stopper
from connector.dataplane.pace import Pace
from connector.dataplane.serve import Delivered, Terms, plan_for, send
from connector.dataplane.sources.files import FileSource
from connector.dataplane.sources.folders import FolderSource

CLOCK = SystemClock()
BIG = 32 << 20


@dataclass
class Bench:
    """A server with one body, and everything a test turns or looks at."""

    open_body: Callable[[], object]
    stopper: Stopper = field(default_factory=Stopper)
    allowed: bool = True
    limiter: Bandwidth = field(default_factory=lambda: Bandwidth(None, CLOCK))
    ranges_allowed: bool = True
    stall_s: float = 60.0
    port: int = 0
    delivered: list[Delivered] = field(default_factory=list)
    slices: list[tuple[int, int]] = field(default_factory=list)
    first_slice: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body: Body = await self.open_body()
        try:
            terms = Terms(
                lambda: self.allowed, self.stopper, self.limiter, CLOCK, self._slice, stall_s=self.stall_s
            )
            planned = plan_for(request, body, ranges_allowed=self.ranges_allowed)
            delivered = await send(request, body, planned, terms, headers={"X-Test": "1"})
        finally:
            body.close()
        self.delivered.append(delivered)
        self.done.set()
        return delivered.response

    def _slice(self, offset: int, count: int) -> None:
        self.slices.append((offset, count))
        self.first_slice.set()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/d", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            self.port = runner.addresses[0][1]
            yield f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/d"
        finally:
            await runner.cleanup()


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("content") / "big.bin"
    block = hashlib.shake_256(b"big").digest(1 << 20)
    with path.open("wb") as file:
        for i in range(BIG >> 20):
            file.write(i.to_bytes(4, "big") + block[4:])
    return path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=os.fspath(path))
    return server, client


def source_for(path: Path, verified: Verified) -> FileSource | FolderSource:
    kind = FolderSource if path.is_dir() else FileSource
    return kind(CLOCK, verified, settle_s=0)


async def bench_for(path: Path, verified: Verified) -> Bench:
    source = source_for(path, verified)
    description = await source.inspect(path)
    return Bench(lambda: source.open(description))


@asynccontextmanager
async def asked(url: str, **arguments) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as session, session.request(url=url, **arguments) as answer:
        yield answer


class Reader:
    """A client on a bare socket, reading at a chosen pace, that sees how the connection ends.

    `reset_at` is when the reset reached its socket, `noticed_at` when its reading met it:
    a slow reader first takes what its own kernel had received before.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        context: ssl.SSLContext | None = None,
        bytes_per_s: float | None = None,
        enough: int = 1 << 40,
    ) -> None:
        self._bench = bench
        self._context = context
        self._pace = bytes_per_s
        self.enough = enough
        self.received = 0
        self.reset_at: float | None = None
        self.noticed_at: float | None = None
        self.ended_clean = False

    def run(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self._bench.port))
        watch = threading.Thread(target=self._watch, args=(raw.dup(),))
        watch.start()
        sock = raw
        if self._context is not None:
            sock = self._context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        with sock:
            sock.sendall(b"GET /d HTTP/1.1\r\nHost: h\r\n\r\n")
            try:
                while got := sock.recv(10_000 if self._pace else 1 << 20):
                    self.received += len(got)
                    if self.received >= self.enough:
                        break
                    if self._pace:
                        time.sleep(len(got) / self._pace)
                self.ended_clean = not got
            except (ConnectionResetError, ssl.SSLError):
                self.noticed_at = time.monotonic()
            with suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        watch.join()

    def _watch(self, sock: socket.socket) -> None:
        # With no event asked for, only an error or a complete hang-up is reported: a reset. A clean end is
        # a hang-up of one side and is not.
        poll = select.poll()
        poll.register(sock, 0)
        if poll.poll(5000):
            self.reset_at = time.monotonic()
        sock.close()


# --- what is sent ---


@pytest.mark.parametrize("is_known", [True, False], ids=["sendfile", "hashed while sending"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
async def test_the_whole_arrives(content, tls, late_clock, is_known, is_tls) -> None:
    verified = Verified(late_clock)
    bench = await bench_for(content, verified)
    if not is_known:
        verified._known.clear()
    async with bench.serving(tls[0] if is_tls else None) as url:
        async with asked(url, method="GET", ssl=tls[1] if is_tls else True) as answer:
            assert answer.status == 200
            assert answer.content_length == BIG
            assert answer.headers["X-Test"] == "1"
            assert "Content-Encoding" not in answer.headers
            got = await answer.read()
        await bench.done.wait()
    assert got == content.read_bytes()
    assert answer.headers["ETag"] == f'"{hashlib.sha256(got).hexdigest()}"'
    delivered = bench.delivered[0]
    assert (delivered.sent, delivered.ended) == (BIG, Ended.COMPLETE)
    assert sum(count for _, count in bench.slices) == BIG
    assert max(count for _, count in bench.slices) <= 1 << 20
    assert (await bench.open_body()).is_verified


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.bin"
    path.write_bytes(hashlib.shake_256(b"small").digest(5000))
    return path


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folder") / "f"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.bin").write_bytes(hashlib.shake_256(bytes([i])).digest(700 * i))
    return folder


@pytest.mark.parametrize("kind", ["file", "unverified file", "folder"])
async def test_any_range_is_those_bytes_and_one_connection_serves_all(
    small, small_folder, verified, kind
) -> None:
    bench = await bench_for(small_folder if kind == "folder" else small, verified)
    async with bench.serving() as url, aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            whole = await answer.read()

        draw = random.Random(7)
        edges = [(0, 1), (len(whole) - 1, 1), (511, 2), (512, 512), (1000, 4000), (0, len(whole))]
        drawn = [(draw.randrange(len(whole)), draw.randrange(1, 4000)) for _ in range(60)]
        for start, count in edges + drawn:
            if kind == "unverified file":
                verified._known.clear()
            async with session.get(url, headers={"Range": f"bytes={start}-{start + count - 1}"}) as answer:
                assert answer.status == 206
                assert await answer.read() == whole[start : start + count]
        assert len(session.connector._conns) == 1


async def test_head_conditions_and_errors(small, verified) -> None:
    bench = await bench_for(small, verified)
    etag = f'"{hashlib.sha256(small.read_bytes()).hexdigest()}"'
    cases = [
        ("HEAD", {}, 200, "5000"),
        ("HEAD", {"Range": "bytes=0-1"}, 200, "5000"),
        ("GET", {"If-None-Match": etag}, 304, None),
        ("GET", {"If-Match": '"x"'}, 412, "0"),
        ("GET", {"Range": "bytes=5000-"}, 416, "0"),
        ("GET", {"Range": "bytes=1-2", "If-Range": '"x"'}, 200, "5000"),
        ("GET", {"Range": "bytes=1-2,4-5"}, 200, "5000"),
    ]
    async with bench.serving() as url, aiohttp.ClientSession() as session:
        for method, headers, status, length in cases:
            async with session.request(method, url, headers=headers) as answer:
                assert (answer.status, answer.headers.get("Content-Length")) == (status, length)
                assert len(await answer.read()) == (5000 if (method, status) == ("GET", 200) else 0)
                assert answer.headers["ETag"] == etag
                assert "Transfer-Encoding" not in answer.headers
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert len(session.connector._conns) == 1
    assert [d.sent for d in bench.delivered] == [0, 0, 0, 0, 0, 5000, 5000]
    assert all(d.is_complete for d in bench.delivered)


async def test_an_empty_file(tmp_path, verified) -> None:
    (tmp_path / "e").write_bytes(b"")
    bench = await bench_for(tmp_path / "e", verified)
    async with bench.serving() as url, asked(url, method="GET") as answer:
        assert (answer.status, await answer.read(), answer.content_length) == (200, b"", 0)
    assert bench.delivered[0].is_complete


async def test_a_folder_arrives(small_folder, verified) -> None:
    bench = await bench_for(small_folder, verified)
    async with bench.serving() as url, asked(url, method="GET") as answer:
        got = await answer.read()
        assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(got).hexdigest()}"'


async def test_bandwidth_bounds_a_stream(small, verified) -> None:
    bench = await bench_for(small, verified)
    bench.limiter = Bandwidth(20_000, CLOCK)
    async with bench.serving() as url:
        started = time.monotonic()
        async with asked(url, method="GET") as answer:
            await answer.read()
        assert 0.15 < time.monotonic() - started < 1.0
    assert max(count for _, count in bench.slices) == 4096


# --- stopping ---


@pytest.mark.parametrize("how", ["stopper", "still_allowed"])
@pytest.mark.parametrize("pace", [None, 100_000], ids=["fast", "100 kB/s"])
@pytest.mark.parametrize("way", ["sendfile", "write", "tls"])
async def test_a_stop_resets_within_a_second(content, tls, late_clock, way, pace, how) -> None:
    verified = Verified(late_clock)
    bench = await bench_for(content, verified)
    if way == "write":
        verified._known.clear()
    if pace is None:
        # So that a fast reader is still reading when the stop comes.
        bench.limiter = Bandwidth(40 << 20, CLOCK)
    async with bench.serving(tls[0] if way == "tls" else None):
        reader = Reader(bench, context=tls[1] if way == "tls" else None, bytes_per_s=pace)
        reading = asyncio.create_task(asyncio.to_thread(reader.run))
        await bench.first_slice.wait()
        await asyncio.sleep(0.3)
        stopped_at = time.monotonic()
        if how == "stopper":
            bench.stopper.stop()
        else:
            bench.allowed = False
        async with asyncio.timeout(5):
            await bench.done.wait()
            gone_s = time.monotonic() - stopped_at
            await reading
    assert reader.reset_at is not None, "the connection ended as if all was well"
    assert reader.noticed_at is not None
    assert not reader.ended_clean
    assert gone_s < (0.1 if how == "stopper" else 0.7)
    assert reader.reset_at - stopped_at < 1.0
    assert reader.noticed_at - stopped_at < 1.0
    delivered = bench.delivered[0]
    assert delivered.ended is Ended.STOPPED
    assert 0 < delivered.sent < BIG
    assert sum(count for _, count in bench.slices) == delivered.sent
    assert reader.received <= delivered.sent + 1000


async def test_what_was_stopped_before_sends_nothing(content, verified) -> None:
    bench = await bench_for(content, verified)
    bench.stopper.stop()
    async with bench.serving() as url:
        with pytest.raises(aiohttp.ClientError):
            async with asked(url, method="GET") as answer:
                await answer.read()
        await bench.done.wait()
    assert bench.delivered[0].sent == 0
    assert bench.slices == []


async def test_a_peer_that_takes_nothing_is_let_go(content, verified) -> None:
    bench = await bench_for(content, verified)
    bench.stall_s = 0.2
    async with bench.serving():
        _, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=1024)
        writer.write(b"GET /d HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(5):
            await bench.done.wait()
        writer.transport.abort()
    assert bench.delivered[0].ended is Ended.STALLED


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_peer_that_leaves_is_noticed(content, late_clock, is_known) -> None:
    verified = Verified(late_clock)
    bench = await bench_for(content, verified)
    if not is_known:
        verified._known.clear()
    async with bench.serving():
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=1024)
        writer.write(b"GET /d HTTP/1.1\r\nHost: h\r\n\r\n")
        await reader.read(100)
        writer.transport.abort()
        async with asyncio.timeout(5):
            await bench.done.wait()
    assert bench.delivered[0].ended is Ended.DISCONNECTED
    assert bench.delivered[0].sent < BIG


# --- a source that changes ---


@pytest.mark.parametrize("header", [{}, {"Range": "bytes=1-"}], ids=["whole", "range"])
async def test_other_bytes_behind_an_equal_stat_end_in_a_reset(small, tmp_path, verified, header) -> None:
    from dataclasses import replace

    source = FileSource(CLOCK, Verified(CLOCK), settle_s=0)
    description = replace(await source.inspect(small), sha256="0" * 64)
    bench = Bench(lambda: source.open(description))
    async with bench.serving() as url:
        with pytest.raises(aiohttp.ClientError):
            async with asked(url, method="GET", headers=header) as answer:
                await answer.read()
        await bench.done.wait()
    assert bench.delivered[0].ended is Ended.SOURCE_CHANGED
    assert not bench.delivered[0].is_complete


@pytest.mark.parametrize("is_known", [True, False])
async def test_writing_into_the_file_while_it_is_sent(tmp_path, late_clock, is_known) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(8 << 20))
    verified = Verified(late_clock)
    bench = await bench_for(path, verified)
    if not is_known:
        verified._known.clear()
    bench.limiter = Bandwidth(4 << 20, CLOCK)
    async with bench.serving() as url:
        async with asked(url, method="GET") as answer:
            await bench.first_slice.wait()
            os.truncate(path, 7 << 20)
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        await bench.done.wait()
    assert bench.delivered[0].ended is Ended.SOURCE_CHANGED


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_descriptors_stay_flat(content, verified) -> None:
    bench = await bench_for(content, verified)
    async with bench.serving() as url:
        async with asked(url, method="GET") as answer:
            await answer.read()
        before = descriptors()
        for _ in range(3):
            bench.done.clear()
            async with asked(url, method="GET") as answer:
                await answer.content.read(10)
            await bench.done.wait()
        await asyncio.sleep(0)
        assert descriptors() <= before + 1  # the last connection may be on its way out


@pytest.mark.parametrize("tells", [True, False], ids=["window known", "window unknown"])
async def test_a_reader_of_middling_pace_is_not_held_up(content, verified, monkeypatch, tells) -> None:
    if not tells:
        monkeypatch.setattr(Pace, "_look", lambda self: None)
    bench = await bench_for(content, verified)
    async with bench.serving():
        reader = Reader(bench, bytes_per_s=4_000_000, enough=1_500_000)
        started = time.monotonic()
        await asyncio.to_thread(reader.run)
        assert time.monotonic() - started < 0.8
        assert reader.received >= reader.enough
        await bench.done.wait()


async def test_a_disk_that_has_to_be_waited_for(content, verified, monkeypatch) -> None:
    monkeypatch.setattr(reading, "_NOWAIT", None)
    bench = await bench_for(content, verified)
    async with bench.serving() as url, asyncio.timeout(10):
        async with asked(url, method="GET") as answer:
            got = await answer.read()
        await bench.done.wait()
    assert got == content.read_bytes()
    assert bench.delivered[0].ended is Ended.COMPLETE


async def test_a_doubtful_contract_is_an_ended_one(content, verified) -> None:
    bench = await bench_for(content, verified)
    asked_before = 0

    def fails() -> bool:
        nonlocal asked_before
        asked_before += 1
        if asked_before > 3:
            raise LookupError("the store is gone")
        return True

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await bench.open_body()
        try:
            terms = Terms(fails, bench.stopper, bench.limiter, CLOCK)
            return (await send(request, body, plan_for(request, body), terms)).response
        finally:
            body.close()

    bench.handle = handle
    async with bench.serving() as url:
        with pytest.raises(aiohttp.ClientError):
            async with asked(url, method="GET") as answer:
                await answer.read()
