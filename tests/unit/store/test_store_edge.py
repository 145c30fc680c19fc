"""The ledger's edge that the writer remembers is never that of a transaction which was taken back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import BadInput
from connector.ledger.log import LeafKind, Ledger
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LEDGER = Ledger("did:web:factory-a.example")


def _append(tx: Tx, subject: str) -> int:
    return LEDGER.append(tx, LeafKind.STATE, "local", subject, {"to": "AGREED"}, NOW)


def _append_and_fail(tx: Tx) -> None:
    for number in range(3):
        _append(tx, f"urn:gone:{number}")
    raise BadInput("no")


@pytest.mark.parametrize("together", [False, True])
async def test_a_log_grows_as_if_what_failed_had_never_been(tmp_path: Path, together: bool) -> None:
    store = SqliteStore(tmp_path / "s.db")
    calm = SqliteStore(tmp_path / "calm.db")
    for number in range(9):
        work = [lambda tx, n=number: _append(tx, f"urn:kept:{n}"), _append_and_fail]
        if together:  # both in one commit: the second one is taken back to its savepoint
            found = await asyncio.gather(*(store.transact(w) for w in work), return_exceptions=True)
        else:
            found = [await store.transact(work[0])]
            with pytest.raises(BadInput):
                await store.transact(work[1])
        assert found[0] == number
        await calm.transact(lambda tx, n=number: _append(tx, f"urn:kept:{n}"))
    heads = [await s.read(lambda tx: LEDGER.head(tx, NOW)) for s in (store, calm)]
    assert heads[0] == heads[1]
    assert heads[0].size == 9
    await store.close()
    await calm.close()


async def test_the_edge_is_read_again_after_a_restart(tmp_path: Path) -> None:
    for first in (0, 5, 8):
        store = SqliteStore(tmp_path / "s.db")
        for number in range(first, first + 5 if first == 0 else first + 3):
            assert await store.transact(lambda tx, n=number: _append(tx, f"urn:{n}")) == number
        await store.close()
    store, calm = SqliteStore(tmp_path / "s.db"), SqliteStore(tmp_path / "calm.db")
    for number in range(11):
        await calm.transact(lambda tx, n=number: _append(tx, f"urn:{n}"))
    heads = [await s.read(lambda tx: LEDGER.head(tx, NOW)) for s in (store, calm)]
    assert heads[0] == heads[1]
    await store.close()
    await calm.close()
