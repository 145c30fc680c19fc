"""A folder, with everything below it, as a source."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from connector.dataplane.archive import MEDIA_TYPE, Layout, Member, folder_digest
from connector.dataplane.beneath import open_folder, open_member
from connector.dataplane.body import Fingerprint, Verified
from connector.dataplane.pinned_folder import PinnedFolder
from connector.dataplane.reading import Progress, hash_fd
from connector.dataplane.sources.api import FolderMember, Kind, SourceDescription
from connector.dataplane.sources.settle import SETTLE_S, settled
from connector.errors import SourceInvalid
from connector.model.ports import Clock

MAX_MEMBERS = 50_000
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class _Walk:
    device: int
    folder: Fingerprint
    files: tuple[tuple[str, Fingerprint], ...]


class FolderSource:
    """Describes folders and opens them as deterministic archives."""

    def __init__(self, clock: Clock, verified: Verified, *, settle_s: float = SETTLE_S) -> None:
        self._clock = clock
        self._verified = verified
        self._settle_s = settle_s

    async def inspect(self, path: Path, *, progress: Progress | None = None) -> SourceDescription:
        """Walk and hash a folder, in a thread, in constant memory per file.

        Raises:
            SourceInvalid: missing, empty, over 50,000 files, holding a link, a device
                or a name that is not UTF-8, or being written to.
        """
        path = Path.cwd() / path
        said = os.fspath(path)
        try:
            folder = await asyncio.to_thread(open_folder, path)
        except FileNotFoundError:
            raise SourceInvalid("there is no such folder", pointer=said) from None
        try:
            found = await settled(
                lambda: _walk(folder), said=said, clock=self._clock, settle_s=self._settle_s
            )
            if not found.files:
                raise SourceInvalid("the folder holds no file", pointer=said)
            layout = Layout([(name, known.size) for name, known in found.files])
            sha256, members = await asyncio.to_thread(_hash, folder, found, layout, progress)
            if await asyncio.to_thread(_walk, folder) != found:
                raise SourceInvalid("it was written to while it was read", pointer=said)
        finally:
            os.close(folder)
        newest = max(max(known.mtime_ns, known.ctime_ns) for _, known in found.files)
        self._verified.record((found.device, found.files), sha256, changed_ns=newest)
        return SourceDescription(
            kind=Kind.FOLDER,
            path=path,
            name=f"{path.name or 'folder'}.tar",
            size=layout.size,
            sha256=sha256,
            digest=folder_digest([Member(m.path, m.size, m.sha256) for m in members]),
            media_type=MEDIA_TYPE,
            encoding=None,
            columns=(),
            row_count=None,
            members=members,
            fingerprint=found.folder,
        )

    async def open(self, description: SourceDescription) -> PinnedFolder:
        """Open exactly the members that were described.

        Raises:
            SourceChanged: one vanished or has other content.
        """
        return await PinnedFolder.open(
            description.path,
            [(member.path, member.fingerprint) for member in description.members],
            description.sha256,
            verified=self._verified,
        )


def _walk(folder: int) -> _Walk:
    files: list[tuple[str, Fingerprint]] = []
    for here, folders, names, here_fd in os.fwalk(".", dir_fd=folder, onerror=_refuse):
        prefix = "" if here == "." else here[2:] + "/"
        if here.count("/") > _MAX_DEPTH:
            raise SourceInvalid(f"folders are nested deeper than {_MAX_DEPTH}", pointer=prefix)
        for name in folders:
            # A link to a folder is listed here and would be silently left out by the walk.
            if stat.S_ISLNK(os.stat(name, dir_fd=here_fd, follow_symlinks=False).st_mode):
                raise SourceInvalid("a symbolic link is not published", pointer=prefix + name)
        for name in names:
            try:
                fd = open_member(here_fd, name)
            except FileNotFoundError:
                raise SourceInvalid("it vanished while it was read", pointer=prefix + name) from None
            except SourceInvalid as error:
                raise SourceInvalid(error.message, pointer=prefix + name, hint=error.hint) from None
            try:
                files.append((prefix + name, Fingerprint.of(os.fstat(fd))))
            finally:
                os.close(fd)
        if len(files) > MAX_MEMBERS:
            raise SourceInvalid(f"more than {MAX_MEMBERS} files", hint="publish an archive of it")
    files.sort(key=lambda item: os.fsencode(item[0]))
    own = os.fstat(folder)
    return _Walk(own.st_dev, Fingerprint.of(own), tuple(files))


def _refuse(error: OSError) -> None:
    raise SourceInvalid(error.strerror or "cannot be read", pointer=str(error.filename))


def _hash(
    folder: int, found: _Walk, layout: Layout, progress: Progress | None
) -> tuple[str, tuple[FolderMember, ...]]:
    archive = hashlib.sha256()
    members: list[FolderMember] = []
    hashed = {segment.member: segment for segment in layout.segments if segment.member >= 0}
    lead = iter(segment for segment in layout.segments if segment.member < 0)
    offset = 0
    for number, (name, known) in enumerate(found.files):
        archive.update(next(lead).data)
        fd = open_member(folder, name)
        base = offset

        def tell(done: int, base: int = base) -> None:
            if progress is not None:
                progress(base + done, layout.size)

        try:
            sha256, size = hash_fd(fd, also=archive.update, progress=tell)
        finally:
            os.close(fd)
        if size != known.size:
            raise SourceInvalid("it was written to while it was read", pointer=name)
        members.append(FolderMember(name, sha256, known))
        segment = hashed.get(number)
        offset = segment.offset + segment.length if segment is not None else offset
    archive.update(next(lead).data)
    if progress is not None:
        progress(layout.size, layout.size)
    return archive.hexdigest(), tuple(members)
