"""Catalogs of another make: what a schema allows is read, and what is no catalog is the partner's fault."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from connector.errors import ConnectorError, PeerFailed
from connector.service.consuming import Consuming
from connector.service.foreign import next_page
from connector.service.negotiation import Counterparty
from tests.integration.partner import CONTEXT
from tests.integration.two_factories import factories
from tests.ports import free_ports

URL = "https://partner.example/some/base/catalog/request"
OFFER: dict[str, Any] = {"@id": "o1", "@type": "Offer", "permission": [{"action": "use"}]}
DATASET: dict[str, Any] = {
    "@id": "https://partner.example/data/shots",
    "@type": "Dataset",
    "hasPolicy": [OFFER],
}


def catalog(**members: Any) -> dict[str, Any]:
    """A catalog with these members."""
    return {"@context": CONTEXT, "@type": "Catalog", "@id": "c", "participantId": "them", **members}


@dataclass
class Foreign:
    """A provider that answers whatever the test says, and our consumer's side."""

    consuming: Consuming
    them: Counterparty
    answer: Callable[[web.Request], web.Response]


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[Foreign]:
    port = free_ports(1)[0]

    async def handle(request: web.Request) -> web.Response:
        return shown.answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{port}"]) as (factory,):
            them = Counterparty(
                f"did:web:127.0.0.1%3A{port}", f"http://127.0.0.1:{port}/some/base/", factory.did
            )
            shown = Foreign(factory.node.consuming, them, lambda _: web.Response())
            yield shown
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body",
    [
        catalog(dataset=DATASET),
        catalog(dataset=[{**DATASET, "hasPolicy": OFFER}]),
        catalog(dataset=[{**DATASET, "hasPolicy": {**OFFER, "permission": OFFER["permission"][0]}}]),
        catalog(dataset=[], catalog=[{"@type": "Catalog", "@id": "inner", "dataset": [DATASET]}]),
        catalog(catalog={"@type": "Catalog", "@id": "inner", "dataset": DATASET}),
        catalog(dataset=[{**DATASET, "hasPolicy": ["o0", {"@type": "Offer"}, OFFER]}]),
        {**catalog(dataset=DATASET), "@context": CONTEXT[0]},
    ],
    ids=range(7),
)
async def test_a_dataset_is_found_and_asked_for(foreign: Foreign, body: dict[str, Any]) -> None:
    foreign.answer = lambda _: web.json_response(body)
    begun = await foreign.consuming.request(foreign.them, "shots")
    assert (begun.dataset_id, begun.offer["@id"]) == ("https://partner.example/data/shots", "o1")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(),
        lambda _: web.Response(text="<html>", content_type="text/html"),
        lambda _: web.Response(status=500, text="<h1>down</h1>"),
        lambda _: web.Response(status=302, headers={"Location": "http://127.0.0.1/"}),
        lambda _: web.json_response([]),
        lambda _: web.json_response("a catalog"),
        lambda _: web.Response(body=b"[" * 5000, content_type="application/json"),
        lambda _: web.json_response({"hasPolicy": "o1"}),
        lambda _: web.json_response({"hasPolicy": [{"permission": []}]}),
        lambda _: web.json_response({"hasPolicy": [{"@id": 7}]}),
    ],
    ids=range(10),
)
async def test_what_is_none_is_the_partners_fault(
    foreign: Foreign, answer: Callable[[web.Request], web.Response]
) -> None:
    foreign.answer = answer
    with pytest.raises(PeerFailed):
        await foreign.consuming.request(foreign.them, "https://partner.example/data/shots")


async def test_terms_that_nobody_could_sign_are_not_asked_for(foreign: Foreign) -> None:
    constraint = {"leftOperand": "count", "operator": "lteq", "rightOperand": 1.5}
    terms = {**OFFER, "permission": [{"action": "use", "constraint": [constraint]}]}
    foreign.answer = lambda _: web.json_response(catalog(dataset=[{**DATASET, "hasPolicy": [terms]}]))
    with pytest.raises(ConnectorError) as caught:
        await foreign.consuming.request(foreign.them, "shots")
    assert caught.value.status == 400
    assert "1.5" in caught.value.message


async def test_pages_are_followed_by_whatever_link_is_valid(foreign: Foreign) -> None:
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        if "page" in request.query:
            return web.json_response(catalog(dataset=[DATASET]))
        found = web.json_response(catalog(dataset=[]))
        found.headers.add("Link", "</some/base/catalog/request>; rel=previous")
        found.headers.add("Link", '<?page=2,3>; title="a, b; rel=next"; rel=next')
        return found

    foreign.answer = answer
    assert (await foreign.consuming.dataset(foreign.them, "shots"))["@id"] == DATASET["@id"]
    assert asked == ["/some/base/catalog/request", "/some/base/catalog/request?page=2,3"]


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([f'<{URL}?p=2>; rel="next"'], f"{URL}?p=2"),
        ([f"<{URL}?p=2>;rel=next"], f"{URL}?p=2"),
        ([f"<{URL}?p=2> ; REL=Next"], f"{URL}?p=2"),
        ([f'<{URL}?p=2>; rel="last next"'], f"{URL}?p=2"),
        (['<?p=2>; rel="next"'], f"{URL}?p=2"),
        (['</x?p=2>; rel="next"'], "https://partner.example/x?p=2"),
        ([f'<{URL}?p=1>; rel="previous", <{URL}?p=3,4>; rel="next"'], f"{URL}?p=3,4"),
        ([f'<{URL}?p=1>; rel="previous"', f'<{URL}?p=3>; rel="next"'], f"{URL}?p=3"),
        ([f'<{URL}?p=1>; rel="nextish"'], ""),
        ([f'<{URL}?p=1>; title="rel=next"'], ""),
        (["nonsense", "<<>>", "<x>; rel", ";" * 4000], ""),
        ([], ""),
    ],
    ids=range(12),
)
def test_link_headers(links: list[str], expected: str) -> None:
    assert next_page(CIMultiDict(("Link", link) for link in links), URL) == expected


@pytest.mark.parametrize(
    "link",
    [
        " " * 8000,
        "<x>;a" + " " * 8000,
        "<" * 8000,
        "<x>" + ";a" * 4000,
        "<x>" + "; " * 4000,
        '<x>;a="' + "=" * 8000,
    ],
    ids=range(6),
)
def test_a_link_header_of_spite_is_read_in_no_time(link: str) -> None:
    began = time.process_time()
    assert next_page({"Link": link}, URL) == ""
    assert time.process_time() - began < 0.2
