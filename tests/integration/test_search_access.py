"""`GET /search` over HTTP: a caller finds what it may see; parameters, pages, hostile input."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from yarl import URL

from tests.integration.partner import CONTEXT, Partner, Reply, partner
from tests.integration.search_world import fill, seeded
from tests.integration.two_factories import Factory, factories, offer
from tests.ports import free_ports


class Shop:
    """A provider with many datasets, a partner that may see more, and another partner."""

    def __init__(self, factory: Factory, anna: Partner, bert: Partner) -> None:
        self.factory, self.anna, self.bert = factory, anna, bert

    async def search(self, who: Partner | None = None, **parameters: str | list[str]) -> Reply:
        """One request."""
        query = urlencode(parameters, doseq=True)
        url = URL(f"{self.factory.url}/search?{query}", encoded=True)
        if who is None:
            return await self.anna.call("GET", url, authorization="")  # type: ignore[arg-type]
        return await who.call("GET", url, audience=self.factory.did)  # type: ignore[arg-type]

    async def found(self, who: Partner | None = None, **parameters: str | list[str]) -> list[str]:
        """The last part of the ids of all results."""
        names: list[str] = []
        while True:
            reply = await self.search(who, **parameters)
            assert reply.status == 200, reply.text
            names += [one["id"].rpartition("/")[2] for one in reply.body["results"]]
            if reply.body["next"] is None:
                assert len(names) == reply.body["total"]
                return names
            parameters["after"] = reply.body["next"]

    async def manage(self, body: object) -> Reply:
        """POST /manage/search on the private listener."""
        runner = self.factory.connector._runners[1]
        port = runner.addresses[0][1]
        headers = {"x-api-key": "test-key"}
        return await self.anna.call(
            "POST", f"http://127.0.0.1:{port}/manage/search", body, authorization="", headers=headers
        )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    ports = free_ports(2)
    more = {"limits": {"strangers_per_minute": 10_000, "catalog_page": 1_000}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{p}" for p in ports], more=more) as (factory,),
        partner(tmp_path, ports[0]) as anna,
        partner(tmp_path, ports[1]) as bert,
    ):
        yield Shop(factory, anna, bert)


async def test_each_caller_finds_what_its_catalog_shows(shop: Shop) -> None:
    sets = seeded(60, shop.factory.url)
    await fill(shop.factory.node, sets, shop.anna.did)
    by_audience = {
        kind: {s.id.rpartition("/")[2] for s in sets if s.audience == kind} for kind in ("", "partner")
    }
    assert by_audience["partner"]
    assert set(await shop.found()) == by_audience[""]
    assert set(await shop.found(shop.bert)) == by_audience[""]
    assert set(await shop.found(shop.anna)) == by_audience[""] | by_audience["partner"]
    body = {"@context": CONTEXT, "@type": "CatalogRequestMessage"}
    for who in (shop.anna, shop.bert):
        shown = await who.call(
            "POST", f"{shop.factory.base}/catalog/request", body, audience=shop.factory.did
        )
        assert {d["@id"].rpartition("/")[2] for d in shown.body["dataset"]} == set(await shop.found(who))
    own = await shop.manage({"limit": 100})
    assert own.body["total"] == 60
    # Nor do counts tell of what is hidden.
    hidden = next(s for s in sets if s.audience == "other")
    reply = await shop.search(shop.anna, q=hidden.id[-6:])
    assert reply.body["total"] == 0
    assert all(not values for values in reply.body["facets"].values())


async def test_a_partners_search_is_a_leaf_in_the_ledger_and_a_strangers_is_not(shop: Shop) -> None:
    await offer(shop.factory, "one")
    store = shop.factory.node.store
    before = await store.read(lambda tx: tx.ledger_size())
    await shop.search()
    assert await store.read(lambda tx: tx.ledger_size()) == before
    await shop.search(shop.anna, q="온도")
    assert await store.read(lambda tx: tx.ledger_size()) == before + 1
    (leaf,) = await store.read(lambda tx: list(tx.ledger_bodies(before, before + 1)))
    assert shop.anna.did.encode() in leaf
    assert "온도".encode() not in leaf, "what somebody looks for is nobody's business"


async def test_a_bad_token_is_refused_and_not_taken_for_nobody(shop: Shop) -> None:
    url = f"{shop.factory.url}/search"
    reply = await shop.anna.call("GET", url, authorization="Bearer nonsense")
    assert (reply.status, reply.body["code"]) == (401, "unauthenticated")


async def test_what_a_result_and_the_answer_say(shop: Shop) -> None:
    sets = seeded(200, shop.factory.url)
    await fill(shop.factory.node, sets, shop.anna.did)
    reply = await shop.search(q="welding, at least 1k rows, labelled", limit="3")
    asked = reply.body["asked"]
    assert asked["words"] == [{"ko": "용접", "en": "welding"}]
    assert (asked["rows"], asked["filters"]) == ({"least": 1000, "most": None}, {"labelled": ["yes"]})
    assert not asked["isCut"]
    by_id = {one.id: one for one in sets}
    for one in reply.body["results"]:
        row = by_id[one["id"]]
        assert (one["rows"], one["process"], one["labelled"]) == (row.rows, "welding", "yes")
        assert one["page"] == row.id
        assert one["intervalS"] == row.interval_s
        assert one["title"]
    assert reply.headers["Vary"] == "Authorization"
    assert reply.body["facets"]["process"][0]["label"].keys() == {"ko", "en"}
    chosen = await shop.found(
        process=["welding", "plating"], rowsMin="1000", intervalMax="0.5", personalData="no"
    )
    assert set(chosen) == {
        s.id.rpartition("/")[2]
        for s in sets
        if s.process in ("welding", "plating")
        and (s.rows or 0) >= 1000
        and s.interval_s == 0.1
        and not s.personal
        and s.audience == ""
    }
    assert chosen


async def test_pages_go_on_where_they_were_while_things_are_published(shop: Shop) -> None:
    for number in range(5):
        await offer(shop.factory, f"old-{number}")
    first = await shop.search(limit="2")
    assert [one["id"].rpartition("/")[2] for one in first.body["results"]] == ["old-4", "old-3"]
    await offer(shop.factory, "new")
    await shop.factory.node.publishing.unpublish("old-3")
    assert await _after(shop, first) == ["old-2", "old-1", "old-0"]
    assert await shop.found() == ["new", "old-4", "old-2", "old-1", "old-0"]


async def _after(shop: Shop, reply: Reply) -> list[str]:
    names: list[str] = []
    while reply.body["next"]:
        reply = await shop.search(limit="2", after=reply.body["next"])
        names += [one["id"].rpartition("/")[2] for one in reply.body["results"]]
    return names


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"sort": "best"}, "sort"),
        ({"after": "x"}, "after"),
        ({"after": "1.2"}, "after"),
        ({"after": "5", "sort": "rows"}, "after"),
        ({"after": "9" * 40}, "after"),
        ({"rowsMin": "-1"}, "rowsMin"),
        ({"rowsMax": "many"}, "rowsMax"),
        ({"rowsMin": "1e999999999"}, "rowsMin"),
        ({"intervalMin": "NaN"}, "intervalMin"),
        ({"limit": "Infinity"}, "limit"),
        ({"q": ["a", "b"]}, "q"),
        ({"process": [f"p{i}" for i in range(21)]}, "process"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(shop: Shop, parameters, pointer: str) -> None:
    reply = await shop.search(**parameters)
    assert (reply.status, reply.body["code"]) == (400, "bad-input")
    own = await shop.manage(parameters)
    assert (own.status, own.body[0]["path"]) == (400, pointer)


async def test_unknown_parameters_and_values_find_what_is_left(shop: Shop) -> None:
    await offer(shop.factory, "one")
    assert await shop.found(colour="red") == ["one"]
    assert await shop.found(process="alchemy") == []
    assert await shop.found(after="9" * 18) == ["one"]
    assert await shop.found(sort="rows", after=f"{'9' * 18}.{'9' * 18}") == ["one"]
    assert await shop.found(rowsMin="0", rowsMax="0") == []


HOSTILE = [
    '"',
    "\"; drop table search_text; --",
    'x" OR words MATCH "x',
    "NEAR(온도 습도, 5)",
    "온도 NOT 온도 AND ( OR",
    "words : ^온도*",
    "-온도",
    "{words} : 온도",
    "(a+)+$" * 60,
    "a* b* c* d* e* f* g* h*",
    "' UNION SELECT * FROM meta --",
    "\x00\x01\x02",
    "가" * 800,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%00%0a%0d",
]  # fmt: skip


async def test_hostile_questions_are_text_and_nothing_else(shop: Shop) -> None:
    sets = seeded(500, shop.factory.url)
    await fill(shop.factory.node, sets, shop.anna.did)
    slowest = 0.0
    for text in HOSTILE:
        best = 1.0
        for _ in range(3):  # the best of three: other work on this machine is not what is measured
            began = time.perf_counter()
            reply = await shop.search(q=text)
            best = min(best, time.perf_counter() - began)
        assert reply.status == 200, (text, reply.text)
        slowest = max(slowest, best)
    assert slowest < 0.05
    assert len(await shop.found(limit="100")) == sum(one.audience == "" for one in sets)


async def test_a_request_line_that_is_too_long_is_refused(shop: Shop) -> None:
    reply = await shop.search(q="가" * 20_000)
    assert reply.status == 400
    long = await shop.manage({"q": "용접 " * 20_000})
    assert (long.status, long.body["asked"]["isCut"]) == (200, True)


async def test_strangers_are_limited_together_with_other_strangers(tmp_path: Path) -> None:
    more = {"limits": {"strangers_per_minute": 3}}
    async with factories(tmp_path, ["factory-a"], more=more) as (factory,), partner(tmp_path) as anna:
        replies = [await anna.call("GET", f"{factory.url}/search", authorization="") for _ in range(4)]
        assert [r.status for r in replies] == [200, 200, 200, 429]
        assert int(replies[-1].headers["Retry-After"]) >= 1


async def test_searches_at_once_do_not_disturb_each_other_nor_publishing(shop: Shop) -> None:
    sets = seeded(300, shop.factory.url)
    await fill(shop.factory.node, sets, shop.anna.did)
    public = await shop.found(limit="100")
    searches = [shop.search(q=q) for q in ("용접", "welding") * 10]
    *replies, _ = await asyncio.gather(*searches, offer(shop.factory, "meanwhile"))
    totals = {reply.body["total"] for reply in replies}
    assert len(totals) == 1
    assert totals.pop() == sum(s.process == "welding" for s in sets if s.id.rpartition("/")[2] in public)


async def test_the_owners_search_needs_the_key_and_an_object(shop: Shop) -> None:
    assert (await shop.manage([])).status == 400
    assert (await shop.manage({"q": {"a": 1}})).status == 400
    assert (await shop.manage({"q": "온도", "limit": 5})).status == 200
