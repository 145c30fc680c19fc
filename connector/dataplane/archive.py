"""A folder as one deterministic run of bytes: an uncompressed tar that is never written to disk.

Every member is a regular file with mode 0644, owner 0 and time 0, in the order
of its path's UTF-8 bytes; a path over 100 bytes or outside ASCII, and a size of
8 GiB or more, go into a pax header (POSIX.1-2017, pax, "ustar Interchange
Format"). The archive ends with two zero blocks and nothing else. So its bytes,
and with them ranges and digest, follow from the members alone: the headers are
written here and not by a library whose next version may write others.
"""

from __future__ import annotations

import bisect
import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connector.dataplane.beneath import check_relative
from connector.errors import BadInput, SourceInvalid
from connector.model.canonical import digest

BLOCK: Final = 512
MEDIA_TYPE: Final = "application/x-tar"
_OCTAL_SIZE_LIMIT = 8**11
_END = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a folder: path with `/` relative to it, bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


def folder_digest(members: Sequence[Member]) -> str:
    """The digest of a folder: that of its list of members.

    SHA-256 over the RFC 8785 form of `[[path, size, sha256], …]`, sorted by the
    path's UTF-8 bytes.
    """
    ordered = sorted(members, key=lambda member: member.path.encode())
    return digest([[member.path, member.size, member.sha256] for member in ordered])


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the archive: `data` from memory, or `length` bytes of member number `member`."""

    offset: int
    length: int
    data: bytes
    member: int


class Layout:
    """Where everything stands in the archive of (path, size) pairs, sorted by path already."""

    def __init__(self, entries: Sequence[tuple[str, int]]) -> None:
        """Lay the archive out.

        Raises:
            SourceInvalid: a path that leaves the folder or is not UTF-8.
        """
        segments: list[Segment] = []
        offset = 0
        lead = b""
        for number, (path, size) in enumerate(entries):
            lead += header_of(path, size)
            segments.append(Segment(offset, len(lead), lead, -1))
            offset += len(lead)
            if size:
                segments.append(Segment(offset, size, b"", number))
                offset += size
            lead = bytes(-size % BLOCK)
        segments.append(Segment(offset, len(lead) + len(_END), lead + _END, -1))
        self.segments: tuple[Segment, ...] = tuple(segments)
        self.size: int = offset + len(lead) + len(_END)
        self._starts = [segment.offset for segment in segments]

    def find(self, offset: int) -> Segment:
        """The segment that holds the byte at `offset`, which lies below `size`."""
        return self.segments[bisect.bisect_right(self._starts, offset) - 1]


def header_of(path: str, size: int) -> bytes:
    """The header blocks of one member.

    Raises:
        SourceInvalid: a path that leaves the folder or is not UTF-8.
    """
    check_relative(path)
    try:
        raw = path.encode("utf-8")
    except UnicodeEncodeError:
        raise SourceInvalid(
            "a file's name is not UTF-8", pointer=ascii(path), hint="rename it, convmv -f cp949 -t utf8"
        ) from None
    records = b""
    if len(raw) > 100 or not raw.isascii():
        records += _pax_record(b"path", raw)
    if size >= _OCTAL_SIZE_LIMIT:
        records += _pax_record(b"size", str(size).encode())
    short = raw if raw.isascii() else path.encode("ascii", "replace").replace(b"?", b"_")
    main = _ustar(short[:100], 0 if size >= _OCTAL_SIZE_LIMIT else size, b"0")
    if not records:
        return main
    padding = bytes(-len(records) % BLOCK)
    return _ustar(b"pax_header", len(records), b"x") + records + padding + main


def _pax_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    # The length counts its own digits.
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def _ustar(name: bytes, size: int, kind: bytes) -> bytes:
    fields = (
        name.ljust(100, b"\0"),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % size,
        b"00000000000\0",
        b" " * 8,
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(32),
        bytes(32),
        b"0000000\0",
        b"0000000\0",
        bytes(155),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def read_archive(path: Path) -> tuple[Member, ...]:
    """The members of a received archive, hashed, in constant memory, blocking.

    `folder_digest` of them tells whether this is the folder that a contract names.

    Raises:
        BadInput: no archive, or one that holds anything but regular files inside.
    """
    members: list[Member] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise BadInput("the archive holds something that is no file", pointer=entry.name)
                check_relative(entry.name)
                hasher = hashlib.sha256()
                while piece := content.read(1 << 20):
                    hasher.update(piece)
                members.append(Member(entry.name, entry.size, hasher.hexdigest()))
    except tarfile.TarError as error:
        raise BadInput(f"not an archive: {error}", pointer=path.name) from None
    return tuple(members)
