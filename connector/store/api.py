"""What an engine has to offer, and what a service gets from it.

A service hands `transact` one plain function that reads and writes through a
`Tx`; the engine runs it, commits, and only then answers. Nothing in it may
wait for the network. A second engine implements `Executor` and `Store` and
shares everything else (tables.py, the SQL texts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from connector.store.tables import Tx

T = TypeVar("T")
Row = Mapping[str, Any]


class Executor(Protocol):
    """Runs named SQL with bound parameters inside the open transaction."""

    def rows(self, aggregate: str, name: str, params: Mapping[str, Any]) -> list[Any]:
        """All rows of a query."""
        ...

    def change(self, aggregate: str, name: str, params: Mapping[str, Any]) -> int:
        """Run a statement; how many rows it changed."""
        ...


class Store(Protocol):
    """A durable store. `transact` returns after the commit is on disk."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction: all of it is durable, or nothing happened.

        Raises:
            Unavailable: the disk is full or broken, or the store is closing.
            Exception: whatever `work` raised, after a rollback.
        """
        ...

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, which only reads, on the newest committed state."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close the files."""
        ...
