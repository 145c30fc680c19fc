"""Catalog pages as they were last rendered, kept while nothing in the catalog changes.

A partner reads a catalog page by page, again and again; the same page for the same
view (the access policies that let it through) is the same bytes. The generation is
counted up within the transaction that changes the catalog, and a page is kept only
once the transaction that rendered it is on disk: what rolls back is never served.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from connector.store.tables import Tx

MAX_BYTES: Final = 16 << 20
"""All kept pages together: a hundred pages of a hundred datasets."""


@dataclass(frozen=True, slots=True)
class Page:
    """A catalog page: the body, how many datasets, and where the pages beside it begin (None: nowhere)."""

    body: bytes
    datasets: int
    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class _Kept:
    generation: int
    expires: str
    page: Page


class Pages:
    """The pages of one catalog, least recently used ones dropped."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._generation = 0

    @property
    def generation(self) -> int:
        """Which state of the catalog is the newest; read it before rendering."""
        return self._generation

    def change(self) -> None:
        """The open transaction changes the catalog."""
        self._generation += 1

    def find(self, key: Hashable, soon: str) -> Page | None:
        """A kept page of which no offer has to be signed anew before `soon` (a written time)."""
        kept = self._kept.get(key)
        if kept is None or kept.generation != self._generation or kept.expires < soon:
            return None
        return kept.page

    def keep(self, tx: Tx, key: Hashable, page: Page, *, generation: int, expires: str) -> None:
        """Keep a page once the transaction is on disk; `expires` is its first offer's (a written time)."""
        tx.after(lambda: self._put(key, _Kept(generation, expires, page)))

    def _put(self, key: Hashable, kept: _Kept) -> None:
        if kept.generation != self._generation:
            return
        old = self._kept.pop(key, None)
        self._bytes += len(kept.page.body) - (len(old.page.body) if old else 0)
        self._kept[key] = kept
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.page.body)
