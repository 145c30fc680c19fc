"""Keeps the search index right, within the transaction that changes the catalog.

The store notes by itself which datasets of the catalog changed (triggers); `settle` reads what stands
there now and writes rows, text and bits. What the catalog holds from before there was an index, or
from other tables of synonyms, is indexed in the background (`catch_up`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.model.catalog import Asset
from connector.model.names import EDC
from connector.semantic.durations import microseconds
from connector.semantic.grams import index_words
from connector.semantic.synonyms import VERSION, concepts_in
from connector.semantic.terms import CONFIDENTIALITY, DATA_CLASSES, PROCESSES, Concept
from connector.store.api import Store
from connector.store.search import Changes, Entry, Fact
from connector.store.tables import Tx

ACCESS: Final = "access"
"""The facet of who may see it: digests of access policies."""
STANDS: Final = "stands"
"""The facet that every dataset in the catalog has."""
ROWS: Final = "rows"
INTERVAL: Final = "interval"
"""These two are facets of magnitudes, see `magnitude`."""
_MADE_WITH: Final = "search-made-with"
_BATCH: Final = 200
_MAX_VALUE: Final = 80
_MAX_COLUMNS: Final = 5_000
_SCHEMES: Final[tuple[tuple[str, str, Mapping[str, Concept]], ...]] = (
    ("process", "process", PROCESSES),
    ("dataClass", "data_class", DATA_CLASSES),
    ("confidentiality", "confidentiality", CONFIDENTIALITY),
)
_LABELS: Final = frozenset({"label", "verdict", "pass or fail"})
"""A column of such a name is what a label is: somebody's judgement of the row."""


def settle(tx: Tx, limit: int = -1) -> int:
    """Index what changed in the catalog and is not indexed yet, at most `limit` datasets; how many."""
    stale = tx.search.stale(limit)
    changes = Changes()
    for one in stale:
        changes.flip(one.seq, one.facts, on=False)
        tx.search.drop(one.seq)
        asset = tx.assets.current(one.asset_id) if one.asset_id else None
        if asset is not None:
            entry = _entry(one.seq, asset, tx.search.access_of(asset.id))
            changes.flip(entry.seq, entry.facts, on=True)
            tx.search.put(entry)
        tx.search.settled(one.seq)
    tx.search.write(changes)
    return len(stale)


async def catch_up(store: Store) -> int:
    """Index whatever the store holds and the index does not say right; how many datasets that were.

    Call it at start. Everything is made anew if the tables of synonyms have changed since.
    """

    def begin(tx: Tx) -> int:
        if tx.get_meta(_MADE_WITH) != VERSION:
            tx.search.mark_all_stale()
            tx.put_meta(_MADE_WITH, VERSION)
        return tx.search.stale_count()

    def is_due(tx: Tx) -> bool:
        return tx.get_meta(_MADE_WITH) != VERSION or tx.search.stale_count() > 0

    total = 0
    if await store.read(is_due):
        await store.transact(begin)
        while count := await store.transact(lambda tx: settle(tx, _BATCH)):
            total += count
    return total


def magnitude(number: int) -> str:
    """A whole number by its leading digit and its length, in an order that text has too: 12,000 is `051`."""
    written = str(number)
    return f"{len(written):02}{written[0]}"


def _entry(seq: int, asset: Asset, access: list[str]) -> Entry:
    said = asset.description
    rows = _count(said.get("row_count"))
    interval = microseconds(_text(said.get("temporal_resolution")))
    facts = list(_facts(asset, access))
    if rows is not None:
        facts.append((ROWS, magnitude(rows)))
    if interval is not None:
        facts.append((INTERVAL, magnitude(interval)))
    concepts = [
        part
        for _, field, scheme in _SCHEMES
        if (known := scheme.get(_text(said.get(field))))
        for part in concepts_in(known.en)
    ]
    card = {
        "id": asset.id,
        "title": _title(asset),
        "version": str(max(asset.version, 1)),
        "rows": rows,
        "intervalS": interval / 1_000_000 if interval is not None else None,
        "bytes": asset.size or None,
        **{facet: value for facet, value in facts if facet in CARD_FACETS},
    }
    return Entry(
        seq=seq,
        asset_id=asset.id,
        row_count=rows,
        interval_us=interval,
        facts=tuple(facts),
        words=index_words(_texts(asset), concepts),
        card=json.dumps(card, ensure_ascii=False, separators=(",", ":")),
    )


FACETS: Final = ("process", "dataClass", "confidentiality", "labelled", "personalData", "mediaType")
"""What can be chosen and is counted."""
CARD_FACETS: Final = frozenset(FACETS)


def _facts(asset: Asset, access: list[str]) -> Iterator[Fact]:
    said = asset.description
    yield STANDS, ""
    for digest in access:
        yield ACCESS, digest
    for facet, field, _ in _SCHEMES:
        value = _text(said.get(field))
        if value:
            yield facet, value[:_MAX_VALUE]
    labelled, personal = _labelled(said), said.get("personal_data")
    if isinstance(labelled, bool):
        yield "labelled", yes_or_no(answer=labelled)
    if isinstance(personal, bool):
        yield "personalData", yes_or_no(answer=personal)
    media = _text(said.get("media_type") or asset.properties.get(EDC + "contenttype"))
    if media:
        yield "mediaType", media.partition(";")[0].strip().lower()[:_MAX_VALUE]


def yes_or_no(*, answer: bool) -> str:
    """How the value of a yes/no facet is written."""
    return "yes" if answer else "no"


def _labelled(said: Mapping[str, Any]) -> bool | None:
    """What the owner said; else yes if a column is a label by its name. Never a no that nobody said."""
    answer = said.get("labelled")
    if isinstance(answer, bool):
        return answer
    for column in _columns(said):
        if any(_LABELS & concepts_in(text) for text in _column_texts(column)):
            return True
    return None


def _texts(asset: Asset) -> Iterator[str]:
    """Everything in words about a dataset."""
    said = asset.description
    yield from _title(asset).values()
    yield from _spoken(said.get("description"))
    keywords = said.get("keywords")
    if isinstance(keywords, Mapping):
        keywords = [word for words in keywords.values() if isinstance(words, list) for word in words]
    for word in keywords if isinstance(keywords, list | tuple) else ():
        yield from _spoken(word)
    for column in _columns(said):
        yield from _column_texts(column)
    for _, field, scheme in _SCHEMES:
        known = scheme.get(_text(said.get(field)))
        if known:
            yield known.ko
            yield known.en
    yield from (_text(said.get("equipment")), asset.id.rpartition("/")[2])


def _title(asset: Asset) -> dict[str, str]:
    title = asset.description.get("title")
    if isinstance(title, Mapping):
        found = {lang: text for lang in ("ko", "en") if (text := _text(title.get(lang)))}
        if found:
            return found
    plain = _text(title) or _text(asset.properties.get(EDC + "name")) or asset.id
    return {"ko" if any("가" <= c <= "힣" for c in plain) else "en": plain}


def _columns(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    columns = said.get("columns")
    for column in columns[:_MAX_COLUMNS] if isinstance(columns, list | tuple) else ():
        if isinstance(column, Mapping):
            yield column


def _column_texts(column: Mapping[str, Any]) -> Iterator[str]:
    yield _text(column.get("name"))
    yield from _spoken(column.get("label"))


def _spoken(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (_text(value.get("ko")), _text(value.get("en")))
    else:
        yield _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62
    return value if is_count else None
