"""Attacks through addresses that others give us: callbacks, endpoints, DIDs, status lists.

Everything runs against real servers on loopback. `inside` stands for a machine of
the plant that nobody outside may reach; a request that arrives there is the failure.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from aiohttp import web

from connector.errors import BadInput, EgressRefused, PeerFailed
from connector.identity.resolver import DidResolver
from connector.peer import guard
from connector.peer.egress import Egress


@dataclass
class Place:
    """A server at one loopback address, the paths asked for, and where it redirects to."""

    host: str
    port: int
    hits: list[str] = field(default_factory=list)
    redirect: str = ""
    body: bytes = b"secret"


@pytest.fixture
async def places():
    async with AsyncExitStack() as stack:

        async def start(host, port=0):
            place = Place(host, port)

            async def handler(request):
                place.hits.append(request.raw_path)
                if place.redirect:
                    return web.Response(status=302, headers={"Location": place.redirect})
                return web.Response(body=place.body)

            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, host, port)
            await site.start()
            place.port = runner.addresses[0][1]
            return place

        yield start


@pytest.fixture
async def inside(places):
    place = await places("127.0.0.1")
    yield place
    assert place.hits == []


class Names:
    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    async def __call__(self, host, port):
        self.asked.append(host)
        answers = self.answers[host.partition(".")[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
async def door():
    async with AsyncExitStack() as stack:

        async def start(**settings):
            return await stack.enter_async_context(Egress(**settings))

        yield start


@pytest.fixture
def public(monkeypatch):
    """127.0.0.2 plays the public internet, so that a test can be both outside and at home."""
    monkeypatch.setattr(guard, "is_public", lambda address: address == ip_address("127.0.0.2"))


async def refused(egress, url):
    with pytest.raises(EgressRefused) as caught:
        await egress("GET", url)
    return caught.value


# --- hosts ---


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "127.0.0.01",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "[::1%25lo]",
        "[0:0:0:0:0:0:0:1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "100.64.0.1",
        "255.255.255.255",
        "%31%32%37.0.0.1",
        "1２7.0.0.1",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
        "ip6-localhost",
    ],
)
async def test_every_spelling_of_home(inside, door, host):
    async def lookup(name, port):
        return ["127.0.0.1"]

    egress = await door(lookup=lookup, http_hosts=frozenset({host.lower()}))
    for scheme in ("https", "http"):
        await refused(egress, f"{scheme}://{host}:{inside.port}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://user@127.0.0.1:{port}/",
        "https://factory-b.example@127.0.0.1:{port}/",
        "https://factory-b.example:443@127.0.0.1:{port}/",
        "https://factory-b.example%40127.0.0.1:{port}/",
        "https://127.0.0.1:{port}@factory-b.example/",
        "https://127.0.0.1:{port}\\@factory-b.example/",
        "https://factory-b.example\\@127.0.0.1:{port}/",
        "https://factory-b.example\t@127.0.0.1:{port}/",
        "https://factory-b.example\r\nHost: 127.0.0.1/",
        "https:/127.0.0.1:{port}/",
        "https:127.0.0.1:{port}/",
        "https:///127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        " https://factory-b.example/",
        "https://factory-b.example:{port}:443/",
        "https://factory-b.example:0/",
        "https://factory-b.example:65536/",
        "https://factory-b.example:-1/",
        "https://factory-b.example:４４３/",
        "https://factory-b.example:/",
        "https://[::1/",
        "https://[factory-b.example]/",
        "https://.factory-b.example/",
        "https://factory-b..example/",
        "https://" + "a" * 254 + "/",
        "https://" + "a." * 5000 + "/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "ftp://127.0.0.1/",
        "unix:/var/run/docker.sock",
        "data:text/plain,x",
        "javascript:1",
        "",
    ],
)
async def test_urls_that_readers_disagree_about(inside, door, url):
    names = Names(**{"factory-b": [["127.0.0.1"]]})
    await refused(await door(lookup=names), url.replace("{port}", str(inside.port)))
    assert names.asked == []


@pytest.mark.parametrize("port", [1, 21, 22, 23, 25, 53, 80, 110, 135, 143, 389, 445, 587, 873, 993, 1023])
async def test_ports_of_other_services(door, port):
    names = Names(**{"factory-b": [["127.0.0.1"]]})
    error = await refused(await door(lookup=names), f"https://factory-b.example:{port}/")
    assert f"factory-b.example:{port}" in error.hint
    assert names.asked == []


# --- names ---


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "127.0.0.2"],
    ],
)
async def test_names_that_point_inside(inside, door, public, answer):
    names = Names(rogue=[answer])
    error = await refused(await door(lookup=names), f"https://rogue.example:{inside.port}/")
    assert error.pointer == "rogue.example"
    assert names.asked == ["rogue.example"]


async def test_all_who_wait_for_the_same_name_are_refused(inside, door, public):
    released = asyncio.Event()

    async def lookup(host, port):
        await released.wait()
        return ["127.0.0.1"]

    egress = await door(lookup=lookup)
    url = f"https://rogue.example:{inside.port}/"
    waiting = [asyncio.create_task(egress("GET", url)) for _ in range(5)]
    released.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(r) for r in results] == [EgressRefused] * 5


async def test_rebinding(places, door, public):
    """The name is public when checked and would be inside when asked again: it is not asked again."""
    outside = await places("127.0.0.2")
    inside = await places("127.0.0.1", outside.port)
    names = Names(rogue=[["127.0.0.2"], ["127.0.0.1"]])
    entry = f"rogue.example:{outside.port}"
    egress = await door(lookup=names, http_hosts=frozenset({entry}))
    for n in range(3):
        await egress("GET", f"http://{entry}/{n}", headers={"Connection": "close"})
    assert outside.hits == ["/0", "/1", "/2"]
    assert names.asked == ["rogue.example"]
    # When the answer is too old it is asked for again, and checked again.
    egress._session.connector.clear_dns_cache()
    error = await refused(egress, f"http://{entry}/4")
    assert "127.0.0.1" in error.message
    assert names.asked == ["rogue.example"] * 2
    assert inside.hits == []


async def test_an_entry_for_one_port_opens_no_other(inside, places, door, public):
    meant = await places("127.0.0.1")
    names = Names(**{"factory-a": [["127.0.0.1"]]})
    entries = frozenset({f"factory-a.example:{meant.port}"})
    egress = await door(lookup=names, allow=entries, http_hosts=frozenset({"factory-a.example"}))
    assert (await egress("GET", f"http://factory-a.example:{meant.port}/")).status == 200
    await refused(egress, f"http://factory-a.example:{inside.port}/")


async def test_plain_http_to_a_listed_host_still_wants_a_public_address(inside, door):
    names = Names(rogue=[["127.0.0.1"]])
    egress = await door(lookup=names, http_hosts=frozenset({"rogue.example", "127.0.0.1"}))
    await refused(egress, f"http://rogue.example:{inside.port}/")
    await refused(egress, f"http://127.0.0.1:{inside.port}/")


# --- redirects, proxies ---


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "/again", "file:///etc/passwd"]
)
async def test_redirects_are_answers(inside, places, door, target):
    outside = await places("127.0.0.2")
    outside.redirect = target.replace("{port}", str(inside.port))
    entries = frozenset({f"127.0.0.2:{outside.port}", f"127.0.0.1:{inside.port}"})
    egress = await door(allow=entries, http_hosts=entries)
    answer = await egress("GET", f"http://127.0.0.2:{outside.port}/first")
    assert (answer.status, answer.headers["Location"]) == (302, outside.redirect)
    async with egress.stream("GET", f"http://127.0.0.2:{outside.port}/second") as stream:
        assert stream.status == 302
    assert outside.hits == ["/first", "/second"]


async def test_proxies_of_the_environment_are_not_used(inside, places, door, monkeypatch):
    outside = await places("127.0.0.2")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}")
    monkeypatch.setenv("no_proxy", "")
    entries = frozenset({f"127.0.0.2:{outside.port}"})
    egress = await door(allow=entries, http_hosts=entries)
    assert (await egress("GET", f"http://127.0.0.2:{outside.port}/x")).body == b"secret"
    assert outside.hits == ["/x"]


async def test_a_stream_goes_through_the_same_door(inside, door):
    egress = await door()
    for url in (
        f"https://127.0.0.1:{inside.port}/",
        f"http://localhost:{inside.port}/",
        "https://a@b.example/",
    ):
        with pytest.raises(EgressRefused):
            async with egress.stream("GET", url):
                pass


# --- DIDs ---


class StillClock:
    def now(self):
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        raise AssertionError("nothing here waits")


@pytest.mark.parametrize(
    "did",
    [
        "did:web:127.0.0.1%3A{port}",
        "did:web:localhost%3A{port}",
        "did:web:2130706433%3A{port}",
        "did:web:0x7f000001%3A{port}",
        "did:web:rogue.example%3A{port}",
        "did:web:user%40127.0.0.1%3A{port}",
        "did:web:127.0.0.1%2Fx%3A{port}",
        "did:web:rogue.example%3A{port}:..:..",
    ],
)
async def test_a_did_that_leads_inside(inside, door, did):
    names = Names(rogue=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
    resolver = DidResolver(await door(lookup=names), StillClock())
    with pytest.raises((EgressRefused, BadInput)):
        await resolver.resolve(did.replace("{port}", str(inside.port)))


async def test_a_did_document_over_http_only_where_listed(places, door):
    place = await places("127.0.0.1")
    did, entry = f"did:web:127.0.0.1%3A{place.port}:holder", frozenset({f"127.0.0.1:{place.port}"})
    place.body = json.dumps({"id": did}).encode()
    egress = await door(allow=entry, http_hosts=entry)
    assert (await DidResolver(egress, StillClock(), http_hosts=entry).resolve(did)).id == did
    assert place.hits == ["/holder/did.json"]
    strict = await door(allow=entry)
    with pytest.raises(EgressRefused):
        await DidResolver(strict, StillClock(), http_hosts=entry).resolve(did)
    assert place.hits == ["/holder/did.json"]


async def test_a_did_document_is_not_looked_for_behind_a_redirect_nor_in_a_flood(inside, places, door):
    place = await places("127.0.0.2")
    entry = frozenset({f"127.0.0.2:{place.port}", f"127.0.0.1:{inside.port}"})
    did = f"did:web:127.0.0.2%3A{place.port}"
    egress = await door(allow=entry, http_hosts=entry)
    place.redirect = f"http://127.0.0.1:{inside.port}/did.json"
    with pytest.raises(PeerFailed, match="302"):
        await DidResolver(egress, StillClock(), http_hosts=entry).resolve(did)
    place.redirect, place.body = "", json.dumps({"id": did, "pad": "x" * (256 * 1024)}).encode()
    with pytest.raises(PeerFailed, match="larger than 262144"):
        await DidResolver(egress, StillClock(), http_hosts=entry).resolve(did)
