"""A folder as the contract names it, sent as the archive that `archive.py` lays out."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from connector.dataplane.archive import MEDIA_TYPE, Layout
from connector.dataplane.beneath import open_folder, open_member
from connector.dataplane.body import SLICE_BYTES, Fingerprint, Verified
from connector.dataplane.reading import read_full, read_now
from connector.errors import SourceChanged, SourceInvalid


class PinnedFolder:
    """A `Body` over the members that were described; files added since are not sent.

    One member is open at a time, so a folder of any size needs two descriptors.
    """

    def __init__(
        self,
        folder: int,
        *,
        said: str,
        members: Sequence[tuple[str, Fingerprint]],
        sha256: str,
        verified: Verified,
    ) -> None:
        self._folder = folder
        self._said = said
        self._members = members
        self._sha256 = sha256
        self._verified = verified
        self._layout = Layout([(path, stat.size) for path, stat in members])
        self._key: Hashable = (os.fstat(folder).st_dev, tuple(members))
        self._current = -1
        self._current_fd = -1

    @classmethod
    async def open(
        cls, path: Path, members: Sequence[tuple[str, Fingerprint]], sha256: str, *, verified: Verified
    ) -> PinnedFolder:
        """Open the folder whose members had these fingerprints and whose archive had this digest.

        Members with another fingerprint but the same size are accepted if the
        archive, hashed again in a thread, still has that digest.

        Raises:
            SourceChanged: a member vanished, is no regular file any more, or has other content.
        """

        def opened() -> tuple[int, list[tuple[str, Fingerprint]]]:
            folder = open_folder(path)
            try:
                return folder, [(name, _fingerprint(folder, name)) for name, _ in members]
            except BaseException:
                os.close(folder)
                raise

        try:
            folder, now = await asyncio.to_thread(opened)
        except (FileNotFoundError, SourceInvalid) as error:
            raise SourceChanged("the source cannot be opened any more", pointer=path.name) from error
        body = cls(folder, said=path.name, members=tuple(now), sha256=sha256, verified=verified)
        try:
            if now != list(members):
                await body.verify()
        except BaseException:
            body.close()
            raise
        return body

    @property
    def size(self) -> int:
        """Bytes of the archive."""
        return self._layout.size

    @property
    def sha256(self) -> str:
        """SHA-256 of the archive."""
        return self._sha256

    @property
    def media_type(self) -> str:
        """A tar."""
        return MEDIA_TYPE

    @property
    def is_verified(self) -> bool:
        """Whether this process hashed this content under these fingerprints."""
        return self._verified.digest_of(self._key) == self._sha256

    @property
    def fd(self) -> int | None:
        """None: the bytes are no single file."""
        return None

    def read_now(self, view: memoryview, offset: int) -> int | None:
        """Read from memory, see `Body`; a member that is not open yet counts as waiting."""
        segment = self._layout.find(offset)
        if segment.member >= 0 and segment.member != self._current:
            return None
        return self._read_part(view, offset, read_now)

    def read(self, view: memoryview, offset: int) -> int:
        """Read, blocking, see `Body`."""
        done = 0
        while done < len(view) and offset + done < self.size:
            done += self._read_part(view[done:], offset + done, read_full) or 0
        return done

    def check(self) -> None:
        """The member being sent is still what it was.

        Raises:
            SourceChanged: somebody wrote into it.
        """
        if self._current < 0:
            return
        name, known = self._members[self._current]
        stat = os.fstat(self._current_fd)
        if stat.st_mtime_ns != known.mtime_ns or stat.st_size != known.size:
            raise SourceChanged("the source was written to while it was read", pointer=name)

    async def verify(self) -> None:
        """Hash the archive unless that was done, see `Body`.

        Raises:
            SourceChanged: it is not what the contract names.
        """
        found = self._verified.digest_of(self._key)
        if found is None:
            folder = os.dup(self._folder)
            found = await self._verified.hash_once(self._key, lambda: self._hash_and_close(folder))
            if found == self._sha256:
                self.mark_verified()
        if found != self._sha256:
            raise SourceChanged("the source has other content than the contract names", pointer=self._said)

    def mark_verified(self) -> None:
        """Remember that the archive has the right digest."""
        newest = max((max(stat.ctime_ns, stat.mtime_ns) for _, stat in self._members), default=0)
        self._verified.record(self._key, self._sha256, changed_ns=newest)

    def close(self) -> None:
        """Close both descriptors once."""
        if self._current_fd >= 0:
            os.close(self._current_fd)
        if self._folder >= 0:
            os.close(self._folder)
        self._current = self._current_fd = self._folder = -1

    def _read_part(
        self, view: memoryview, offset: int, reader: Callable[[int, memoryview, int], int | None]
    ) -> int | None:
        segment = self._layout.find(offset)
        skip = offset - segment.offset
        count = min(len(view), segment.length - skip)
        if segment.member < 0:
            view[:count] = segment.data[skip : skip + count]
            return count
        self._turn_to(segment.member)
        done = reader(self._current_fd, view[:count], skip)
        if done == 0:
            raise SourceChanged("a member became shorter", pointer=self._members[segment.member][0])
        return done

    def _turn_to(self, member: int) -> None:
        if member == self._current:
            return
        if self._current_fd >= 0:
            os.close(self._current_fd)
        self._current = self._current_fd = -1
        name = self._members[member][0]
        try:
            self._current_fd = open_member(self._folder, name)
        except (FileNotFoundError, SourceInvalid) as error:
            raise SourceChanged("a member cannot be opened any more", pointer=name) from error
        self._current = member
        self.check()

    def _hash_and_close(self, folder: int) -> str:
        # A reader of its own: the hash runs in a thread beside a stream that uses this one.
        reader = PinnedFolder(
            folder, said=self._said, members=self._members, sha256=self._sha256, verified=self._verified
        )
        try:
            hasher = hashlib.sha256()
            buffer = memoryview(bytearray(SLICE_BYTES))
            offset = 0
            while count := reader.read(buffer, offset):
                hasher.update(buffer[:count])
                offset += count
                reader.check()
            return hasher.hexdigest()
        finally:
            reader.close()


def _fingerprint(folder: int, name: str) -> Fingerprint:
    fd = open_member(folder, name)
    try:
        return Fingerprint.of(os.fstat(fd))
    finally:
        os.close(fd)
