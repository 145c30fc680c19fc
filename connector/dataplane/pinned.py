"""One file as the contract names it: opened once, compared, and sent from that descriptor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Hashable
from pathlib import Path

from connector.dataplane.beneath import open_file
from connector.dataplane.body import Fingerprint, Verified
from connector.dataplane.reading import hash_fd, read_full, read_now
from connector.errors import SourceChanged, SourceInvalid


class PinnedFile:
    """A `Body` over one regular file.

    Replacing or removing the name while it is open does not disturb it: the
    descriptor keeps the old content. Writing into the file does, and is found.
    """

    def __init__(
        self, fd: int, *, said: str, stat: os.stat_result, sha256: str, media_type: str, verified: Verified
    ) -> None:
        self._fd = fd
        self._said = said
        self._opened = Fingerprint.of(stat)
        self._key: Hashable = (stat.st_dev, self._opened)
        self._sha256 = sha256
        self._media_type = media_type
        self._verified = verified

    @classmethod
    async def open(
        cls,
        path: Path,
        fingerprint: Fingerprint,
        sha256: str,
        *,
        verified: Verified,
        media_type: str = "application/octet-stream",
    ) -> PinnedFile:
        """Open the file that was described by `fingerprint` and `sha256`.

        Another fingerprint is accepted if the content, hashed again in a thread,
        still has that digest.

        Raises:
            SourceChanged: it vanished, is no regular file any more, or has other content.
        """
        try:
            fd = await asyncio.to_thread(open_file, path)
        except (FileNotFoundError, SourceInvalid) as error:
            raise SourceChanged("the source cannot be opened any more", pointer=path.name) from error
        body = cls(
            fd,
            said=path.name,
            stat=os.fstat(fd),
            sha256=sha256,
            media_type=media_type,
            verified=verified,
        )
        try:
            if body._opened != fingerprint:
                await body.verify()
        except BaseException:
            body.close()
            raise
        return body

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._opened.size

    @property
    def sha256(self) -> str:
        """The digest that the contract names."""
        return self._sha256

    @property
    def media_type(self) -> str:
        """The media type found when it was described."""
        return self._media_type

    @property
    def is_verified(self) -> bool:
        """Whether this process hashed this content under this fingerprint."""
        return self._verified.digest_of(self._key) == self._sha256

    @property
    def fd(self) -> int | None:
        """The descriptor to send from."""
        return self._fd

    def read_now(self, view: memoryview, offset: int) -> int | None:
        """Read from memory, see `Body`."""
        return read_now(self._fd, view, offset)

    def read(self, view: memoryview, offset: int) -> int:
        """Read, blocking, see `Body`."""
        return read_full(self._fd, view, offset)

    def check(self) -> None:
        """Size and modification time are still what they were.

        The change time is left out: renaming or unlinking the old name moves it
        and leaves the content alone.

        Raises:
            SourceChanged: somebody wrote into it.
        """
        stat = os.fstat(self._fd)
        if stat.st_mtime_ns != self._opened.mtime_ns or stat.st_size != self._opened.size:
            raise SourceChanged("the source was written to while it was read", pointer=self._said)

    async def verify(self) -> None:
        """Hash the content unless that was done, see `Body`.

        Raises:
            SourceChanged: it is not what the contract names.
        """
        found = self._verified.digest_of(self._key)
        if found is None:
            # A descriptor of its own: the hash may outlive this body when its reader gives up.
            fd = os.dup(self._fd)
            found = await self._verified.hash_once(self._key, lambda: _hash_and_close(fd))
            self.check()
            if found == self._sha256:
                self.mark_verified()
        if found != self._sha256:
            raise SourceChanged("the source has other content than the contract names", pointer=self._said)

    def mark_verified(self) -> None:
        """Remember that the content has the right digest."""
        newest = max(self._opened.ctime_ns, self._opened.mtime_ns)
        self._verified.record(self._key, self._sha256, changed_ns=newest)

    def close(self) -> None:
        """Close the descriptor once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _hash_and_close(fd: int) -> str:
    try:
        return hash_fd(fd)[0]
    finally:
        os.close(fd)
