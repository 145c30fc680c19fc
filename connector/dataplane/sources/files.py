"""A single file as a source."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from connector.dataplane.beneath import open_file
from connector.dataplane.body import Fingerprint, Verified
from connector.dataplane.pinned import PinnedFile
from connector.dataplane.reading import Progress, hash_fd
from connector.dataplane.sources.api import Kind, SourceDescription
from connector.dataplane.sources.media import media_type_of
from connector.dataplane.sources.profile import Profile
from connector.dataplane.sources.settle import SETTLE_S, settled
from connector.dataplane.sources.worker import profile_apart
from connector.errors import SourceInvalid
from connector.model.ports import Clock


class FileSource:
    """Describes and opens regular files on this machine."""

    def __init__(self, clock: Clock, verified: Verified, *, settle_s: float = SETTLE_S) -> None:
        self._clock = clock
        self._verified = verified
        self._settle_s = settle_s

    async def inspect(self, path: Path, *, progress: Progress | None = None) -> SourceDescription:
        """Hash and profile a file, in threads and a worker process, in constant memory.

        `progress` hears of the bytes hashed.

        Raises:
            SourceInvalid: missing, a link, a device, a path trick, or being written to.
        """
        path = Path.cwd() / path
        said = os.fspath(path)
        try:
            fd = await asyncio.to_thread(open_file, path)
        except FileNotFoundError:
            raise SourceInvalid("there is no such file", pointer=said) from None
        try:
            stat = await settled(
                lambda: Fingerprint.of(os.fstat(fd)), said=said, clock=self._clock, settle_s=self._settle_s
            )
            try:
                sha256, size = await asyncio.to_thread(_hash, fd, stat.size, progress)
            except OSError as error:
                raise SourceInvalid(f"it cannot be read: {error.strerror}", pointer=said) from None
            media_type = media_type_of(path.name)
            profile: Profile = await profile_apart(fd, media_type=media_type, size=size)
            after = os.fstat(fd)
            if Fingerprint.of(after) != stat or size != stat.size:
                raise SourceInvalid("it was written to while it was read", pointer=said)
            key = (after.st_dev, stat)
            self._verified.record(key, sha256, changed_ns=max(stat.mtime_ns, stat.ctime_ns))
        finally:
            os.close(fd)
        return SourceDescription(
            kind=Kind.FILE,
            path=path,
            name=path.name,
            size=size,
            sha256=sha256,
            digest=sha256,
            media_type=media_type,
            encoding=profile.encoding,
            columns=profile.columns,
            row_count=profile.row_count,
            members=(),
            fingerprint=stat,
            notes=profile.notes,
        )

    async def open(self, description: SourceDescription) -> PinnedFile:
        """Open exactly the file that was described.

        Raises:
            SourceChanged: it vanished or has other content.
        """
        return await PinnedFile.open(
            description.path,
            description.fingerprint,
            description.sha256,
            verified=self._verified,
            media_type=description.media_type,
        )


def _hash(fd: int, size: int, progress: Progress | None) -> tuple[str, int]:
    return hash_fd(fd, progress=None if progress is None else lambda done: progress(done, size))
