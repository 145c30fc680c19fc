"""200 questions in Korean and English over 5,000 datasets find exactly those that the rows say [D42]."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from connector.service.searching import OWNER, Caller, Order, Search
from tests.integration.search_world import PROCESSES, fill, pairs, seeded
from tests.integration.two_factories import Factory, factories

DATASETS, QUESTIONS = 5_000, 200
PARTNER = "did:web:partner.example"


async def everything(factory: Factory, text: str, caller: Caller = OWNER, **more: object) -> list[str]:
    """The ids of all results, page by page to the end."""
    found: list[str] = []
    after = ""
    while True:
        wish = Search(text=text, limit=100, after=after, **more)  # type: ignore[arg-type]
        page = await factory.node.searching.search(caller, wish)
        found += [one["id"] for one in page["results"]]
        if page["next"] is None:
            assert page["total"] == len(found) == len(set(found)), text
            return found
        after = page["next"]


async def test_both_languages_find_what_the_rows_say(tmp_path: Path) -> None:
    asked = list(pairs(QUESTIONS))
    async with factories(tmp_path, ["factory-a"]) as (factory,):
        sets = seeded(DATASETS, factory.url)
        await fill(factory.node, sets, PARTNER)
        wrong = []
        sizes = []
        for pair in asked:
            expected = {one.id for one in sets if pair.takes(one)}
            korean = set(await everything(factory, pair.ko))
            english = set(await everything(factory, pair.en))
            sizes.append(len(expected))
            wrong += [(pair.ko, len(korean), len(expected))] if korean != expected else []
            wrong += [(pair.en, len(english), len(expected))] if english != expected else []
        assert not wrong, "\n".join(map(str, wrong))
        # Questions that find everything or nothing would prove little.
        assert sum(0 < size < DATASETS / 2 for size in sizes) > QUESTIONS * 0.7

        # Counts, audiences and the order by rows, over the same datasets.
        by_id = {one.id: one for one in sets}
        audiences: dict[Caller, set[str]] = {
            None: {""},
            PARTNER: {"", "partner"},
            "did:web:other.example": {"", "other"},
            "did:web:stranger.example": {""},
            OWNER: {"", "partner", "other"},
        }
        for caller, kinds in audiences.items():
            seen = [one for one in sets if one.audience in kinds]
            answer = await factory.node.searching.search(caller, Search(text="진동 라벨 있음"))
            hits = [one for one in seen if "vibration" in one.columns and one.labelled]
            assert answer["total"] == len(hits)
            counted = {one["value"]: one["count"] for one in answer["facets"]["process"]}
            assert counted == Counter(one.process for one in hits)
            # A facet's own choice is lifted while it is counted: one sees what another choice would find.
            labelled = {one["value"]: one["count"] for one in answer["facets"]["labelled"]}
            said = Counter(one.labelled for one in seen if "vibration" in one.columns)
            assert labelled == {"yes": said[True], "no": said[False]}
            decades = {one["least"]: one["count"] for one in answer["ranges"]["rows"]}
            assert sum(decades.values()) == sum(one.rows is not None for one in hits)
            assert decades[1_000] == sum(1_000 <= (one.rows or 0) <= 9_999 for one in hits)
        for text in ("", "진동", "welding humidity"):
            ordered = [by_id[name].rows for name in await everything(factory, text, order=Order.ROWS)]
            numbers = [-1 if rows is None else rows for rows in ordered]
            assert numbers == sorted(numbers, reverse=True)
            newest = await everything(factory, text)
            assert newest == sorted(newest, reverse=True)
        chosen = {"process": ("welding", "plating"), "confidentiality": ("public",)}
        found = set(await everything(factory, "", filters=chosen))
        assert found == {one.id for one in sets if one.process in chosen["process"] and one.level == "public"}
        assert set(PROCESSES) == {one.process for one in sets}
