"""The receiving end on disk: `NAME.part` beside a small state file, then one rename."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from connector.dataplane.body import SLICE_BYTES
from connector.errors import Conflict, ConnectorError, PeerFailed, SourceInvalid, Unavailable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class PartFile:
    """A `Sink` into one file.

    While it is open it holds a lock, so two pulls never mix. Bytes are gathered
    to 1 MiB, then hashed and written in a thread. The state file names the tag
    and the digest that the part belongs to; a part without a matching one is
    thrown away. A power cut may leave a part that is not what was received: the
    digest at the end finds that.
    """

    def __init__(self, target: Path, *, sha256: str | None = None) -> None:
        self.target = target
        self.held = 0
        self.etag: str | None = None
        self._part = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")
        self._sha256 = sha256
        self._fd = -1
        self._written = 0
        self._hasher = hashlib.sha256()
        self._gathered = bytearray()

    async def digest(self) -> str:
        """SHA-256 of what is held by now."""
        await self._flush()
        return self._hasher.hexdigest()

    async def open(self) -> int:
        """Make the folders, take the lock, and take up what an earlier run left; returns its bytes.

        Raises:
            Conflict: another pull holds it.
            Unavailable: it cannot be written there.
        """
        await self._in_thread(self._open)
        self.held = self._written
        return self.held

    async def begin(self, etag: str | None, size: int | None) -> int:
        """Note what the part belongs to, durably before the first byte; returns the bytes held.

        A weak tag, or none, cannot be continued later.

        Raises:
            Unavailable: there is no room for `size` bytes.
        """
        strong = etag if etag is not None and etag.startswith('"') else None
        if strong != self.etag or not self._state.exists():
            self.etag = strong
            await self._in_thread(self._write_state)
        if size is not None:
            await self._in_thread(lambda: self._check_room(size - self.held))
        return self.held

    async def restart(self) -> None:
        """Throw away what is held."""
        self._gathered.clear()
        self.held = 0
        self.etag = None
        await self._in_thread(self._truncate)

    async def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            Unavailable: the disk is full; what was written before stays.
        """
        self._gathered += chunk
        self.held += len(chunk)
        if len(self._gathered) >= SLICE_BYTES:
            await self._flush()

    async def commit(self, sha256: str | None) -> str:
        """Sync, check and rename in place of the target; returns the digest.

        Raises:
            PeerFailed: the digest differs (code `digest-mismatch`); the part is emptied.
        """
        found = await self.digest()
        if sha256 is not None and found != sha256:
            await self.restart()
            raise PeerFailed(
                "what arrived does not have the digest that the contract names", code="digest-mismatch"
            )
        await self._in_thread(self._finish)
        return found

    async def close(self) -> None:
        """Write what was gathered and let go of the lock; a later run continues from there."""
        if self._fd < 0:
            return
        try:
            # On the way out of another failure; that one counts.
            with suppress(ConnectorError):
                await self._flush()
        finally:
            with suppress(OSError):
                self._tidy()
            os.close(self._fd)
            self._fd = -1

    async def _flush(self) -> None:
        gathered, self._gathered = self._gathered, bytearray()
        if gathered:
            await self._in_thread(lambda: self._append(gathered))

    async def _in_thread(self, work: Callable[[], None]) -> None:
        running = asyncio.create_task(asyncio.to_thread(work))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # The descriptor must not be closed, and its number reused, under a running write.
            await asyncio.wait({running})
            raise
        except OSError as error:
            self.held = self._written
            raise _said(error, self.target) from error

    def _open(self) -> None:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if self.target.is_dir():
            raise SourceInvalid("a folder stands where the file should go", pointer=str(self.target))
        self._fd = os.open(self._part, _FLAGS, 0o600)
        try:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("another pull is writing this file", pointer=self.target.name) from None
            if not self._is_ours():
                raise Conflict("another pull has just finished this file", pointer=self.target.name)
            self.etag = self._read_state()
            if self.etag is None:
                self._truncate()
            else:
                self._rehash()
        except BaseException:
            os.close(self._fd)
            self._fd = -1
            raise

    def _is_ours(self) -> bool:
        # Between opening and locking, the other run may have renamed the part away.
        try:
            return os.fstat(self._fd).st_ino == self._part.stat().st_ino
        except FileNotFoundError:
            return False

    def _read_state(self) -> str | None:
        try:
            state = json.loads(self._state.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(state, dict) or state.get("sha256") != self._sha256:
            return None
        etag = state.get("etag")
        return etag if isinstance(etag, str) else None

    def _write_state(self) -> None:
        fresh = self._state.with_name(self._state.name + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump({"etag": self.etag, "sha256": self._sha256}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._state)

    def _rehash(self) -> None:
        buffer = memoryview(bytearray(SLICE_BYTES))
        while count := os.preadv(self._fd, [buffer], self._written):
            self._hasher.update(buffer[:count])
            self._written += count

    def _truncate(self) -> None:
        os.ftruncate(self._fd, 0)
        self._written = 0
        self._hasher = hashlib.sha256()

    def _append(self, gathered: bytearray) -> None:
        view = memoryview(gathered)
        while view:
            count = os.pwrite(self._fd, view, self._written)
            self._hasher.update(view[:count])
            self._written += count
            view = view[count:]

    def _check_room(self, wanted: int) -> None:
        found = os.fstatvfs(self._fd)
        if found.f_bavail * found.f_frsize < wanted:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _finish(self) -> None:
        os.fsync(self._fd)
        self._part.replace(self.target)
        self._state.unlink(missing_ok=True)
        folder = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _tidy(self) -> None:
        if self._written == 0 and self._is_ours():
            self._part.unlink()
            self._state.unlink(missing_ok=True)


def _said(error: OSError, target: Path) -> ConnectorError:
    if error.errno in _NO_ROOM:
        return Unavailable("the disk is full", pointer=target.name, hint="free space and pull again")
    return Unavailable(error.strerror or "cannot be written", pointer=target.name)
