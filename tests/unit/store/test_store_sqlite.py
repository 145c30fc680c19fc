"""The SQLite store: one commit for many, none for what failed, all after a crash, nothing on a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import BadInput, Unavailable
from connector.store.sqlite import SchemaTooNew, SqliteStore
from connector.store.tables import Tx

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    found = SqliteStore(tmp_path / "s.db")
    yield found
    await found.close()


def _put(key: str) -> object:
    return lambda tx: tx.put_meta(key, "yes")


async def _has(store: SqliteStore, key: str) -> bool:
    return await store.read(lambda tx: tx.get_meta(key)) == "yes"


class _Commits:
    """Counts the commits of a store's writer."""

    def __init__(self, store: SqliteStore) -> None:
        self.count = 0
        store._writer.raw.set_trace_callback(self._see)

    def _see(self, statement: str) -> None:
        self.count += statement.lower() == "commit"


async def test_every_commit_is_on_disk_before_anybody_is_answered(store: SqliteStore) -> None:
    raw = store._writer.raw
    assert raw.execute("pragma journal_mode").fetchone()[0] == "wal"
    assert raw.execute("pragma synchronous").fetchone()[0] == 2
    assert raw.execute("pragma foreign_keys").fetchone()[0] == 1


async def test_what_waits_is_committed_together(store: SqliteStore) -> None:
    """While one piece of work holds the writer, ten more queue up: they share the next commit."""
    holds, goes = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        holds.set()
        assert goes.wait(10)

    first = asyncio.create_task(store.transact(slow))
    await asyncio.to_thread(holds.wait, 10)
    commits = _Commits(store)
    rest = [
        asyncio.create_task(store.transact(lambda tx, i=i: tx.put_meta(f"k{i}", "yes"))) for i in range(10)
    ]
    await asyncio.sleep(0)
    goes.set()
    await asyncio.gather(first, *rest)
    assert commits.count == 2
    assert all([await _has(store, f"k{i}") for i in range(10)])


async def test_what_fails_is_undone_alone(store: SqliteStore) -> None:
    holds, goes = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        holds.set()
        assert goes.wait(10)

    def fails(tx: Tx) -> None:
        tx.put_meta("bad", "yes")
        raise BadInput("half way")

    woken: list[str] = []

    def wakes(tx: Tx) -> None:
        tx.after(lambda: woken.append("after"))
        fails(tx)

    first = asyncio.create_task(store.transact(slow))
    await asyncio.to_thread(holds.wait, 10)
    commits = _Commits(store)
    done = asyncio.gather(
        store.transact(_put("a")),  # type: ignore[arg-type]
        store.transact(fails),
        store.transact(wakes),
        store.transact(_put("b")),  # type: ignore[arg-type]
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    goes.set()
    results = await done
    await first
    assert [type(r) for r in results] == [type(None), BadInput, BadInput, type(None)]
    assert commits.count == 2, "the good ones still share a commit"
    assert [await _has(store, k) for k in ("a", "bad", "b")] == [True, False, True]
    assert woken == [], "nobody is woken by what did not happen"


async def test_who_is_woken_sees_what_was_committed(store: SqliteStore) -> None:
    seen: list[str | None] = []

    def work(tx: Tx) -> str:
        tx.put_meta("k", "yes")
        tx.after(lambda: seen.append(store._read_tx.get_meta("k")))
        return "answer"

    assert await store.transact(work) == "answer"
    assert seen == ["yes"]


async def test_readers_never_see_what_is_not_committed(store: SqliteStore) -> None:
    writes, goes = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        tx.put_meta("k", "yes")
        writes.set()
        assert goes.wait(10)

    task = asyncio.create_task(store.transact(work))
    await asyncio.to_thread(writes.wait, 10)
    assert not await _has(store, "k")
    goes.set()
    await task
    assert await _has(store, "k")


async def test_a_reader_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await store.read(lambda tx: tx.put_meta("k", "no"))


async def test_a_caller_that_goes_away_takes_nothing_with_it(store: SqliteStore) -> None:
    task = asyncio.create_task(store.transact(_put("k")))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.transact(_put("after"))  # type: ignore[arg-type]
    assert await _has(store, "k")


@pytest.mark.parametrize("in_line", [False, True])
async def test_what_was_answered_is_there_after_a_crash(tmp_path: Path, in_line: bool) -> None:
    path = tmp_path / "s.db"
    first = SqliteStore(path, in_line=in_line)
    await first.transact(_put("k"))  # type: ignore[arg-type]
    # A transaction that the machine died in: written, not committed.
    first._writer.raw.execute("begin immediate")
    first._write_tx.put_meta("open", "yes")
    copies = {p: p.read_bytes() for p in tmp_path.iterdir()}
    first._writer.raw.execute("rollback")
    first.discard()
    for old in tmp_path.iterdir():
        old.unlink()
    for old, content in copies.items():
        if not old.name.endswith("-shm"):
            old.write_bytes(content)
    second = SqliteStore(path, in_line=in_line)
    assert (await _has(second, "k"), await _has(second, "open")) == (True, False)
    await second.close()


async def test_a_full_disk_acknowledges_nothing_and_is_got_over(store: SqliteStore) -> None:
    raw = store._writer.raw
    await store.transact(_put("before"))  # type: ignore[arg-type]
    pages = raw.execute("pragma page_count").fetchone()[0]
    raw.execute(f"pragma max_page_count = {pages + 2}")
    woken: list[str] = []

    def large(tx: Tx) -> None:
        tx.after(lambda: woken.append("x"))
        tx.put_meta("large", "x" * 1_000_000)

    with pytest.raises(Unavailable) as caught:
        await store.transact(large)
    assert "full" in caught.value.message
    assert caught.value.hint
    assert caught.value.status == 503
    assert woken == []
    assert await store.read(lambda tx: tx.get_meta("large")) is None
    raw.execute("pragma max_page_count = 1000000")
    await store.transact(large)
    assert woken == ["x"]
    assert [await _has(store, k) for k in ("before",)] == [True]


async def test_a_full_disk_takes_down_everything_in_that_commit_and_says_so_to_each(
    store: SqliteStore,
) -> None:
    raw = store._writer.raw
    pages = raw.execute("pragma page_count").fetchone()[0]
    raw.execute(f"pragma max_page_count = {pages + 2}")
    holds, goes = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        holds.set()
        assert goes.wait(10)

    first = asyncio.create_task(store.transact(slow))
    await asyncio.to_thread(holds.wait, 10)
    works = [lambda tx, i=i: tx.put_meta(f"k{i}", "yes" if i != 2 else "x" * 1_000_000) for i in range(4)]
    gathered = asyncio.gather(*(store.transact(w) for w in works), return_exceptions=True)
    await asyncio.sleep(0)
    goes.set()
    await first
    results = await gathered
    assert [type(r) for r in results] == [Unavailable] * 4
    assert [await _has(store, f"k{i}") for i in range(4)] == [False] * 4
    raw.execute("pragma max_page_count = 1000000")
    await store.transact(_put("k0"))  # type: ignore[arg-type]
    assert await _has(store, "k0")


async def test_a_closed_store_takes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    last = asyncio.create_task(store.transact(_put("k")))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await store.close()
    await last
    await store.close()
    for call in (store.transact, store.read):
        with pytest.raises(Unavailable):
            await call(_put("x"))  # type: ignore[arg-type]
    again = SqliteStore(tmp_path / "s.db")
    assert await _has(again, "k")
    await again.close()


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = SqliteStore(path)
    await first.close()
    raw = sqlite3.connect(path)
    raw.execute("insert into schema_version values (999, 99)")
    raw.commit()
    raw.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew) as caught:
        SqliteStore(path)
    assert "99" in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before


async def test_an_unknown_but_harmless_newer_migration_does_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await SqliteStore(path).close()
    raw = sqlite3.connect(path)
    raw.execute("insert into schema_version values (999, 1)")
    raw.commit()
    raw.close()
    again = SqliteStore(path)
    await again.transact(_put("k"))  # type: ignore[arg-type]
    await again.close()


async def test_a_backup_is_the_committed_state_while_work_goes_on(store: SqliteStore, tmp_path: Path) -> None:
    for i in range(50):
        await store.transact(lambda tx, i=i: tx.put_meta(f"k{i}", "yes"))
    copying = asyncio.create_task(store.backup(tmp_path / "copy.db"))
    await store.transact(_put("during"))  # type: ignore[arg-type]
    await copying
    copy = SqliteStore(tmp_path / "copy.db")
    assert all([await _has(copy, f"k{i}") for i in range(50)])
    await copy.close()


async def test_a_folder_with_strange_letters_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "공장 100%?#1"
    folder.mkdir()
    store = SqliteStore(folder / "s.db")
    await store.transact(_put("k"))  # type: ignore[arg-type]
    assert await _has(store, "k")
    await store.close()
    assert (folder / "s.db").exists()
