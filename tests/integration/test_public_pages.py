"""The pages for people: both languages, terms and commands in words, and no text that becomes markup."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from connector import resources
from connector.app import Connector
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.model.names import EDC
from connector.service.publishing import Wish
from connector.settings import build
from connector.store.tables import Tx
from tests.integration.partner import Partner, Reply, partner
from tests.integration.two_factories import Factory, at_most, factories, offer, prepare
from tests.ports import free_ports

HOSTILE = """'"></bdi></title></script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}\u202e"""
CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Page(HTMLParser):
    """Which elements, attributes and texts a page has."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.elements[-1][0] if self.elements else "", data))

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(text for tag, text in self.texts if tag not in ("script", "style")).split())

    @property
    def card(self) -> Any:
        (found,) = [text for tag, text in self.texts if tag == "script" and text.strip()]
        return json.loads(found)


@pytest.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Factory]:
    more = {"participant": {"name": "공장 가", "name_en": "Factory A"}}
    async with factories(tmp_path, ["factory-a"], more=more) as (one,):
        yield one


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Partner]:
    async with partner(tmp_path) as one:
        yield one


async def look(reader: Partner, factory: Factory, path: str, language: str = "ko") -> tuple[Reply, Page]:
    headers = {"Accept": "text/html", "Accept-Language": language}
    reply = await reader.call("GET", f"{factory.url}{path}", authorization="", headers=headers)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    return reply, Page(reply.text)


async def publish(factory: Factory, folder: Path, **more: Any) -> str:
    generator = resources.generator()
    path = folder / "shots.csv"
    generator.write(path, rows=30, seed=1)
    wish = Wish(
        path,
        templates=("purpose", "count-limit"),
        params={"purposes": "quality-assurance", "count": "5"},
        id="shots",
        description=generator.DESCRIPTION,
    )
    return (await factory.node.publishing.publish(replace(wish, **more))).id


async def test_a_dataset_explains_itself_in_both_languages(
    factory: Factory, reader: Partner, tmp_path: Path
) -> None:
    dataset = await publish(factory, tmp_path)
    _, ko = await look(reader, factory, "/datasets/shots")
    _, en = await look(reader, factory, "/datasets/shots", "en")
    assert (ko.of("html")[0]["lang"], en.of("html")[0]["lang"]) == ("ko", "en")
    for word in ("이용 조건", "5번째", "품질 보증", "사출성형", "섭씨도 (Cel)", "이 커넥터가 막습니다"):
        assert word in ko.text, word
    for word in (
        "Terms of use",
        "quality assurance",
        "injection moulding",
        "degree Celsius (Cel)",
        "enforced by this connector",
        "cycle",
    ):
        assert word in en.text, word
    columns = len(resources.generator().DESCRIPTION.get("columns", [])) or 44
    assert len(ko.of("tr")) == len(en.of("tr")) == columns + 1
    for page in (ko, en):
        assert f"madang request {factory.did} {dataset}" in page.text
        assert f"curl -H 'accept: text/turtle' {dataset}" in page.text


async def test_the_same_address_offers_the_other_language_and_links_keep_it(
    factory: Factory, reader: Partner
) -> None:
    await offer(factory, "shots")
    for path in ("/", "/catalog", "/datasets/shots"):
        _, page = await look(reader, factory, path)
        (other,) = [a for a in page.of("a") if a.get("hreflang") == "en"]
        _, turned = await look(reader, factory, other["href"])
        assert turned.of("html")[0]["lang"] == "en"
        inner = [a["href"] for a in turned.of("a") if "hreflang" not in a and "type" not in a]
        assert inner
        assert all(href.endswith("?lang=en") for href in inner)


async def test_the_way_from_the_first_page_to_a_dataset_is_there(factory: Factory, reader: Partner) -> None:
    await offer(factory, "shots", at_most(3))
    _, home = await look(reader, factory, "/")
    assert "공장 가" in home.text
    assert factory.did in home.text
    hrefs = {a["href"] for a in home.of("a")}
    assert {"/catalog", "/datasets/shots"} <= hrefs
    _, catalog = await look(reader, factory, "/catalog", "en")
    assert "Data catalog of Factory A" in catalog.text
    assert "/datasets/shots" in {a["href"] for a in catalog.of("a")}
    for a in home.of("a") + catalog.of("a"):
        got = await reader.call("GET", f"{factory.url}{a['href']}", authorization="")
        assert got.status == 200, a


async def test_nothing_can_run_and_the_style_sheet_is_ours(factory: Factory, reader: Partner) -> None:
    await offer(factory, "shots")
    for path in ("/", "/catalog", "/datasets/shots", "/datasets/unknown"):
        reply, page = await look(reader, factory, path)
        assert reply.headers["Content-Security-Policy"] == CSP
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert all(s == {"type": "application/ld+json"} for s in page.of("script"))
        assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object", "form", "style", "base"}
        assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on") or a == "style"]
        (sheet,) = [a["href"] for a in page.of("link") if a["rel"] == "stylesheet"]
        style = await reader.call("GET", f"{factory.url}{sheet}", authorization="")
        assert style.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "prefers-color-scheme: dark" in style.text
        assert not re.search(r"url\(|@import|https?:", style.text)
        assert [m for m in page.of("meta") if m.get("name") == "viewport"]


async def test_markup_in_what_the_owner_wrote_stays_text(factory: Factory, reader: Partner) -> None:
    dataset = await offer(factory, "shots")
    node = factory.node

    def spoil(tx: Tx) -> None:
        asset = tx.assets.current(dataset)
        assert asset is not None
        description = {
            "title": {"ko": HOSTILE, "en": HOSTILE},
            "description": {"ko": HOSTILE},
            "process": HOSTILE,
            "equipment": HOSTILE,
            "generator": HOSTILE,
            "keywords": {"ko": [HOSTILE]},
            "encoding": HOSTILE,
            "columns": [{"name": HOSTILE, "label": {"ko": HOSTILE}, "unit": HOSTILE}],
        }
        tx.assets.replace(replace(asset, description=description, properties={EDC + "name": HOSTILE}))

    await node.store.transact(spoil)
    for language in ("ko", "en"):
        for path in ("/", "/catalog", "/datasets/shots"):
            reply, page = await look(reader, factory, path, language)
            assert reply.status == 200
            assert "img" not in {tag for tag, _ in page.elements}
            assert all(s == {"type": "application/ld+json"} for s in page.of("script"))
            assert "alert(1)" in page.text
            assert "{{ 7*7 }}" in page.text
            assert path == "/" or _says(page.card)


def _says(card: Any) -> bool:
    """Whether a card holds the hostile text as a value."""
    if isinstance(card, dict):
        return any(_says(v) for v in card.values())
    return any(_says(v) for v in card) if isinstance(card, list) else card == HOSTILE


async def test_commands_stay_one_word_in_a_shell_whatever_an_id_holds(
    factory: Factory, reader: Partner
) -> None:
    name = 'a\'; touch $(id) `id` "x" \\ 공장'
    dataset = await offer(factory, "plain")
    node = factory.node

    def rename(tx: Tx) -> None:
        asset = tx.assets.current(dataset)
        assert asset is not None
        tx.assets.add(replace(asset, id=name, version=1))
        definition = tx.definitions.get("plain-offer")
        assert definition is not None
        selector = [{"operandLeft": "id", "operator": "=", "operandRight": name}]
        tx.definitions.add(replace(definition, id="odd", selector=selector))
        node.catalogs.refresh(tx, [name])

    await node.store.transact(rename)
    iri = node.describing.dataset_iri(name)
    _, page = await look(reader, factory, iri.removeprefix(factory.url), "en")
    commands = [text for tag, text in page.texts if tag == "code" and text.startswith(("madang", "curl"))]
    assert shlex.split(commands[0]) == ["madang", "request", factory.did, name]
    sent = shlex.split(commands[1])
    assert json.loads(sent[sent.index("-d") + 1]) == {"target": factory.did, "dataset": name}
    assert shlex.split(commands[2])[-1] == iri


async def test_a_crawler_finds_schema_orgs_words(factory: Factory, reader: Partner, tmp_path: Path) -> None:
    dataset = await publish(factory, tmp_path)
    _, page = await look(reader, factory, "/datasets/shots", "en")
    card = page.card
    assert (card["@context"], card["@type"], card["@id"], card["url"]) == (
        "https://schema.org/", "Dataset", dataset, dataset,
    )  # fmt: skip
    assert all(len(text["@value"]) >= 50 for text in card["description"])
    assert {v["name"] for v in card["variableMeasured"]} >= {"사이클시간"} or len(
        card["variableMeasured"]
    ) > 20
    assert {text["@language"] for text in card["conditionsOfAccess"]} == {"ko", "en"}
    _, home = await look(reader, factory, "/")
    assert (home.card["@type"], home.card["@id"]) == ("Organization", factory.did)
    _, catalog = await look(reader, factory, "/catalog")
    assert [d["@id"] for d in catalog.card["dataset"]] == [dataset]
    alternates = {link["type"] for link in page.of("link") if link["rel"] == "alternate" and "type" in link}
    assert alternates == {
        "text/turtle",
        "application/ld+json",
        "application/n-triples",
        "application/rdf+xml",
    }


@pytest.mark.parametrize(("path", "status"), [("/datasets/unknown", 404), ("/catalog?after=x", 400)])
async def test_what_is_not_there_is_a_page_too(
    factory: Factory, reader: Partner, path: str, status: int
) -> None:
    reply, page = await look(reader, factory, path, "en")
    assert reply.status == status
    assert {404: "There is nothing here", 400: "The address cannot be understood"}[status] in page.text
    plain = await reader.call("GET", f"{factory.url}{path}", authorization="")
    assert plain.status == status
    assert plain.body["code"] in ("not-found", "bad-input")


async def test_everything_works_below_a_path(tmp_path: Path, reader: Partner) -> None:
    (port,) = free_ports(1)
    raw = prepare(tmp_path / "first", port, [], {})
    url = f"http://127.0.0.1:{port}/plant/one"
    raw["server"]["public_url"] = url
    KeyRing.create(tmp_path / "below" / "keys", did_from_url(url), now=datetime.now(UTC))
    (tmp_path / "below" / "management.key").write_text("test-key\n")
    one = Factory("below", tmp_path / "below", raw, Connector(build(tmp_path / "below", raw, {})))
    await one.connector.start()
    try:
        dataset = await offer(one, "shots")
        assert dataset == f"{url}/datasets/shots"
        _, home = await look(reader, one, "/")
        links = [a["href"] for tag in ("a", "link") for a in home.of(tag)]
        assert len(links) > 8
        for href in links:
            assert href.startswith("/plant/one/")
            got = await reader.call("GET", f"http://127.0.0.1:{port}{href}", authorization="")
            assert got.status == 200, href
        for ending in ("", ".ttl", ".nt", ".rdf", ".jsonld"):
            for place in ("/catalog", "/datasets/shots"):
                assert (await reader.call("GET", f"{url}{place}{ending}", authorization="")).status == 200
    finally:
        await one.connector.stop()


def test_the_main_process_starts_without_a_template_engine() -> None:
    program = "import sys, connector.app; print(sorted({'jinja2', 'rdflib', 'pyshacl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
