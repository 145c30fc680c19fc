"""Who sees what [D4], offers that stay and offers that end [D5], filters and pages (DSP 2025-1 §6)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rdflib
from yarl import URL

from connector.model.process import Kind, Role
from connector.store.tables import Tx
from tests.integration.partner import CONTEXT, CONTRACT_TOKEN, Partner, Reply, partner, urn
from tests.integration.talk import ByHand, Talk
from tests.integration.two_factories import Factory, at_most, factories, offer, offered
from tests.ports import free_ports
from tests.unit.protocol.dsp_messages import Standard, needs_reference


@dataclass
class Shop:
    """A provider with three datasets on each page, and two customers of it."""

    factory: Factory
    anna: Partner
    bert: Partner

    async def ask(self, who: Partner, url: str = "", **more: Any) -> Reply:
        """A catalog request."""
        body = {"@context": CONTEXT, "@type": "CatalogRequestMessage", **more}
        place = url or f"{self.factory.base}/catalog/request"
        return await who.call("POST", place, body, audience=self.factory.did)

    async def look(self, who: Partner, dataset: str) -> Reply:
        """GET one dataset."""
        url = f"{self.factory.base}/catalog/datasets/{dataset.replace(':', '%3A').replace('/', '%2F')}"
        return await who.call("GET", URL(url, encoded=True), audience=self.factory.did)  # type: ignore[arg-type]

    async def names(self, who: Partner) -> list[str]:
        """The last part of the id of each dataset on the first page."""
        found = (await self.ask(who)).body.get("dataset", [])
        return sorted(d["@id"].rpartition("/")[2] for d in found)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    ports = free_ports(2)
    hosts = [f"127.0.0.1:{p}" for p in ports]
    more = {"limits": {"catalog_page": 3}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=hosts, more=more) as (factory,),
        partner(tmp_path, ports[0]) as anna,
        partner(tmp_path, ports[1]) as bert,
    ):
        factory.node.automations.put_first(ByHand())
        yield Shop(factory, anna, bert)


async def test_a_dataset_without_a_visible_offer_exists_nowhere(shop: Shop) -> None:
    for_all = await offer(shop.factory, "for-all")
    for_anna = await offer(shop.factory, "for-anna", visible_to=[shop.anna.did])
    assert await shop.names(shop.anna) == ["for-all", "for-anna"]
    assert await shop.names(shop.bert) == ["for-all"]
    assert (await shop.look(shop.anna, for_anna)).status == 200
    hidden = await shop.look(shop.bert, for_anna)
    nothing = await shop.look(shop.bert, for_anna.replace("for-anna", "nowhere1"))
    assert (hidden.status, hidden.body) == (404, nothing.body)
    assert hidden.body["@type"] == "CatalogError"
    assert (await shop.look(shop.bert, for_all)).body["@id"] == for_all

    talk = Talk(
        shop.factory, shop.bert, Kind.NEGOTIATION, Role.CONSUMER, await offered(shop.factory, for_anna)
    )
    asked = await talk.begin()
    talk.offer = {**talk.offer, "@id": urn()}
    unknown = await talk.begin()
    assert (asked.status, asked.body) == (404, unknown.body)


async def test_the_anonymous_catalog_shows_only_what_is_open_to_all(shop: Shop) -> None:
    await offer(shop.factory, "for-all")
    await offer(shop.factory, "for-anna", visible_to=[shop.anna.did])
    url = f"{shop.factory.url}/catalog"
    got = await shop.bert.call("GET", url, authorization="", headers={"Accept": "text/turtle"})
    assert got.status == 200
    assert "for-all" in got.text
    assert "for-anna" not in got.text
    assert len(rdflib.Graph().parse(data=got.text, format="turtle")) > 5
    for name, wanted in (("for-all", 200), ("for-anna", 404), ("nowhere", 404)):
        one = await shop.bert.call("GET", f"{shop.factory.url}/datasets/{name}", authorization="")
        assert one.status == wanted, name


async def test_a_catalog_request_needs_a_token(shop: Shop) -> None:
    body = {"@context": CONTEXT, "@type": "CatalogRequestMessage"}
    reply = await shop.anna.call("POST", f"{shop.factory.base}/catalog/request", body, authorization="")
    assert (reply.status, reply.body["@type"], reply.body["code"]) == (401, "CatalogError", "unauthenticated")
    reply = await shop.anna.call("GET", f"{shop.factory.base}/catalog/datasets/x", authorization="")
    assert (reply.status, reply.body["@type"]) == (401, "CatalogError")


@needs_reference
async def test_catalogs_and_datasets_fit_the_standards_schemas(shop: Shop) -> None:
    standard = Standard()
    empty = (await shop.ask(shop.anna)).body
    standard.check(empty)
    assert "dataset" not in empty
    dataset = await offer(shop.factory, "counted", at_most(5))
    body = (await shop.ask(shop.anna)).body
    standard.check(body)
    assert body["participantId"] == shop.factory.did
    assert body["service"][0]["endpointURL"] == shop.factory.base
    assert "target" not in body["dataset"][0]["hasPolicy"][0]
    one = (await shop.look(shop.anna, dataset)).body
    standard.check(one)
    assert one["@context"] == CONTEXT
    standard.check((await shop.look(shop.anna, "nowhere")).body)


async def test_an_offers_id_stays_while_version_and_terms_do(shop: Shop) -> None:
    dataset = await offer(shop.factory, "one")
    first = (await shop.look(shop.anna, dataset)).body["hasPolicy"][0]
    await shop.factory.node.store.transact(lambda tx: shop.factory.node.catalogs.refresh(tx, [dataset]))
    again = (await shop.look(shop.anna, dataset)).body["hasPolicy"][0]
    assert again["@id"] == first["@id"]
    assert again[CONTRACT_TOKEN] != first[CONTRACT_TOKEN], "renewal changes only the token"
    assert {k: v for k, v in again.items() if k != CONTRACT_TOKEN} == {
        k: v for k, v in first.items() if k != CONTRACT_TOKEN
    }
    await shop.factory.restart()
    assert (await shop.look(shop.anna, dataset)).body["hasPolicy"][0]["@id"] == first["@id"]


async def test_an_offers_token_is_renewed_before_it_is_over(shop: Shop) -> None:
    dataset = await offer(shop.factory, "one")
    node = shop.factory.node
    first = (await shop.look(shop.anna, dataset)).body["hasPolicy"][0]
    assert (await shop.look(shop.anna, dataset)).body["hasPolicy"][0] == first, "signed once, kept"
    soon = node.clock.now() + timedelta(hours=24)

    def age(tx: Tx) -> None:
        (one,) = tx.catalog.current_of_asset(dataset)
        tx.catalog.add(replace(one, token_expires_at=soon))

    await node.store.transact(age)
    second = (await shop.look(shop.anna, dataset)).body["hasPolicy"][0]
    assert second["@id"] == first["@id"]
    assert second[CONTRACT_TOKEN] != first[CONTRACT_TOKEN]
    (kept,) = await node.store.read(lambda tx: tx.catalog.current_of_asset(dataset))
    assert kept.token_expires_at > soon + timedelta(hours=24)


async def test_an_outdated_offer_is_told_apart_from_an_unknown_one(shop: Shop) -> None:
    dataset = await offer(shop.factory, "one")
    talk = Talk(
        shop.factory, shop.anna, Kind.NEGOTIATION, Role.CONSUMER, await offered(shop.factory, dataset)
    )
    await offer(shop.factory, "one", at_most(3))
    reply = await talk.begin()
    assert (reply.status, reply.body["code"], reply.body["@type"]) == (
        400,
        "offer-expired",
        "ContractNegotiationError",
    )
    talk.offer = await offered(shop.factory, dataset)
    assert (await talk.begin()).status == 201


async def test_an_offer_of_another_dataset_is_refused(shop: Shop) -> None:
    one, two = await offer(shop.factory, "one"), await offer(shop.factory, "two", at_most(2))
    talk = Talk(shop.factory, shop.anna, Kind.NEGOTIATION, Role.CONSUMER, await offered(shop.factory, one))
    talk.offer = {**talk.offer, "target": two}
    reply = await talk.begin()
    assert (reply.status, reply.body["reason"][0]) == (400, "/offer/@id: is an offer for another dataset")


@pytest.mark.parametrize("filters", ["x", [{"name": "a"}], [{"@type": "QuerySpec", "sortField": "id"}], [1]])
async def test_a_filter_that_is_not_understood_is_refused(shop: Shop, filters: Any) -> None:
    reply = await shop.ask(shop.anna, filter=filters)
    assert (reply.status, reply.body["@type"]) == (400, "CatalogError")
    assert "/filter" in reply.body["reason"][0]


async def test_filters_that_are_understood_narrow_the_page(shop: Shop) -> None:
    ids = [await offer(shop.factory, f"d{i}") for i in range(3)]
    assert (await shop.ask(shop.anna, filter=[])).status == 200
    only = [{"operandLeft": "id", "operator": "=", "operandRight": ids[1]}]
    got = await shop.ask(shop.anna, filter=[{"@type": "QuerySpec", "filterExpression": only}])
    assert [d["@id"] for d in got.body["dataset"]] == [ids[1]]
    got = await shop.ask(shop.anna, filter=[{"@type": "QuerySpec", "limit": 1, "offset": 1}])
    whole = [d["@id"] for d in (await shop.ask(shop.anna)).body["dataset"]]
    assert [d["@id"] for d in got.body["dataset"]] == [whole[1]]


def _links(reply: Reply) -> dict[str, str]:
    found = re.findall(r'<([^>]*)>; rel="([a-z]+)"', reply.headers.get("Link", ""))
    return {rel: url for url, rel in found}


async def test_pages_are_walked_in_both_directions_by_links(shop: Shop) -> None:
    names = [f"d{i}" for i in range(8)]
    for i, name in enumerate(names):
        await offer(shop.factory, name)
        await offer(shop.factory, f"hidden-{i}", visible_to=[shop.bert.did])

    def shown(reply: Reply) -> list[str]:
        return [d["@id"].rpartition("/")[2] for d in reply.body["dataset"]]

    pages: list[Reply] = [await shop.ask(shop.anna)]
    assert set(_links(pages[0])) == {"next"}
    while "next" in _links(pages[-1]):
        pages.append(await shop.ask(shop.anna, _links(pages[-1])["next"]))
    walked = [shown(p) for p in pages]
    assert [len(page) for page in walked] == [3, 3, 2]
    assert sorted(name for page in walked for name in page) == names
    assert set(_links(pages[1])) == {"next", "previous"}
    assert set(_links(pages[2])) == {"previous"}
    back = await shop.ask(shop.anna, _links(pages[2])["previous"])
    assert shown(back) == walked[1]
    assert set(_links(back)) == {"next", "previous"}
    first = await shop.ask(shop.anna, _links(back)["previous"])
    assert shown(first) == walked[0]
    assert set(_links(first)) == {"next"}
    assert shown(await shop.ask(shop.anna, _links(first)["next"])) == walked[1]


async def test_a_cursor_does_not_tell_how_much_is_hidden(shop: Shop) -> None:
    for i in range(4):
        await offer(shop.factory, f"d{i}")
    before = _links(await shop.ask(shop.anna))
    for i in range(20):
        await offer(shop.factory, f"hidden-{i}", visible_to=[shop.bert.did])
    assert _links(await shop.ask(shop.anna)) == before


@pytest.mark.parametrize("cursor", ["after=-1", "after=x", "before=1e9", "after=%D9%A1", f"after={'9' * 30}"])
async def test_a_cursor_that_is_no_number_is_refused(shop: Shop, cursor: str) -> None:
    reply = await shop.ask(shop.anna, f"{shop.factory.base}/catalog/request?{cursor}")
    assert (reply.status, reply.body["@type"]) == (400, "CatalogError")


async def test_the_version_document_is_for_everybody_and_leads_to_the_endpoints(shop: Shop) -> None:
    for root in (shop.factory.url, f"{shop.factory.url}/dsp"):
        got = await shop.bert.call("GET", f"{root}/.well-known/dspace-version", authorization="")
        (entry,) = got.body["protocolVersions"]
        assert (entry["version"], entry["binding"]) == ("2025-1", "HTTPS")
        assert root + entry["path"] == shop.factory.base
