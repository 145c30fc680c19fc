"""The one door against real servers: answers, limits, deadlines, TLS, reuse, streams."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import tracemalloc
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connector.errors import EgressRefused, PeerFailed
from connector.model.ports import Fetch
from connector.peer.egress import Egress


async def echo(request):
    return web.Response(status=201, body=await request.read(), headers={"X-Method": request.method})


async def failed(awaitable, code):
    with pytest.raises(PeerFailed) as caught:
        await awaitable
    assert caught.value.reason_code == code, caught.value
    return caught.value


async def test_an_answer_comes_back_whole(serve, egress_for):
    server = await serve(echo)
    egress: Fetch = await egress_for(server)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer x"}
    answer = await egress("POST", server.url("/a%2Fb/..?c=%20"), headers=headers, body="마당".encode())
    assert (answer.status, answer.body) == (201, "마당".encode())
    assert answer.headers["x-method"] == answer.headers["X-Method"] == "POST"
    (request,) = server.requests
    assert request.raw_path == "/a%2Fb/..?c=%20"
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Host"] == server.entry
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods(serve, egress_for, method):
    server = await serve(echo)
    answer = await (await egress_for(server))(method, server.url())
    assert answer.headers["X-Method"] == method


@pytest.mark.parametrize("status", [204, 304, 400, 404, 409, 429, 500, 503])
async def test_every_status_is_an_answer(serve, egress_for, status):
    async def handler(request):
        return web.Response(status=status, headers={"Retry-After": "7"})

    server = await serve(handler)
    answer = await (await egress_for(server))("GET", server.url())
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (status, "7", b"")


async def test_no_cookies_are_kept(serve, egress_for):
    async def handler(request):
        return web.Response(headers={"Set-Cookie": "a=b"}, text=request.headers.get("Cookie", "none"))

    server = await serve(handler)
    egress = await egress_for(server)
    assert [(await egress("GET", server.url())).body for _ in range(2)] == [b"none", b"none"]


async def test_a_connection_is_reused(serve, egress_for, names):
    server = await serve(echo)
    lookup = names(factory_b_example=[["127.0.0.1"]])
    entry = f"factory-b.example:{server.port}"
    egress = await egress_for(lookup=lookup, allow=frozenset({entry}), http_hosts=frozenset({entry}))
    for _ in range(5):
        await egress("POST", f"http://{entry}/", body=b"x")
    assert len(server.requests) == 5
    assert len(server.sockets) == 1
    assert lookup.asked == [("factory-b.example", server.port)]


async def test_a_name_in_another_script_is_looked_up_in_its_ascii_form(serve, egress_for, names):
    server = await serve(echo)
    lookup = names(xn__zf4bo5j_example=[["127.0.0.1"]])
    entry = f"xn--zf4bo5j.example:{server.port}"
    egress = await egress_for(lookup=lookup, allow=frozenset({entry}), http_hosts=frozenset({entry}))
    await egress("GET", f"http://{entry}/")
    assert lookup.asked == [("xn--zf4bo5j.example", server.port)]
    assert server.requests[0].headers["Host"] == entry


async def test_the_number_of_connections_to_a_host_is_bounded(serve, egress_for):
    inside, both, gate = 0, asyncio.Event(), asyncio.Event()

    async def handler(request):
        nonlocal inside
        inside += 1
        if inside == 2:
            both.set()
        await gate.wait()
        return web.Response()

    server, other = await serve(handler), await serve(echo)
    egress = await egress_for(server, other, per_host=2)
    waiting = [asyncio.create_task(egress("GET", server.url())) for _ in range(8)]
    await both.wait()
    # Others are served meanwhile; by then a third connection would have come through too.
    for _ in range(10):
        assert (await egress("GET", other.url())).status == 201
    assert inside == 2
    gate.set()
    assert [a.status for a in await asyncio.gather(*waiting)] == [200] * 8


async def test_a_body_over_the_cap_is_not_read(serve, egress_for):
    sent = 0

    async def handler(request):
        nonlocal sent
        response = web.StreamResponse()
        if request.path == "/honest":
            response.content_length = 1 << 26
        await response.prepare(request)
        for _ in range(1 << 10):
            await response.write(b"x" * (1 << 16))
            sent += 1 << 16
        return response

    server = await serve(handler)
    egress = await egress_for(server)
    for path in ("/honest", "/chunked"):
        error = await failed(egress("GET", server.url(path), max_bytes=1000), "answer-too-large")
        assert "1000 bytes" in error.message
    assert sent < 1 << 26


async def test_a_body_of_exactly_the_cap_is_read(serve, egress_for):
    server = await serve(echo)
    egress = await egress_for(server)
    assert len((await egress("POST", server.url(), body=b"x" * 1000, max_bytes=1000)).body) == 1000
    await failed(egress("POST", server.url(), body=b"x" * 1001, max_bytes=1000), "answer-too-large")


async def test_packed_answers_are_refused(serve, egress_for):
    async def handler(request):
        return web.Response(body=gzip.compress(b"\0" * 100_000), headers={"Content-Encoding": "gzip"})

    server = await serve(handler)
    egress = await egress_for(server)
    await failed(egress("GET", server.url()), "peer-failed")
    with pytest.raises(PeerFailed, match="gzip"):
        async with egress.stream("GET", server.url()):
            pass


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"]
)
async def test_a_peer_that_never_ends_meets_the_deadline(tcp, egress_for, drip):
    hold = asyncio.Event()

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(drip)
        await hold.wait()

    port = await tcp(handler)
    entry = f"127.0.0.1:{port}"
    egress = await egress_for(allow=frozenset({entry}), http_hosts=frozenset({entry}))
    begun = asyncio.get_running_loop().time()
    error = await failed(egress("GET", f"http://{entry}/", timeout_s=0.1), "peer-timeout")
    assert 0.09 < asyncio.get_running_loop().time() - begun < 1
    assert entry in error.message
    hold.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_peer_that_speaks_no_http(tcp, egress_for, answer):
    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    entry = f"127.0.0.1:{await tcp(handler)}"
    egress = await egress_for(allow=frozenset({entry}), http_hosts=frozenset({entry}))
    await failed(egress("POST", f"http://{entry}/", body=b"x"), "peer-broke-off")


async def test_nobody_listens_and_no_such_name(tcp, egress_for, names):
    async def handler(reader, writer):
        pass

    port = await tcp(handler)
    egress = await egress_for(lookup=names(empty_example=[[]]), allow=frozenset({"127.0.0.1"}))
    await failed(egress("GET", "https://127.0.0.1:1/", timeout_s=2), "peer-unreachable")
    for name in ("nowhere.example", "empty.example"):
        error = await failed(egress("GET", f"https://{name}/"), "peer-unknown")
        assert name in error.message
    # A server that speaks no TLS.
    with pytest.raises(PeerFailed):
        await egress("GET", f"https://127.0.0.1:{port}/", timeout_s=2)


async def test_localhost_is_found_by_the_system(serve, egress_for):
    server = await serve(echo)
    url = f"http://localhost:{server.port}/"
    egress = await egress_for(http_hosts=frozenset({"localhost"}), allow=frozenset({"localhost"}))
    assert (await egress("GET", url)).status == 201


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "a\0"}])
async def test_headers_cannot_smuggle(serve, egress_for, headers):
    server = await serve(echo)
    with pytest.raises(EgressRefused):
        await (await egress_for(server))("GET", server.url(), headers=headers)
    assert server.requests == []


async def test_other_methods_are_not_used(serve, egress_for):
    server = await serve(echo)
    for method in ("CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\nX: y"):
        with pytest.raises(EgressRefused):
            await (await egress_for(server))(method, server.url())


async def test_it_has_to_be_started():
    egress = Egress()
    with pytest.raises(RuntimeError):
        await egress("GET", "https://a.example/")
    await egress.close()


# --- streams ---


async def test_a_stream_arrives_in_constant_memory(serve, egress_for):
    size = 48 << 20

    async def handler(request):
        response = web.StreamResponse(headers={"ETag": '"1"'})
        response.content_length = size
        await response.prepare(request)
        block = b"x" * (1 << 20)
        for _ in range(size >> 20):
            await response.write(block)
        return response

    server = await serve(handler)
    egress = await egress_for(server)
    tracemalloc.start()
    try:
        async with egress.stream("GET", server.url(), headers={"Range": "bytes=0-"}) as stream:
            assert (stream.status, stream.headers["etag"]) == (200, '"1"')
            received = 0
            async for chunk in stream.chunks:
                received += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == size
    assert server.requests[0].headers["Range"] == "bytes=0-"
    assert peak < 16 << 20


async def test_leaving_a_stream_early_closes_its_connection(serve, egress_for):
    ended = asyncio.Event()

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * (1 << 16))
        finally:
            ended.set()

    server = await serve(handler)
    egress = await egress_for(server)
    async with egress.stream("GET", server.url()) as stream:
        async for _ in stream.chunks:
            break
    async with asyncio.timeout(2):
        await ended.wait()
    with pytest.raises(ZeroDivisionError):
        async with egress.stream("GET", server.url()):
            raise ZeroDivisionError


async def test_a_stream_read_whole_gives_its_connection_back(serve, egress_for):
    server = await serve(echo)
    egress = await egress_for(server)
    for _ in range(3):
        async with egress.stream("POST", server.url(), body=b"abc") as stream:
            assert b"".join([c async for c in stream.chunks]) == b"abc"
    assert len(server.sockets) == 1


async def test_a_stream_has_its_limits(tcp, egress_for):
    hold = asyncio.Event()

    async def handler(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if b"/silent" in request:
            await hold.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await writer.drain()
        if b"/short" not in request:
            await hold.wait()

    entry = f"127.0.0.1:{await tcp(handler)}"
    egress = await egress_for(allow=frozenset({entry}), http_hosts=frozenset({entry}))

    async def read(path, **limits):
        async with asyncio.timeout(5), egress.stream("GET", f"http://{entry}{path}", **limits) as stream:
            return [chunk async for chunk in stream.chunks]

    begun = asyncio.get_running_loop().time()
    await failed(read("/silent", answer_s=0.1), "peer-timeout")
    assert asyncio.get_running_loop().time() - begun < 2
    await failed(read("/idle", idle_s=0.1), "peer-timeout")
    await failed(read("/idle", total_s=0.1), "peer-timeout")
    await failed(read("/short"), "peer-broke-off")
    await failed(read("/short", max_bytes=2), "answer-too-large")
    hold.set()


# --- TLS ---


def authority():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def server_context(folder, ca_key, ca, names):
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context


async def test_tls_is_checked_against_the_name(serve, egress_for, names, tmp_path):
    ca_key, ca = authority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    sans = [x509.DNSName("factory-b.example"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    server = await serve(echo, ssl_context=server_context(tmp_path, ca_key, ca, sans))
    lookup = names(factory_b_example=[["127.0.0.1"]], factory_c_example=[["127.0.0.1"]])
    hosts = frozenset({"factory-b.example", "factory-c.example", "127.0.0.1"})
    trusting = await egress_for(lookup=lookup, allow=hosts, ca_file=ca_file)
    strict = await egress_for(lookup=lookup, allow=hosts)
    for host in ("factory-b.example", "127.0.0.1"):
        assert (await trusting("GET", f"https://{host}:{server.port}/")).status == 201
    error = await failed(trusting("GET", f"https://factory-c.example:{server.port}/"), "peer-certificate")
    assert "factory-c.example" in error.message
    error = await failed(strict("GET", f"https://factory-b.example:{server.port}/"), "peer-certificate")
    assert "egress.ca_file" in error.hint


def test_a_certificate_file_that_is_none_stops_us_at_the_start(tmp_path):
    with pytest.raises(OSError, match=r"."):
        Egress(ca_file=tmp_path / "missing.pem")
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        Egress(ca_file=tmp_path / "bad.pem")
