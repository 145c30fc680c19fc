"""The index follows the catalog within its transactions, and catches up with what others have written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connector.errors import NotFound
from connector.model.catalog import Asset
from connector.service import indexing
from connector.service.searching import OWNER, Search
from connector.store import named
from connector.store.search import CHUNK, Changes, bits_of, highest
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from tests.integration.search_world import fill, put, seeded
from tests.integration.two_factories import Factory, factories, offer

DUMP = {
    "search_dataset": "select * from search_dataset order by seq",
    "search_text": "select rowid, words from search_text order by rowid",
    "search_bits": "select facet, value, chunk, bits from search_bits order by facet, value, chunk",
    "search_stale": "select seq from search_stale",
}


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    raw = sqlite3.connect(path)
    found = {name: raw.execute(query).fetchall() for name, query in DUMP.items()}
    raw.close()
    return found


@pytest.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Factory]:
    async with factories(tmp_path, ["factory-a"]) as (one,):
        yield one


async def found(factory: Factory, text: str = "") -> list[str]:
    answer = await factory.node.searching.search(OWNER, Search(text=text, limit=100))
    assert answer["total"] == len(answer["results"])
    return [one["id"].rpartition("/")[2] for one in answer["results"]]


async def test_what_is_published_is_found_and_what_is_taken_out_is_not(factory: Factory) -> None:
    await offer(factory, "one")
    await offer(factory, "two")
    assert await found(factory, "온도") == ["two", "one"]
    assert await found(factory, "temperature two") == ["two"]
    await factory.node.publishing.unpublish("two")
    assert await found(factory, "온도") == ["one"]
    await factory.node.publishing.republish("two")
    assert await found(factory, "온도") == ["two", "one"]


async def test_a_new_version_replaces_what_was_said_of_the_old(factory: Factory) -> None:
    dataset = await offer(factory, "one")
    node = factory.node

    def change(tx: Tx) -> None:
        old = tx.assets.current(dataset)
        assert old is not None
        tx.assets.retire(dataset)
        said = {"title": {"en": "humidity"}, "row_count": 5, "labelled": False}
        tx.assets.add(
            Asset(dataset, 2, {}, {}, old.source, said, old.sha256, old.size, True, node.clock.now())
        )
        node.catalogs.refresh(tx, [dataset])

    await node.store.transact(change)
    assert await found(factory, "온도") == []
    assert await found(factory, "습도 5행 이하 라벨 없음") == ["one"]


async def test_who_may_see_it_follows_the_access_policy(factory: Factory) -> None:
    await offer(factory, "one", visible_to=["did:web:a.example"])
    seen = [
        [one["id"] for one in (await factory.node.searching.search(who, Search()))["results"]]
        for who in ("did:web:a.example", "did:web:b.example", None)
    ]
    assert [len(ids) for ids in seen] == [1, 0, 0]
    await offer(factory, "one", visible_to=["did:web:b.example"])
    seen = [
        [one["id"] for one in (await factory.node.searching.search(who, Search()))["results"]]
        for who in ("did:web:a.example", "did:web:b.example", None)
    ]
    assert [len(ids) for ids in seen] == [0, 1, 0]


async def test_what_rolls_back_was_never_indexed(factory: Factory) -> None:
    await offer(factory, "one")
    path = factory.node.store.path
    before = dump(path)
    dataset = f"{factory.url}/datasets/one"

    def work(tx: Tx) -> None:
        tx.assets.retire(dataset)
        factory.node.catalogs.refresh(tx, [dataset])
        raise NotFound("on purpose")

    with pytest.raises(NotFound):
        await factory.node.store.transact(work)
    assert dump(path) == before
    assert await found(factory) == ["one"]


async def test_after_any_changes_the_index_is_as_if_made_anew(factory: Factory) -> None:
    node, draw = factory.node, Random(3)
    sets = seeded(400, factory.url)
    audiences = {"": (), "partner": ("did:web:a.example",), "other": ("did:web:b.example",)}
    await fill(node, sets[:200], "did:web:a.example")

    def change(tx: Tx) -> None:
        for one in draw.sample(sets, 40):
            if tx.catalog.dataset(one.id) is not None:
                tx.assets.delete(one.id)
                tx.catalog.retire_asset(one.id)
                tx.catalog.drop_dataset(one.id)
            else:
                put(tx, node, one, audiences[one.audience])
        indexing.settle(tx)

    for _ in range(10):
        await node.store.transact(change)
    kept = dump(node.store.path)
    assert kept["search_stale"] == []
    assert len(kept["search_dataset"]) == await node.store.read(lambda tx: tx.catalog.dataset_count())

    def forget(tx: Tx) -> None:
        tx.put_meta("search-made-with", "other tables of synonyms")

    await node.store.transact(forget)
    assert await indexing.catch_up(node.store) == len(kept["search_dataset"])
    assert dump(node.store.path) == kept
    assert await indexing.catch_up(node.store) == 0


def first_schema_only(path: Path) -> None:
    """A database as the first release made it."""
    raw = sqlite3.connect(path)
    raw.execute("create table schema_version (number integer primary key, oldest_code integer not null)")
    number, script = named.migrations()[0]
    assert number == 1
    raw.executescript(script)
    raw.execute("insert into schema_version values (1, 1)")
    raw.commit()
    raw.close()


async def test_a_database_of_the_first_schema_is_opened_and_indexed(factory: Factory, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    first_schema_only(old)
    sets = seeded(30, factory.url)
    await fill(factory.node, sets, "did:web:a.example")
    raw = sqlite3.connect(old)
    raw.execute("attach ? as made", (str(factory.node.store.path),))
    for table in ("asset", "catalog_offer", "catalog_dataset"):
        raw.execute(f"insert into main.{table} select * from made.{table}")
    raw.commit()
    raw.close()

    await factory.connector.stop()
    for extra in ("-wal", "-shm"):
        factory.node.store.path.with_name(factory.node.store.path.name + extra).unlink(missing_ok=True)
    shutil.copy(old, factory.node.store.path)
    await factory.restart()
    await indexing.catch_up(factory.node.store)
    assert len(await found(factory)) == 30
    assert sorted(await found(factory, "용접")) == sorted(
        one.id.rpartition("/")[2] for one in sets if one.process == "welding"
    )


async def test_what_older_code_changes_is_not_found_wrongly_and_caught_up_with(factory: Factory) -> None:
    await offer(factory, "one")
    await offer(factory, "two")
    store = factory.node.store
    one = f"{factory.url}/datasets/one"

    def older(tx: Tx) -> None:  # it knows of no index: it writes the catalog's own tables only
        tx.catalog.drop_dataset(one)

    await store.transact(older)
    assert await found(factory) == ["two"]
    assert await store.read(lambda tx: tx.search.stale_count()) == 1
    assert await indexing.catch_up(store) == 1
    assert await found(factory) == ["two"]
    assert len(dump(store.path)["search_dataset"]) == 1


ODD: list[dict[str, Any]] = [
    {},
    {"title": 5, "columns": "none", "keywords": {"ko": "x"}, "row_count": True, "labelled": "yes"},
    {"title": {"ko": None}, "columns": [1, {"name": None, "label": []}], "row_count": -1},
    {"title": "제목", "row_count": 10**30, "temporal_resolution": "soon", "process": ["x"]},
    {"title": {"en": "x" * 100_000}, "columns": [{"name": "c" * 1_000}] * 6_000, "process": "p" * 500},
    {"keywords": ["a", {"ko": "나"}, 3], "media_type": 7, "personal_data": None, "equipment": {"a": 1}},
]


@pytest.mark.parametrize("said", ODD, ids=range(len(ODD)))
async def test_no_description_keeps_the_catalog_from_changing(factory: Factory, said: dict[str, Any]) -> None:
    dataset = await offer(factory, "odd")
    node = factory.node

    def change(tx: Tx) -> None:
        tx.assets.retire(dataset)
        tx.assets.add(Asset(dataset, 2, {}, {}, {}, said, "", 0, True, node.clock.now()))
        tx.catalog.put_dataset(dataset, 2, "{}")
        indexing.settle(tx)

    await node.store.transact(change)
    answer = await node.searching.search(OWNER, Search())
    assert [one["id"] for one in answer["results"]] == [dataset]
    assert answer["results"][0]["title"]


async def test_a_column_named_as_a_label_is_one_and_silence_is_no_no(factory: Factory) -> None:
    dataset = await offer(factory, "one")
    for columns, expected in (
        ([{"name": "양불판정"}], "yes"),
        ([{"name": "PassOrFail"}], "yes"),
        ([{"name": "x", "label": {"ko": "라벨"}}], "yes"),
        ([{"name": "온도"}], None),
    ):

        def change(tx: Tx, columns: list[Any] = columns) -> None:
            old = tx.assets.current(dataset)
            assert old is not None
            said = {"title": {"ko": "온도"}, "columns": columns}
            tx.assets.replace(Asset(dataset, 1, {}, {}, {}, said, "", 0, True, old.created_at))
            tx.catalog.put_dataset(dataset, 1, "{}")
            indexing.settle(tx)

        await factory.node.store.transact(change)
        (one,) = (await factory.node.searching.search(OWNER, Search()))["results"]
        assert one.get("labelled") == expected, columns


def test_magnitudes_are_in_order_and_hold_what_they_say() -> None:
    numbers = [0, 1, 9, 10, 11, 99, 100, 9_999, 10_000, 12_345, 10**15]
    written = [indexing.magnitude(n) for n in numbers]
    assert written == sorted(written)
    assert indexing.magnitude(12_345) == "051"


def test_sets_of_bits() -> None:
    assert bits_of("") == 0
    assert bits_of("3") == 8
    assert bits_of("1,40000,0") == 3 | 1 << 40_000
    assert list(highest(0b10110)) == [4, 2, 1]
    assert list(highest(0b10110, 4)) == [2, 1]
    assert list(highest(0b10110, 10**18)) == [4, 2, 1]
    assert list(highest(0)) == []


async def test_the_last_word_about_a_bit_counts_and_chunks_meet(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    changes = Changes()
    for seq in (1, CHUNK - 1, CHUNK, 3 * CHUNK):
        changes.flip(seq, [("f", "v")], on=True)
    changes.flip(1, [("f", "v")], on=False)
    await store.transact(lambda tx: tx.search.write(changes))
    bits = await store.read(lambda tx: tx.search.facet("f"))
    assert list(highest(bits["v"])) == [3 * CHUNK, CHUNK, CHUNK - 1]
    off = Changes()
    for seq in (CHUNK - 1, CHUNK, 3 * CHUNK):
        off.flip(seq, [("f", "v")], on=False)
    await store.transact(lambda tx: tx.search.write(off))
    assert await store.read(lambda tx: tx.search.facet("f")) == {}, "no empty chunk is kept"
    await store.close()
