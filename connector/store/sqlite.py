"""SQLite: one file, one writer thread, WAL, synchronous=FULL.

The writer takes whatever is queued, runs each piece of work in a savepoint of
its own (a lone one needs none), and commits them together: one fsync for many.
Nobody is answered before that commit. Reads run on a second, read-only
connection, in place.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from connector.errors import ConnectorError, Unavailable
from connector.store import named
from connector.store.tables import Tx

T = TypeVar("T")
_BATCH: Final = 64
_CODE_VERSION: Final = 3
"""The newest schema this code knows. A migration names the oldest code that may open its result."""
_Job = tuple[Callable[[Tx], Any], "asyncio.Future[Any]"]


class _Connection:
    """An `Executor` over one sqlite3 connection."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        uri = f"file:{_quote(path)}" + ("?mode=ro" if read_only else "")
        self.raw = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        self.raw.row_factory = sqlite3.Row
        self.raw.execute("pragma busy_timeout = 5000")
        if not read_only:
            self.raw.execute("pragma journal_mode = wal")
            self.raw.execute("pragma synchronous = full")
            # The same pages are written again and again: carried over four times as rarely as by default.
            self.raw.execute("pragma wal_autocheckpoint = 4000")
            self.raw.execute("pragma foreign_keys = on")

    def rows(self, aggregate: str, name: str, params: Mapping[str, Any]) -> list[Any]:
        """All rows of a query."""
        return self.raw.execute(named.queries(aggregate)[name], params).fetchall()

    def change(self, aggregate: str, name: str, params: Mapping[str, Any]) -> int:
        """Run a statement; how many rows it changed."""
        return self.raw.execute(named.queries(aggregate)[name], params).rowcount


def _quote(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


class SqliteStore:
    """The store of one connector on one machine.

    `in_line=True` runs everything in the caller's thread, for deterministic simulation.
    """

    def __init__(self, path: Path, *, in_line: bool = False) -> None:
        self._path = path
        self._writer = _Connection(path, read_only=False)
        _migrate(self._writer.raw, path)
        self._reader = _Connection(path, read_only=True)
        self._read_tx = Tx(self._reader)
        self._aside: _Connection | None = None
        self._aside_lock = threading.Lock()
        self._write_tx = Tx(self._writer)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_open = True
        if not in_line:
            self._thread = threading.Thread(target=self._write, name="store-writer", daemon=True)
            self._thread.start()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and return once it is on disk."""
        if not self._is_open:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._batch([(work, future)], lambda settle: settle())
        else:
            self._jobs.put((work, future))
        return await future

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run reading work on the newest committed state."""
        if not self._is_open:
            raise Unavailable("the store is closed")
        return work(self._read_tx)

    async def read_aside(self, work: Callable[[Tx], T]) -> T:
        """Run longer reading work on one committed state, in a thread, one at a time.

        What takes tens of milliseconds would hold up every partner if it ran in place.
        """
        if not self._is_open:
            raise Unavailable("the store is closed")
        if self._thread is None:
            return work(self._read_tx)
        return await asyncio.to_thread(self._read_aside, work)

    def _read_aside(self, work: Callable[[Tx], T]) -> T:
        with self._aside_lock:
            if not self._is_open:
                raise Unavailable("the store is closed")
            if self._aside is None:
                self._aside = _Connection(self._path, read_only=True)
            raw = self._aside.raw
            raw.execute("begin")
            try:
                return work(Tx(self._aside))
            finally:
                raw.execute("rollback")

    def _close_aside(self) -> None:
        with self._aside_lock:
            if self._aside is not None:
                self._aside.raw.close()
                self._aside = None

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        if not self._is_open:
            return
        self._is_open = False
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            await asyncio.to_thread(self._close_aside)
        self._reader.raw.close()
        self._writer.raw.close()

    def discard(self) -> None:
        """Close the files where they stand, as a crash would; what is committed stays."""
        self._is_open = False
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self._close_aside()
        self._reader.raw.close()
        self._writer.raw.close()

    async def backup(self, target: Path) -> None:
        """Copy the committed state into a new file while work goes on."""

        def copy() -> None:
            source = sqlite3.connect(f"file:{_quote(self._path)}?mode=ro", uri=True)
            copied = sqlite3.connect(target)
            with copied:
                source.backup(copied, pages=4096)
            copied.close()
            source.close()

        await asyncio.to_thread(copy)

    def _write(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            ends = False
            while len(batch) < _BATCH:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ends = True
                    break
                batch.append(more)
            loop = job[1].get_loop()
            self._batch(batch, lambda settle, loop=loop: loop.call_soon_threadsafe(settle))  # type: ignore[misc]
            if ends:
                return

    def _batch(self, batch: list[_Job], on_loop: Callable[[Callable[[], None]], object]) -> None:
        outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None, list[Callable[[], None]]]] = []
        raw = self._writer.raw
        failure: BaseException | None = None
        try:
            raw.execute("begin immediate")
            for work, future in batch:
                outcomes.append((future, *self._one(work, is_alone=len(batch) == 1)))
            if raw.in_transaction:
                raw.execute("commit")
        except sqlite3.Error as error:
            failure = Unavailable(f"the store cannot write: {error}", hint="free disk space, then try again")
            if raw.in_transaction:
                raw.execute("rollback")
            self._write_tx.forget()

        def settle() -> None:
            for future, result, error, after in outcomes if failure is None else []:
                for wake in after:
                    wake()
                if future.cancelled():
                    continue
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(result)
            if failure is not None:
                for _, future in batch:
                    if not future.cancelled():
                        future.set_exception(failure)

        on_loop(settle)

    def _one(
        self, work: Callable[[Tx], Any], *, is_alone: bool
    ) -> tuple[Any, BaseException | None, list[Callable[[], None]]]:
        """Run one piece of work; alone in its transaction it needs no savepoint of its own."""
        raw = self._writer.raw
        if not is_alone:
            raw.execute("savepoint work")
        try:
            result = work(self._write_tx)
        except sqlite3.OperationalError:
            # Full or broken disk: SQLite may have rolled the whole transaction back already.
            self._write_tx.forget()
            raise
        except Exception as error:  # noqa: BLE001  # it is handed to the one who asked
            self._write_tx.forget()
            raw.execute("rollback" if is_alone else "rollback to work")
            if not is_alone:
                raw.execute("release work")
            return None, error, []
        if not is_alone:
            raw.execute("release work")
        return result, None, self._write_tx.take_after()


class SchemaTooNew(ConnectorError):
    """The database was written by newer code; this code may not open it."""

    code = "schema-too-new"


def _migrate(raw: sqlite3.Connection, path: Path) -> None:
    raw.execute(
        "create table if not exists schema_version (number integer primary key, oldest_code integer not null)"
    )
    applied, oldest = raw.execute(
        "select coalesce(max(number), 0), coalesce(max(oldest_code), 0) from schema_version"
    ).fetchone()
    if oldest > _CODE_VERSION:
        raise SchemaTooNew(
            f"{path} needs a connector of schema version {oldest} or newer, this is {_CODE_VERSION}",
            hint="install the newer connector, or restore an older backup",
        )
    for number, script in named.migrations():
        if number > applied:
            oldest_code = int(script.partition("oldest code: ")[2].split()[0])
            body = f"begin;\n{script}\ninsert into schema_version values ({number}, {oldest_code});\ncommit;"
            raw.executescript(body)
