"""The shapes that every source and sink has: what a source says of itself, how both are used.

A file and a folder are sources whose bytes are known beforehand. A database
query, a stream or a transform will be one as well: it describes itself, and
opens as a `Body` over what it materialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from connector.dataplane.body import Body, Fingerprint
from connector.dataplane.reading import Progress


class Kind(StrEnum):
    """What stands behind a source."""

    FILE = "file"
    FOLDER = "folder"


class Datatype(StrEnum):
    """What the cells of a column look like: the local name of an XML Schema datatype."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE_TIME = "dateTime"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, a guess at its datatype, and the unit its name says (`압력 (bar)`)."""

    name: str
    datatype: Datatype
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class FolderMember:
    """A file within a folder source: path relative to it with `/`, and what it was."""

    path: str
    sha256: str
    fingerprint: Fingerprint

    @property
    def size(self) -> int:
        """Bytes."""
        return self.fingerprint.size


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What was found when a source was inspected.

    `size` (bytes) and `sha256` (hex) are those of the bytes that a pull delivers:
    the file, or the folder's archive. `digest` identifies the content: the same
    for a file, that of the sorted (path, size, sha256) list for a folder.
    `encoding` is `utf-8`, `cp949` or None; `columns` and `row_count` are there for
    tables (and `row_count` for a JSON array); `notes` are short codes of what a
    person should know (`encoding-unknown`, `uneven-rows`, `parquet-not-read`, …).
    """

    kind: Kind
    path: Path
    name: str
    size: int
    sha256: str
    digest: str
    media_type: str
    encoding: str | None
    columns: tuple[Column, ...]
    row_count: int | None
    members: tuple[FolderMember, ...]
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A JSON object for a row; `from_json` reads it back."""
        return {
            "kind": self.kind.value,
            "path": str(self.path),
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "digest": self.digest,
            "mediaType": self.media_type,
            "encoding": self.encoding,
            "columns": [
                {"name": column.name, "datatype": column.datatype.value, "unit": column.unit}
                for column in self.columns
            ],
            "rowCount": self.row_count,
            "members": [
                {"path": m.path, "sha256": m.sha256, "fingerprint": m.fingerprint.as_json()}
                for m in self.members
            ],
            "fingerprint": self.fingerprint.as_json(),
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SourceDescription:
        """Read back what `as_json` wrote.

        Raises:
            KeyError, ValueError: it is something else.
        """
        return cls(
            kind=Kind(value["kind"]),
            path=Path(value["path"]),
            name=value["name"],
            size=value["size"],
            sha256=value["sha256"],
            digest=value["digest"],
            media_type=value["mediaType"],
            encoding=value["encoding"],
            columns=tuple(
                Column(column["name"], Datatype(column["datatype"]), column["unit"])
                for column in value["columns"]
            ),
            row_count=value["rowCount"],
            members=tuple(
                FolderMember(m["path"], m["sha256"], Fingerprint.from_json(m["fingerprint"]))
                for m in value["members"]
            ),
            fingerprint=Fingerprint.from_json(value["fingerprint"]),
            notes=tuple(value["notes"]),
        )


class Source(Protocol):
    """A way to describe something and, later and within an authorised transfer, to open it."""

    async def inspect(self, path: Path, *, progress: Progress | None = None) -> SourceDescription:
        """Read it once, for its owner, and say what it is.

        Raises:
            SourceInvalid: it cannot be published as it is, or is being written to.
        """
        ...

    async def open(self, description: SourceDescription) -> Body:
        """Open exactly what was described.

        Raises:
            SourceChanged: it is not that any more.
        """
        ...


class Sink(Protocol):
    """Where received bytes go: in order, hashed on the way, kept only if the digest is right."""

    async def begin(self, etag: str | None, size: int | None) -> int:
        """Get ready for a body with this tag and size; returns the bytes kept from before."""
        ...

    async def restart(self) -> None:
        """Throw away what is there: the other side sends the whole again."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            Unavailable: there is no room.
        """
        ...

    async def commit(self, sha256: str | None) -> str:
        """Make the whole permanent in one step if it has that digest; returns the digest.

        Raises:
            PeerFailed: other bytes arrived; nothing is kept.
        """
        ...

    async def close(self) -> None:
        """Stop, keeping what can be continued."""
        ...
