"""What can be sent: a fixed run of bytes with a known digest, and what is known to be unchanged."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connector.model.ports import Clock

SLICE_BYTES = 1 << 20
"""The most that is read, or handed to the kernel, between two looks at the contract."""

_KNOWN_LIMIT = 4096
_RACY_S = 1.0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the file system says of a file: if all four are equal, its content is taken as unchanged.

    `size` in bytes, `mtime_ns` and `ctime_ns` in nanoseconds since the epoch. The
    change time catches a modification time that was set back by hand.
    """

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Fingerprint:
        """The fingerprint of a stat."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns)

    def as_json(self) -> dict[str, int]:
        """A JSON object with the four numbers, for a row."""
        return {
            "size": self.size,
            "mtimeNs": self.mtime_ns,
            "inode": self.inode,
            "ctimeNs": self.ctime_ns,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> Fingerprint:
        """Read back what `as_json` wrote.

        Raises:
            KeyError: one of the four is missing.
        """
        return cls(value["size"], value["mtimeNs"], value["inode"], value["ctimeNs"])


class Body(Protocol):
    """A fixed run of `size` bytes whose SHA-256 is `sha256`; it has to be closed.

    The read methods may be called from any thread, one call at a time.
    """

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 of those bytes as 64 hex digits: the strong ETag."""
        ...

    @property
    def media_type(self) -> str:
        """What to announce as Content-Type."""
        ...

    @property
    def is_verified(self) -> bool:
        """Whether the bytes behind it were hashed since they last changed."""
        ...

    @property
    def fd(self) -> int | None:
        """The descriptor for sendfile where the bytes are one regular file, else None."""
        ...

    def read_now(self, view: memoryview, offset: int) -> int | None:
        """Read what memory holds already; None where that would mean waiting for a disk.

        Raises:
            SourceChanged: the source is no longer what it was.
        """
        ...

    def read(self, view: memoryview, offset: int) -> int:
        """Fill `view` from `offset`, blocking; returns the bytes read, less only at the end.

        Raises:
            SourceChanged: the source is no longer what it was.
        """
        ...

    def check(self) -> None:
        """Compare the file system's word with what it was when opened (a few microseconds).

        Raises:
            SourceChanged: it differs.
        """
        ...

    async def verify(self) -> None:
        """Hash the whole body, once however many ask at the same time.

        Raises:
            SourceChanged: the digest is not `sha256`.
        """
        ...

    def mark_verified(self) -> None:
        """Note that the bytes just read, all of them, had the right digest."""
        ...

    def close(self) -> None:
        """Release the descriptors; repeating it does nothing."""
        ...


class Verified:
    """Which content stands behind which fingerprint, as hashed by this process.

    One object per process, made by the composition root. It forgets the oldest
    entries beyond a few thousand. A file that was written within the last second
    is not remembered: a second write in the same tick of the file system's clock
    would leave no trace.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[Hashable, str] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[str]] = {}

    def digest_of(self, key: Hashable) -> str | None:
        """The digest hashed for this key, or None."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def record(self, key: Hashable, sha256: str, *, changed_ns: int) -> None:
        """Remember a digest; `changed_ns` is the newest change time among the files behind it."""
        if self._clock.now().timestamp() - changed_ns / 1e9 < _RACY_S:
            return
        self._known[key] = sha256
        self._known.move_to_end(key)
        while len(self._known) > _KNOWN_LIMIT:
            self._known.popitem(last=False)

    async def hash_once(self, key: Hashable, hash_it: Callable[[], str]) -> str:
        """Run `hash_it` in a thread; callers with the same key share one run."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(hash_it))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: Hashable, task: asyncio.Task[str]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            # Somebody may have stopped waiting; the failure is theirs who still wait.
            task.exception()
