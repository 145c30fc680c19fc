"""Resolving: what is cached and how long, one request at a time, looking again for a key."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from connector.errors import BadInput, EgressRefused, PeerFailed
from connector.identity.resolver import DidResolver
from connector.model.ports import Response


@dataclass
class Web:
    """The documents that stand on the web, and who asked for them."""

    pages: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    error: Exception | None = None
    gate: asyncio.Event | None = None
    calls: list[tuple[str, str, dict]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, method, url, *, headers=None, body=None, timeout_s=10.0, max_bytes=1 << 20):
        self.calls.append((method, url, {"timeout_s": timeout_s, "max_bytes": max_bytes}))
        self.called.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Response(self.status, {}, self.pages.get(url, b"null"))


URL = "https://factory-a.example/.well-known/did.json"


@pytest.fixture
def web(factory_a):
    return Web({URL: json.dumps(factory_a.json).encode()})


@pytest.fixture
async def resolver(web, clock):
    resolver = DidResolver(web, clock)
    yield resolver
    await resolver.close()


async def test_a_document_is_fetched_with_its_limits_and_believed_for_five_minutes(
    resolver, web, clock, factory_a
):
    assert await resolver.resolve(factory_a.did) == factory_a.document
    assert web.calls == [("GET", URL, {"timeout_s": 5.0, "max_bytes": 256 * 1024})]
    clock.advance(299.9)
    await resolver.resolve(factory_a.did)
    assert len(web.calls) == 1
    clock.advance(0.1)
    await resolver.resolve(factory_a.did)
    assert len(web.calls) == 2


@pytest.mark.parametrize(
    ("status", "page", "error", "code"),
    [
        (404, b"{}", None, "did-missing"),
        (302, b"{}", None, "did-missing"),
        (200, b"<html>", None, "did-invalid"),
        (200, b'{"id":"did:web:other.example"}', None, "did-invalid"),
        (200, b"", EgressRefused("no", hint="list it"), "egress-refused"),
        (200, b"", PeerFailed("timed out", code="peer-timeout"), "did-unreachable"),
        (503, b"", None, "did-unreachable"),
        (429, b"", None, "did-unreachable"),
    ],
)
async def test_a_failure_is_remembered_for_ten_seconds(
    resolver, web, clock, factory_a, status, page, error, code
):
    good = web.pages[URL]
    web.status, web.pages[URL], web.error = status, page, error
    seen = []
    for _ in range(2):
        with pytest.raises(PeerFailed) as caught:
            await resolver.resolve(factory_a.did)
        seen.append(caught.value)
    assert [e.reason_code for e in seen] == [code, code]
    assert type(seen[0]) is type(seen[1])
    assert seen[0].hint == seen[1].hint
    assert len(web.calls) == 1
    web.status, web.pages[URL], web.error = 200, good, None
    clock.advance(10)
    assert await resolver.resolve(factory_a.did) == factory_a.document


async def test_what_is_no_did_is_never_fetched(resolver, web):
    for did in ("did:key:z6Mk", "did:web:a.example:..", ""):
        with pytest.raises(BadInput):
            await resolver.resolve(did)
    assert web.calls == []


async def test_many_at_once_cost_one_request(resolver, web, factory_a):
    web.gate = asyncio.Event()
    waiting = [asyncio.create_task(resolver.resolve(factory_a.did)) for _ in range(20)]
    await web.called.wait()
    waiting[0].cancel()
    web.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [factory_a.document] * 19
    assert len(web.calls) == 1


async def test_many_at_once_share_a_failure(resolver, web, factory_a):
    web.error = PeerFailed("gone")
    results = await asyncio.gather(
        *(resolver.resolve(factory_a.did) for _ in range(5)), return_exceptions=True
    )
    assert [type(r) for r in results] == [PeerFailed] * 5
    assert len(web.calls) == 1


async def test_a_rotated_key_is_found_at_once(resolver, web, clock, factory_a):
    await resolver.resolve(factory_a.did)
    factory_a.ring.rotate(now=clock.now())
    kid = factory_a.ring.signer.kid
    web.pages[URL] = json.dumps(factory_a.json).encode()
    assert (await resolver.resolve(factory_a.did)).method(kid) is None
    assert (await resolver.resolve(factory_a.did, kid)).method(kid) is not None
    assert len(web.calls) == 2
    await resolver.resolve(factory_a.did, kid)
    assert len(web.calls) == 2


async def test_an_unknown_key_makes_us_look_again_once_in_thirty_seconds(resolver, web, clock, factory_a):
    await resolver.resolve(factory_a.did)
    for seconds, calls in ((0, 2), (0, 2), (29.9, 2), (0.1, 3), (1, 3)):
        clock.advance(seconds)
        assert (await resolver.resolve(factory_a.did, factory_a.did + "#forged")).id == factory_a.did
        assert len(web.calls) == calls


async def test_looking_again_in_vain_keeps_what_we_have(resolver, web, clock, factory_a):
    await resolver.resolve(factory_a.did)
    web.error = PeerFailed("down")
    assert await resolver.resolve(factory_a.did, "did:web:x#1") == factory_a.document
    clock.advance(11)
    assert await resolver.resolve(factory_a.did) == factory_a.document
    assert len(web.calls) == 2
    clock.advance(300)
    with pytest.raises(PeerFailed):
        await resolver.resolve(factory_a.did)


async def test_a_forgotten_document_is_fetched_anew(resolver, web, factory_a):
    await resolver.resolve(factory_a.did)
    resolver.forget(factory_a.did)
    await resolver.resolve(factory_a.did)
    assert len(web.calls) == 2


async def test_the_cache_is_bounded_and_drops_the_least_used(web, clock):
    resolver = DidResolver(web, clock, max_entries=2)
    for name in "abc":
        did = f"did:web:{name}.example"
        web.pages[f"https://{name}.example/.well-known/did.json"] = json.dumps({"id": did}).encode()
    for name, calls in (("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)):
        await resolver.resolve(f"did:web:{name}.example")
        assert len(web.calls) == calls, name


async def test_plain_http_for_listed_hosts(web, clock):
    url, did = "http://localhost:8081/holder/did.json", "did:web:localhost%3A8081:holder"
    web.pages[url] = json.dumps({"id": did}).encode()
    resolver = DidResolver(web, clock, http_hosts=frozenset({"localhost:8081"}))
    assert (await resolver.resolve(did)).id == did
    assert web.calls[0][1] == url


async def test_closing_ends_what_is_under_way(web, clock, factory_a):
    web.gate = asyncio.Event()
    resolver = DidResolver(web, clock)
    waiting = asyncio.create_task(resolver.resolve(factory_a.did))
    await web.called.wait()
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
