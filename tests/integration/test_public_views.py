"""The open side to every kind of reader: all forms say the same, and each caller sees what it may [D4]."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rdflib
from rdflib.compare import isomorphic, to_isomorphic
from rdflib.namespace import DCAT, DCTERMS, ODRL2, PROV

from connector.errors import DescriptionInvalid
from connector.store.tables import Tx
from connector.web.public import Public
from tests.integration.partner import CONTEXT, Partner, Reply, partner
from tests.integration.two_factories import Factory, at_most, factories, for_purpose, offer
from tests.ports import free_ports
from tests.unit.semantic.samples import read_jsonld

VERSION = rdflib.URIRef("http://www.w3.org/ns/dcat#version")
PREVIOUS = rdflib.URIRef("http://www.w3.org/ns/dcat#previousVersion")
FORMS = {
    ".ttl": ("text/turtle", "turtle"),
    ".jsonld": ("application/ld+json", "json-ld"),
    ".nt": ("application/n-triples", "nt"),
    ".rdf": ("application/rdf+xml", "xml"),
}


@dataclass
class Window:
    """A provider, a partner that it shows more, and somebody else who can prove who it is."""

    factory: Factory
    anna: Partner
    bert: Partner

    async def get(self, path: str, accept: str = "", who: Partner | None = None, **headers: str) -> Reply:
        """GET as somebody, or as anybody."""
        reader = who or self.anna
        sent = {"Accept": accept, **headers} if accept else headers
        url = path if path.startswith("http") else f"{self.factory.url}{path}"
        header = reader.authorization(self.factory.did) if who else ""
        return await reader.call("GET", url, authorization=header, headers=sent)

    async def graph(self, path: str, form: str = "turtle", who: Partner | None = None) -> rdflib.Graph:
        """What rdflib reads there."""
        return graph((await self.get(path, who=who)).text, form)


def graph(text: str, form: str) -> rdflib.Graph:
    if form == "json-ld":
        return read_jsonld(json.loads(text))
    return rdflib.Graph().parse(data=text, format=form)


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    ports = free_ports(2)
    hosts = [f"127.0.0.1:{p}" for p in ports]
    async with (
        factories(tmp_path, ["factory-a"], hosts=hosts, more={"limits": {"catalog_page": 3}}) as (factory,),
        partner(tmp_path, ports[0]) as anna,
        partner(tmp_path, ports[1]) as bert,
    ):
        yield Window(factory, anna, bert)


# --- forms ----------------------------------------------------------------------------------------


async def test_every_form_is_the_same_graph_under_its_own_address_and_by_negotiation(window: Window) -> None:
    await offer(window.factory, "shots", for_purpose("energy"))
    await offer(window.factory, "second", at_most(4))
    for place in ("/participant", "/catalog", "/datasets/shots"):
        wanted = await window.graph(f"{place}.ttl")
        assert len(wanted) > 5
        for ending, (media_type, name) in FORMS.items():
            named = await window.get(place + ending)
            negotiated = await window.get(place, media_type)
            for got in (named, negotiated):
                assert got.status == 200
                assert got.headers["Content-Type"] == f"{media_type}; charset=utf-8"
                assert got.headers["X-Content-Type-Options"] == "nosniff"
                assert isomorphic(graph(got.text, name), wanted), (place, ending)


async def test_a_client_without_a_wish_still_gets_turtle_and_a_browser_a_page(window: Window) -> None:
    await offer(window.factory, "shots")
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for place in ("/", "/catalog", "/datasets/shots"):
        for accept in ("", "*/*"):
            assert (await window.get(place, accept)).headers["Content-Type"].startswith("text/turtle")
        got = await window.get(place, browser)
        assert got.headers["Content-Type"] == "text/html; charset=utf-8"
        assert got.headers["Vary"] == "Accept, Accept-Language, Authorization"
        nothing = await window.get(place, "image/png")
        assert (nothing.status, nothing.body["code"]) == (406, "not-acceptable")


async def test_each_answer_names_its_other_forms_and_they_are_there(window: Window) -> None:
    dataset = await offer(window.factory, "shots")
    got = await window.get("/datasets/shots")
    links = dict(_links(got))
    assert links["canonical", ""] == dataset
    for media_type, _ in FORMS.values():
        other = await window.get(links["alternate", media_type])
        assert other.status == 200
        assert other.headers["Content-Type"].startswith(media_type)
    assert (await window.get(links["alternate", "text/html"], "text/html")).status == 200


def _links(reply: Reply) -> list[tuple[tuple[str, str], str]]:
    found = []
    for part in reply.headers.get("Link", "").split(", "):
        address, *rest = part.split("; ")
        said = dict(one.split("=", 1) for one in rest)
        found.append(((said["rel"].strip('"'), said.get("type", "").strip('"')), address.strip("<>")))
    return found


async def test_the_catalog_is_walked_in_pages_and_the_dump_is_all_of_it(window: Window) -> None:
    names = [f"d{i}" for i in range(8)]
    for name in names:
        await offer(window.factory, name, at_most(3))
    union, place, pages = rdflib.Graph(), f"{window.factory.url}/catalog", 0
    here = rdflib.URIRef(place)
    while place:
        got = await window.get(place, "text/turtle")
        part, pages = graph(got.text, "turtle"), pages + 1
        assert len(list(part.objects(here, DCAT.dataset))) <= 3
        following = dict(_links(got)).get(("next", ""), "")
        hydra = rdflib.Namespace("http://www.w3.org/ns/hydra/core#")
        assert [str(o) for o in part.objects(None, hydra.next)] == ([following] if following else [])
        for triple in [
            *part.triples((None, hydra.view, None)),
            *part.triples((None, None, hydra.PartialCollectionView)),
        ]:
            part.remove(triple)
        for prop in (hydra.next, hydra.previous):
            part.remove((None, prop, None))
        union += to_isomorphic(part)
        place = following
    assert pages == 3
    dumped = await window.get("/catalog.nt")
    assert dumped.headers["Content-Type"] == "application/n-triples; charset=utf-8"
    assert isomorphic(graph(dumped.text, "nt"), union)
    assert len(set(union.objects(here, DCAT.dataset))) == 8
    second = await window.get("/catalog?after=3")
    links = dict(_links(second))
    assert links["canonical", ""].endswith("/catalog?after=3")
    for ending, (media_type, name) in FORMS.items():
        if ending != ".nt":
            other = await window.get(links["alternate", media_type])
            assert isomorphic(graph(other.text, name), graph(second.text, "turtle"))
    html = await window.get("/catalog?after=3&lang=en", "text/html")
    assert "d3" in html.text
    assert "?before=4&amp;lang=en" in html.text
    assert (await window.get("/catalog?after=x")).body["code"] == "bad-input"


async def test_an_ending_is_part_of_the_name_where_a_dataset_is_called_so(window: Window) -> None:
    await offer(window.factory, "log")
    await offer(window.factory, "log.ttl")
    for path, wanted in (
        ("/datasets/log.ttl", "log.ttl"),
        ("/datasets/log.rdf", "log"),
        ("/datasets/log.ttl.nt", "log.ttl"),
    ):
        got = await window.get(path)
        assert dict(_links(got))["canonical", ""] == f"{window.factory.url}/datasets/{wanted}"


async def test_a_dump_that_fails_under_way_does_not_look_whole(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        await offer(window.factory, name)
    node = window.factory.node
    whole, describe = node.describing.dataset, node.describing.dataset

    def fails(asset: Any, *more: Any) -> Any:
        if asset.id.endswith("two"):
            raise RuntimeError("disk")
        return describe(asset, *more)

    monkeypatch.setattr(type(node.describing), "dataset", lambda _, *a: fails(*a))
    with pytest.raises(Exception, match=r"(?i)payload|disconnect|reset"):
        await window.get("/catalog.nt")
    monkeypatch.setattr(type(node.describing), "dataset", lambda _, *a: whole(*a))
    assert (await window.get("/catalog.nt")).status == 200


# --- who sees what --------------------------------------------------------------------------------


async def test_partner_stranger_and_anybody_see_in_rdf_and_html_what_the_protocol_shows(
    window: Window,
) -> None:
    factory, anna, bert = window.factory, window.anna, window.bert
    await offer(factory, "for-all")
    await offer(factory, "for-anna", at_most(2), visible_to=[anna.did])
    await offer(factory, "for-bert", visible_to=[bert.did, "did:web:other.example"])
    await offer(factory, "for-nobody", visible_to=["did:web:other.example"])
    ids = [f"{factory.url}/datasets/for-{name}" for name in ("all", "anna", "bert", "nobody")]
    expected = {"anna": {ids[0], ids[1]}, "bert": {ids[0], ids[2]}, "": {ids[0]}}
    for name, who in (("anna", anna), ("bert", bert), ("", None)):
        if who is not None:
            body = {"@context": CONTEXT, "@type": "CatalogRequestMessage"}
            asked = await who.call("POST", f"{factory.base}/catalog/request", body, audience=factory.did)
            protocol = {d["@id"]: {o["@id"] for o in d["hasPolicy"]} for d in asked.body["dataset"]}
            assert set(protocol) == expected[name]
        for path, form in (("/catalog", "turtle"), ("/catalog.rdf", "xml"), ("/catalog.nt", "nt")):
            found = await window.graph(path, form, who)
            shown = {
                str(d): {str(o) for o in found.objects(d, ODRL2.hasPolicy)}
                for d in found.objects(None, DCAT.dataset)
            }
            assert set(shown) == expected[name], (name, path)
            if who is not None:
                assert shown == protocol
        html = (await window.get("/catalog", "text/html", who)).text
        assert {i for i in ids if f'"{i}"' in html} == expected[name]
        for dataset in ids:
            got = await window.get(dataset, "text/turtle", who)
            unknown = await window.get(f"{factory.url}/datasets/unknown", "text/turtle", who)
            assert got.status == (200 if dataset in expected[name] else 404)
            if got.status == 404:
                assert (got.status, got.body) == (unknown.status, unknown.body)


async def test_what_is_for_one_caller_is_kept_by_nobody_and_stands_in_the_ledger(window: Window) -> None:
    await offer(window.factory, "for-anna", visible_to=[window.anna.did])
    got = await window.get("/catalog", "text/html", window.anna)
    assert window.anna.did in got.text
    assert got.headers["Cache-Control"] == "private, no-store"
    assert (await window.get("/catalog")).headers["Cache-Control"] == "no-cache"
    await window.get("/catalog.nt", who=window.anna)
    leaves = await window.factory.node.store.read(
        lambda tx: [json.loads(b) for b in tx.ledger_bodies(0, tx.ledger_size())]
    )
    told = [leaf for leaf in leaves if leaf.get("kind") == "catalog"]
    assert [leaf["actor"] for leaf in told] == [window.anna.did] * 2
    assert told[0]["data"]["datasets"] == 1


@pytest.mark.parametrize("path", ["/", "/catalog", "/catalog.nt", "/datasets/shots", "/datasets/unknown"])
async def test_a_token_that_proves_nothing_is_refused_and_not_taken_for_anybody(
    window: Window, path: str
) -> None:
    await offer(window.factory, "shots")
    used = window.anna.authorization(window.factory.did)
    once = await window.anna.call("GET", f"{window.factory.url}/catalog", authorization=used)
    assert once.status == 200
    other = window.anna.authorization("did:web:other.example")
    for header in (used, other, "Bearer x", "Bearer e30.e30.", "Basic YTpi", "x"):
        got = await window.anna.call("GET", f"{window.factory.url}{path}", authorization=header)
        assert (got.status, got.body["code"]) == (401, "unauthenticated"), header
        assert got.headers["WWW-Authenticate"] == "Bearer"


async def test_an_offer_that_ends_soon_is_signed_anew_before_it_is_shown(window: Window) -> None:
    dataset = await offer(window.factory, "one")
    node = window.factory.node

    def age(tx: Tx) -> str:
        (one,) = tx.catalog.current_of_asset(dataset)
        tx.catalog.add(replace(one, token_expires_at=node.clock.now() + timedelta(hours=1)))
        return one.token

    old = await node.store.transact(age)
    shown = (await window.get("/datasets/one")).text
    assert old not in shown
    (kept,) = await node.store.read(lambda tx: tx.catalog.current_of_asset(dataset))
    assert kept.token in shown


# --- versions, and what is over -------------------------------------------------------------------


async def test_an_older_version_is_gone_and_names_the_one_that_stands(window: Window) -> None:
    dataset = await offer(window.factory, "shots", content=b"a;1\n")
    first = rdflib.URIRef(f"{dataset}?version=1")
    alone = await window.graph("/datasets/shots")
    assert alone.value(rdflib.URIRef(dataset), PREVIOUS) is None
    assert (await window.get("/datasets/shots?version=1")).status == 200
    before = window.factory.node.clock.now()
    await offer(window.factory, "shots", content=b"a;2\n")
    now = await window.graph("/datasets/shots")
    assert now.value(rdflib.URIRef(dataset), VERSION) == rdflib.Literal("2")
    assert now.value(rdflib.URIRef(dataset), PREVIOUS) == first
    for form, (media_type, name) in FORMS.items():
        got = await window.get(str(first), media_type)
        assert got.status == 410, form
        left = graph(got.text, name)
        assert left.value(first, DCTERMS.isReplacedBy) == rdflib.URIRef(dataset)
        assert left.value(first, VERSION) == rdflib.Literal("1")
        ended = left.value(first, PROV.invalidatedAtTime).toPython()  # type: ignore[union-attr]
        assert before - timedelta(seconds=1) <= ended <= window.factory.node.clock.now()
        assert not list(left.objects(None, ODRL2.hasPolicy))
    html = await window.get(str(first), "text/html", **{"Accept-Language": "en"})
    assert html.status == 410
    assert "This is an older version" in html.text
    assert 'href="/datasets/shots"' in html.text
    assert (await window.get("/datasets/shots?version=2")).status == 200
    for wrong, status in (("3", 404), ("0", 200), ("x", 400)):
        assert (await window.get(f"/datasets/shots?version={wrong}")).status == status


async def test_an_unpublished_dataset_leaves_a_tombstone_until_it_stands_again(window: Window) -> None:
    dataset = await offer(window.factory, "shots", content=b"a;1\n")
    await offer(window.factory, "shots", content=b"a;2\n")
    node, iri = window.factory.node, rdflib.URIRef(dataset)
    await node.publishing.unpublish("shots")
    got = await window.get("/datasets/shots.ttl")
    assert got.status == 410
    left = graph(got.text, "turtle")
    assert left.value(iri, DCTERMS.isReplacedBy) is None
    assert left.value(iri, PROV.invalidatedAtTime) is not None
    assert left.value(iri, VERSION) == rdflib.Literal("2")
    older = await window.get("/datasets/shots?version=1", "text/turtle")
    assert older.status == 410
    assert set(graph(older.text, "turtle").subjects()) == {rdflib.URIRef(f"{dataset}?version=1")}
    assert "더는 제공하지 않는 데이터입니다" in (await window.get("/datasets/shots", "text/html")).text
    assert not list((await window.graph("/catalog")).objects(None, DCAT.dataset))
    await node.publishing.republish("shots")
    again = await window.get("/datasets/shots")
    assert again.status == 200
    assert (await window.get("/datasets/shots?version=1")).status == 410
    assert (await window.get("/datasets/shots?version=2")).status == 200


async def test_only_who_could_see_it_learns_that_it_is_over(window: Window) -> None:
    await offer(window.factory, "shots", content=b"a;1\n")
    await offer(window.factory, "shots", content=b"a;2\n", visible_to=[window.anna.did])
    unknown = await window.get("/datasets/unknown")
    # Open to all once, and now to one: for the others it exists nowhere, its past included.
    for path in ("/datasets/shots", "/datasets/shots?version=1"):
        hidden = await window.get(path, who=window.bert)
        assert (hidden.status, hidden.body) == (404, unknown.body)
    assert (await window.get("/datasets/shots?version=1", who=window.anna)).status == 410
    await window.factory.node.publishing.unpublish("shots")
    for who, status in ((window.anna, 410), (window.bert, 404), (None, 404)):
        for path in ("/datasets/shots", "/datasets/shots?version=1", "/datasets/shots?version=2"):
            assert (await window.get(path, who=who)).status == status


async def test_a_dataset_whose_terms_go_away_is_over_too(window: Window) -> None:
    await offer(window.factory, "shots")
    await window.factory.node.definitions.delete_definition("shots-offer")
    assert (await window.get("/datasets/shots")).status == 410
    await window.factory.restart()
    assert (await window.get("/datasets/shots")).status == 410


async def test_new_terms_over_the_same_version_leave_no_tombstone(window: Window) -> None:
    dataset = await offer(window.factory, "shots")
    policy = {"permission": [{"action": "use"}], "prohibition": [{"action": "distribute"}]}
    await window.factory.node.definitions.put_policy("shots-terms", policy, {}, is_new=False)
    found = await window.graph("/datasets/shots")
    assert found.value(rdflib.URIRef(dataset), PREVIOUS) is None
    assert len(list(found.objects(rdflib.URIRef(dataset), ODRL2.hasPolicy))) == 1


async def test_a_reader_that_does_not_read_takes_no_more_than_its_share_of_dumps(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    await offer(window.factory, "one")
    goes, waiting = asyncio.Event(), asyncio.Semaphore(0)
    whole = Public._stream

    async def stuck(self: Public, answer: Any, caller: str) -> None:
        waiting.release()
        await goes.wait()
        await whole(self, answer, caller)

    monkeypatch.setattr(Public, "_stream", stuck)
    under_way = [asyncio.create_task(window.get("/catalog.nt")) for _ in range(2)]
    for _ in under_way:
        await waiting.acquire()
    third = await window.get("/catalog.nt")
    assert (third.status, third.body["code"], third.headers["Retry-After"]) == (429, "too-many", "10")
    goes.set()
    assert {reply.status for reply in await asyncio.gather(*under_way)} == {200}
    assert (await window.get("/catalog.nt")).status == 200


async def test_head_says_what_get_would(window: Window) -> None:
    await offer(window.factory, "one")
    for path in ("/", "/catalog", "/catalog.nt", "/datasets/one", "/datasets/one.rdf"):
        url = f"{window.factory.url}{path}"
        head = await window.anna.call("HEAD", url, authorization="")
        got = await window.anna.call("GET", url, authorization="")
        assert (head.status, head.text) == (200, "")
        for name in ("Content-Type", "Link", "Vary"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_an_answer_that_was_kept_is_never_older_than_the_catalog(window: Window) -> None:
    node = window.factory.node
    for round_ in range(3):
        dataset = await offer(window.factory, "shots", content=f"a;{round_}\n".encode())
        for _ in range(2):
            found = await window.graph("/datasets/shots.ttl")
            assert found.value(rdflib.URIRef(dataset), VERSION) == rdflib.Literal(str(round_ + 1))
            assert len(list((await window.graph("/catalog")).objects(None, DCAT.dataset))) == 1
    await node.publishing.unpublish("shots")
    assert (await window.get("/datasets/shots.ttl")).status == 410
    assert not list((await window.graph("/catalog")).objects(None, DCAT.dataset))
    await node.publishing.republish("shots")
    assert (await window.get("/datasets/shots.ttl")).status == 200


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"permission": [{"action": "do it"}]}, "permission/action"),
        (
            {"permission": [{"action": "use", "constraint": [
                {"leftOperand": "has space", "operator": "eq", "rightOperand": "x"}]}]},
            "permission/constraint/leftOperand",
        ),
    ],
)  # fmt: skip
async def test_terms_that_rdf_cannot_say_never_keep_anybody_from_the_catalog(
    window: Window, rules: dict[str, Any], pointer: str
) -> None:
    await offer(window.factory, "shots")
    with pytest.raises(DescriptionInvalid) as refusal:
        await window.factory.node.definitions.put_policy("shots-terms", rules, {}, is_new=False)
    assert refusal.value.pointer.strip("/") == pointer
    assert (await window.get("/catalog")).status == 200


async def test_a_reader_that_has_it_already_is_told_so_until_it_changes(window: Window) -> None:
    await offer(window.factory, "shots", content=b"a;1\n")
    tags = set()
    for path in ("/catalog.ttl", "/catalog.rdf", "/datasets/shots"):
        first = await window.get(path)
        tags.add(first.headers["ETag"])
        again = await window.get(path, **{"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.text) == (304, "")
        for name in ("ETag", "Vary", "Cache-Control"):
            assert again.headers[name] == first.headers[name]
        assert (await window.get(path, **{"If-None-Match": '"another"'})).status == 200
    assert len(tags) == 3
    await offer(window.factory, "shots", content=b"a;2\n")
    changed = await window.get("/datasets/shots", **{"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
    gone = await window.get("/datasets/shots?version=1")
    assert "ETag" not in gone.headers


async def test_what_is_read_before_a_commit_is_not_kept_for_after_it(window: Window) -> None:
    dataset = await offer(window.factory, "shots")
    node = window.factory.node
    during = await node.store.transact(
        lambda tx: (node.catalogs.refresh(tx, [dataset]), node.catalogs.generation)[1]
    )
    assert node.catalogs.generation > during, "a reader on the other connection still sees the old rows"
