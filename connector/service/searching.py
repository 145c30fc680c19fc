"""Search over the catalog: who may see what is the catalog's rule, the rest is joining sets of bits.

A question's text goes through the full-text index; every filter, facet and count is a set of datasets
(`store.search`). Results come newest first or by number of rows, paged by keyset: a page begins
behind the last result of the one before, whatever is published meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from connector.errors import BadInput
from connector.ledger.log import LeafKind
from connector.semantic.asking import MOST, OPEN, Between, Question, ask
from connector.semantic.grams import match
from connector.semantic.synonyms import Wanted, label
from connector.semantic.terms import CONFIDENTIALITY, DATA_CLASSES, PROCESSES, Concept
from connector.service.catalog import Catalogs
from connector.service.indexing import ACCESS, FACETS, INTERVAL, ROWS, STANDS, magnitude, yes_or_no
from connector.service.journal import Journal
from connector.store.search import highest
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx

MAX_LIMIT: Final = 100
_MAX_VALUES: Final = 30
"""Values of a facet that are counted out, the most frequent first."""
_FEW: Final = 2_000
"""So many results are put in order by themselves; more are met soon enough in the index of all."""
_LABELS: Final[Mapping[str, Mapping[str, Concept]]] = {
    "process": PROCESSES,
    "dataClass": DATA_CLASSES,
    "confidentiality": CONFIDENTIALITY,
}
_ANSWERS: Final = {"yes": {"ko": "있음", "en": "yes"}, "no": {"ko": "없음", "en": "no"}}


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Search:
    """What a caller asks for: a line of text, and filters that it chose beside it.

    `filters` is facet -> values, of which a dataset has one; they outrank what the text says.
    """

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Between = OPEN
    interval_us: Between = OPEN
    order: Order = Order.NEWEST
    after: str = ""
    """Where the page before ended: its `next`."""
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Everybody:
    """A caller that sees every dataset in the catalog: its owner."""


OWNER: Final = Everybody()
Caller = str | None | Everybody
"""A participant's id; None = anybody; `OWNER`."""


class Searching:
    """Answers searches. What a participant reads is a leaf in the ledger, as a catalog request is."""

    def __init__(self, store: SqliteStore, catalogs: Catalogs, journal: Journal, *, catalog_id: str) -> None:
        self._store = store
        self._catalogs = catalogs
        self._journal = journal
        self._catalog_id = catalog_id

    async def search(self, caller: Caller, wish: Search) -> dict[str, Any]:
        """One page of results with counts, as plain JSON: asked, total, results, facets, ranges, next.

        Raises:
            BadInput: `after` is no place that a page ended at.
        """
        place = _place(wish.order, wish.after)
        question = _combined(ask(wish.text), wish)
        filters = _filters(question, wish.filters)

        def look(tx: Tx) -> dict[str, Any]:
            return self._answer(tx, caller, question, filters, wish, place)

        answer = await self._store.read_aside(look)
        if isinstance(caller, str):
            data = {"datasets": len(answer["results"]), "search": 1}
            await self._store.transact(
                lambda tx: self._journal.write(tx, LeafKind.CATALOG, self._catalog_id, data, actor=caller)
            )
        return {"asked": _asked(wish.text, question, filters), **answer}

    def _answer(
        self,
        tx: Tx,
        caller: Caller,
        question: Question,
        filters: Mapping[str, tuple[str, ...]],
        wish: Search,
        place: tuple[int, int] | None,
    ) -> dict[str, Any]:
        found = self._visible(tx, caller)
        magnitudes = tx.search.facet(ROWS)
        if found and not question.rows.is_open:
            found &= _within(tx, ROWS, magnitudes, question.rows)
        if found and not question.interval_us.is_open:
            found &= _within(tx, INTERVAL, tx.search.facet(INTERVAL), question.interval_us)
        if found and question.words:
            found &= tx.search.with_text(match(question.words))
        values = {facet: tx.search.facet(facet) for facet in FACETS}
        chosen = {
            facet: _any(values[facet].get(value, 0) for value in wanted) for facet, wanted in filters.items()
        }
        facets = {
            facet: _counts(facet, values[facet], _all(found, (b for f, b in chosen.items() if f != facet)))
            for facet in FACETS
        }
        found = _all(found, chosen.values())
        seqs, following = _page(tx, found, wish, place)
        return {
            "total": found.bit_count(),
            "results": tx.search.cards(seqs),
            "facets": facets,
            "ranges": {"rows": _decades(magnitudes, found)},
            "next": following,
        }

    def _visible(self, tx: Tx, caller: Caller) -> int:
        if isinstance(caller, Everybody):
            found = tx.search.with_any(STANDS, [""])
        else:
            found = tx.search.with_any(ACCESS, self._catalogs.visible(tx, caller))
        return found & ~tx.search.stale_bits()


def _combined(question: Question, wish: Search) -> Question:
    return replace(
        question,
        rows=question.rows.within(wish.rows),
        interval_us=question.interval_us.within(wish.interval_us),
    )


def _filters(question: Question, chosen: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    said = {"labelled": question.labelled, "personalData": question.personal_data}
    found = {f: (yes_or_no(answer=answer),) for f, answer in said.items() if answer is not None}
    return found | {facet: values for facet, values in chosen.items() if values}


def _any(sets: Iterator[int]) -> int:
    found = 0
    for bits in sets:
        found |= bits
    return found


def _all(found: int, sets: Any) -> int:
    for bits in sets:
        found &= bits
    return found


def _within(tx: Tx, facet: str, magnitudes: Mapping[str, int], bounds: Between) -> int:
    """The datasets within bounds: whole magnitudes as they are, the two at the ends from the table."""
    least, most = bounds.least or 0, MOST if bounds.most is None else bounds.most
    if least > most:
        return 0
    first, last = magnitude(least), magnitude(most)
    found = _any(bits for value, bits in magnitudes.items() if first < value < last)
    for edge in {first, last} & magnitudes.keys():
        start, end = _span(edge)
        if least <= start and end <= most:
            found |= magnitudes[edge]
        else:
            found |= tx.search.within(facet, max(least, start), min(most, end))
    return found


def _span(value: str) -> tuple[int, int]:
    """The smallest and the largest number of a magnitude."""
    unit = 10 ** (int(value[:2]) - 1)
    start = int(value[2]) * unit
    return start, start + unit - 1


def _counts(facet: str, values: Mapping[str, int], found: int) -> list[dict[str, Any]]:
    counted = [(count, value) for value, bits in values.items() if (count := (bits & found).bit_count())]
    counted.sort(key=lambda one: (-one[0], one[1]))
    return [
        {"value": value, "label": label_of(facet, value), "count": count}
        for count, value in counted[:_MAX_VALUES]
    ]


def label_of(facet: str, value: str) -> dict[str, str]:
    """A facet's value in both languages."""
    known = _LABELS.get(facet, {}).get(value)
    if known is not None:
        return {"ko": known.ko, "en": known.en}
    if facet in ("labelled", "personalData"):
        return dict(_ANSWERS[value])
    return {"ko": value, "en": value}


def _decades(magnitudes: Mapping[str, int], found: int) -> list[dict[str, int]]:
    """How many results have so many rows, by powers of ten."""
    sets: dict[int, int] = {}
    for value, bits in magnitudes.items():
        digits = int(value[:2])
        sets[digits] = sets.get(digits, 0) | bits
    return [
        {"least": 10 ** (digits - 1) if digits > 1 else 0, "most": 10**digits - 1, "count": count}
        for digits, bits in sorted(sets.items())
        if (count := (bits & found).bit_count())
    ]


def _place(order: Order, after: str) -> tuple[int, int] | None:
    """(rows, seq) of the last result of the page before; rows is -1 where it is not said."""
    if not after:
        return None
    parts = after.split(".")
    if len(parts) != (2 if order is Order.ROWS else 1) or not all(
        p.isascii() and p.removeprefix("-").isdecimal() and len(p) < 19 for p in parts
    ):
        raise BadInput("must be the `next` of the page before, in the same order", pointer="after")
    numbers = [int(p) for p in parts]
    return (numbers[0], max(0, numbers[1])) if order is Order.ROWS else (-1, max(0, numbers[0]))


def _page(tx: Tx, found: int, wish: Search, place: tuple[int, int] | None) -> tuple[list[int], str | None]:
    limit = max(1, min(wish.limit, MAX_LIMIT))
    ordered = _by_rows(tx, found, place, limit + 1) if wish.order is Order.ROWS else _newest(found, place)
    page: list[tuple[int, int]] = []
    for one in ordered:
        if len(page) == limit:
            rows, seq = page[-1]
            return [s for _, s in page], f"{rows}.{seq}" if wish.order is Order.ROWS else str(seq)
        page.append(one)
    return [seq for _, seq in page], None


def _newest(found: int, place: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
    return ((-1, seq) for seq in highest(found, place[1] if place else None))


def _by_rows(tx: Tx, found: int, place: tuple[int, int] | None, limit: int) -> Iterator[tuple[int, int]]:
    """(rows, seq), most rows first; those whose number is not said come last, newest first."""
    if found.bit_count() <= _FEW:
        rows = tx.search.rows_of(list(highest(found)))
        known = ((-1 if count is None else count, seq) for seq, count in rows.items())
        yield from sorted((one for one in known if place is None or one < place), reverse=True)
        return
    at: tuple[int, int] = place or (1 << 62, 0)
    size = 4 * limit
    while at[0] >= 0:
        some = tx.search.by_rows(*at, size)
        yield from ((count, seq) for seq, count in some if found >> seq & 1)
        if len(some) < size:
            break
        at = (some[-1][1], some[-1][0])
        size = min(2 * size, 20_000)
    said = _any(iter(tx.search.facet(ROWS).values()))
    below = place[1] if place and place[0] < 0 else None
    yield from ((-1, seq) for seq in highest(found & ~said, below))


def _asked(text: str, question: Question, filters: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """What a question was understood as."""
    return {
        "text": text,
        "words": [_shown(word) for word in question.words],
        "rows": _bounds(question.rows, 1),
        "intervalS": _bounds(question.interval_us, 1_000_000),
        "filters": {facet: list(values) for facet, values in filters.items()},
        "isCut": question.is_cut,
    }


def _shown(word: Wanted) -> dict[str, str]:
    return label(word.name) if word.is_concept else {"ko": word.name, "en": word.name}


def _bounds(between: Between, per: int) -> dict[str, float | None]:
    return {
        "least": None if between.least is None else _per(between.least, per),
        "most": None if between.most is None else _per(between.most, per),
    }


def _per(number: int, per: int) -> float:
    return number if per == 1 else number / per
