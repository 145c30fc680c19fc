"""The search index in the store: rows, full text, and one row of bits for each value of a facet.

A set of datasets is a Python integer: bit `seq` is set if the dataset with that number belongs to it.
Sets of a hundred thousand are joined in microseconds, and so counted; on disk they lie in chunks, so
that a change writes a few kilobytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from connector.store.api import Executor

CHUNK: Final = 1 << 14
"""Datasets in one chunk of bits."""
_TABLE: Final = "search"
Fact = tuple[str, str]
"""(facet, value)."""


@dataclass(frozen=True, slots=True)
class Stale:
    """Something to index: `asset_id` is what stands there now ("" = nothing any more)."""

    seq: int
    asset_id: str
    facts: tuple[Fact, ...]
    """What the index says of it so far."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset as the index holds it; `card` is JSON."""

    seq: int
    asset_id: str
    row_count: int | None
    interval_us: int | None
    facts: tuple[Fact, ...]
    words: str
    card: str


@dataclass(slots=True)
class _Flips:
    on: int = 0
    off: int = 0


@dataclass(slots=True)
class Changes:
    """Bits to set and to clear, gathered so that each chunk is written once."""

    flips: dict[tuple[str, str, int], _Flips] = field(default_factory=dict)

    def flip(self, seq: int, facts: Iterable[Fact], *, on: bool) -> None:
        """Set or clear a dataset's bit for some values; the last word counts."""
        chunk, bit = divmod(seq, CHUNK)
        for facet, value in facts:
            found = self.flips.setdefault((facet, value, chunk), _Flips())
            if on:
                found.on |= 1 << bit
                found.off &= ~(1 << bit)
            else:
                found.off |= 1 << bit
                found.on &= ~(1 << bit)


class SearchIndex:
    """The verbs of the search index; none commits."""

    def __init__(self, db: Executor) -> None:
        self._db = db

    # --- writing ------------------------------------------------------------------------------

    def stale(self, limit: int) -> list[Stale]:
        """What the index does not say right; at most `limit`."""
        return [
            Stale(
                row["seq"], row["asset_id"] or "", tuple((f, v) for f, v in json.loads(row["facts"] or "[]"))
            )
            for row in self._db.rows(_TABLE, "stale", {"limit": limit})
        ]

    def stale_count(self) -> int:
        """How many datasets the index does not say right."""
        return int(self._db.rows(_TABLE, "stale_count", {})[0][0])

    def mark_all_stale(self) -> None:
        """Everything is to be indexed anew."""
        self._db.change(_TABLE, "all_stale", {})

    def access_of(self, asset_id: str) -> list[str]:
        """The digests of the access policies of a dataset's standing offers."""
        return [row[0] for row in self._db.rows(_TABLE, "access_of", {"asset_id": asset_id})]

    def drop(self, seq: int) -> None:
        """Take a dataset out; its bits are cleared by `write`."""
        if self._db.change(_TABLE, "drop", {"seq": seq}):
            self._db.change(_TABLE, "drop_text", {"seq": seq})

    def put(self, entry: Entry) -> None:
        """Index a dataset that was dropped before; its bits are set by `write`."""
        self._db.change(
            _TABLE,
            "put",
            {
                "seq": entry.seq,
                "asset_id": entry.asset_id,
                "row_count": entry.row_count,
                "interval_us": entry.interval_us,
                "facts": json.dumps(entry.facts, ensure_ascii=False),
                "card": entry.card,
            },
        )
        self._db.change(_TABLE, "put_text", {"seq": entry.seq, "words": entry.words})

    def settled(self, seq: int) -> None:
        """What the index says of a dataset is right now."""
        self._db.change(_TABLE, "settled", {"seq": seq})

    def write(self, changes: Changes) -> None:
        """Set and clear the gathered bits."""
        for (facet, value, chunk), flips in changes.flips.items():
            place = {"facet": facet, "value": value, "chunk": chunk}
            rows = self._db.rows(_TABLE, "chunk", place)
            before = int.from_bytes(rows[0][0], "little") if rows else 0
            after = (before & ~flips.off) | flips.on
            if not after:
                self._db.change(_TABLE, "drop_chunk", place)
            elif after != before:
                bits = after.to_bytes((after.bit_length() + 7) // 8, "little")
                self._db.change(_TABLE, "put_chunk", {**place, "bits": bits})

    # --- reading ------------------------------------------------------------------------------

    def stale_bits(self) -> int:
        """The datasets that the index does not say right."""
        return self._set("stale_seqs")

    def facet(self, facet: str) -> dict[str, int]:
        """The datasets of each value of a facet."""
        return self._joined(self._db.rows(_TABLE, "bits", {"facet": facet}))

    def with_any(self, facet: str, values: list[str]) -> int:
        """The datasets that have one of these values."""
        params = {"facet": facet, "values": json.dumps(values)}
        found = 0
        for bits in self._joined(self._db.rows(_TABLE, "bits_of", params)).values():
            found |= bits
        return found

    def with_text(self, match: str) -> int:
        """The datasets whose text an FTS5 expression matches."""
        return self._set("text", match=match)

    def within(self, column: str, least: int, most: int) -> int:
        """The datasets whose `rows` or `interval` is in these bounds, from the table itself."""
        return self._set(f"{column}_within", least=least, most=most)

    def cards(self, seqs: list[int]) -> list[Any]:
        """The cards of some datasets, in the order asked for."""
        rows = self._db.rows(_TABLE, "cards", {"seqs": json.dumps(seqs)})
        found = {row[0]: json.loads(row[1]) for row in rows}
        return [found[seq] for seq in seqs if seq in found]

    def rows_of(self, seqs: list[int]) -> dict[int, int | None]:
        """How many rows some datasets have; None where it is not said."""
        return {row[0]: row[1] for row in self._db.rows(_TABLE, "rows_of", {"seqs": json.dumps(seqs)})}

    def by_rows(self, row_count: int, seq: int, limit: int) -> list[tuple[int, int]]:
        """(seq, rows) of the next datasets below a place, most rows first."""
        params = {"row_count": row_count, "seq": seq, "limit": limit}
        return [(row[0], row[1]) for row in self._db.rows(_TABLE, "by_rows", params)]

    def _set(self, name: str, **params: Any) -> int:
        return bits_of(self._db.rows(_TABLE, name, params)[0][0] or "")

    @staticmethod
    def _joined(rows: Iterable[Any]) -> dict[str, int]:
        found: dict[str, int] = {}
        for value, chunk, bits in rows:
            found[value] = found.get(value, 0) | int.from_bytes(bits, "little") << chunk * CHUNK
        return found


def bits_of(seqs: str) -> int:
    """A set of datasets from their numbers, written with commas between."""
    if not seqs:
        return 0
    found = list(map(int, seqs.split(",")))
    digits = bytearray(b"0") * (max(found) + 1)
    for seq in found:
        digits[-1 - seq] = 49  # "1"
    return int(digits, 2)


def highest(bits: int, below: int | None = None) -> Iterator[int]:
    """The numbers in a set, highest first; only those below a number, if one is given."""
    if below is not None:
        bits &= (1 << min(below, bits.bit_length())) - 1
    while bits:
        top = bits.bit_length() - 1
        yield top
        bits ^= 1 << top
