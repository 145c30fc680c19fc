"""The ledger as the file that anybody can verify, written a piece at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connector.ledger.log import peek_head
from connector.ledger.merkle import Node as TreeNode
from connector.service.journal import Journal
from connector.store.api import Store
from connector.store.tables import Tx

_PIECE_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The log as it was at one moment, over a store that goes on growing."""

    tx: Tx
    size: int
    heads: tuple[str, ...]

    def ledger_size(self) -> int:
        """How many leaves there were."""
        return self.size

    def ledger_node(self, level: int, index: int) -> bytes:
        """As in the store: nodes never change."""
        return self.tx.ledger_node(level, index)

    def add_ledger_leaf(self, seq: int, body: bytes, leaf: bytes, nodes: Iterable[TreeNode]) -> None:
        """Never: this is for reading."""
        raise AssertionError("an export writes nothing")

    def ledger_bodies(self, start: int, stop: int) -> Iterator[bytes]:
        """As in the store: leaves never change."""
        return self.tx.ledger_bodies(start, min(stop, self.size))

    def add_ledger_head(self, size: int, root: str, token: str) -> None:
        """Never: this is for reading."""
        raise AssertionError("an export writes nothing")

    def ledger_heads(self) -> list[str]:
        """The heads there were."""
        return list(self.heads)

    def newest_ledger_head(self) -> tuple[int, str] | None:
        """The last of them."""
        return (self.size, self.heads[-1]) if self.heads else None


async def export(store: Store, journal: Journal, keys: Iterable[Mapping[str, str]]) -> AsyncIterator[bytes]:
    """The whole log as NDJSON in pieces of some 256 KiB (`ledger.log.Ledger.export`), sealed first."""

    def seal(tx: Tx) -> tuple[int, tuple[str, ...]]:
        journal.seal(tx)
        size = tx.ledger_size()
        return size, tuple(h for h in tx.ledger_heads() if peek_head(h).size <= size)

    size, heads = await store.transact(seal)
    own = [dict(key) for key in keys]
    lines = await store.read(lambda tx: journal.ledger.export(_Fixed(tx, size, heads), own))
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
            await asyncio.sleep(0)
    yield bytes(piece)
