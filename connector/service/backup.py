"""A connector in one file, and back: what `madang backup` writes and `madang restore` reads [D17].

The archive is a tar of plain files: the database copied while work goes on, settings, keys, the newest signed
tree head, and a manifest with the digest of each. It holds private keys and is written for its owner alone.

A restored connector does not know what happened after the backup. Every transfer that could move data is
suspended, and pulls are refused, until `service.recovery` has asked the partners.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connector.errors import BadInput, Conflict, NotFound, Unavailable
from connector.ledger.log import LeafKind, Ledger
from connector.model.ports import Clock
from connector.model.process import TransferState
from connector.model.times import iso, parse_iso
from connector.service.node import Node
from connector.settings import CONFIG_FILE
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx

FORMAT: Final = "madang-backup/1"
MANIFEST: Final = "manifest.json"
DATABASE: Final = "madang.db"
HEAD: Final = "ledger-head.jwt"
META: Final = "restored"
UNCONFIRMED: Final = "unconfirmed"
CONFIRMED: Final = "confirmed"
REASON: Final = "restored"
"""The code that stands as the reason of a transfer that a restore suspended."""
_MAX_SMALL: Final = 4 << 20
_KNOWN: Final = re.compile(r"madang\.db|connector\.toml|management\.key|ledger-head\.jwt|keys/[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written."""

    path: Path
    size: int
    files: tuple[str, ...]
    leaves: int

    def as_json(self) -> dict[str, Any]:
        """For the management API."""
        return {"path": str(self.path), "size": self.size, "files": list(self.files), "leaves": self.leaves}


async def backup(node: Node, target: Path) -> Backup:
    """Write the archive while work goes on; the file is there whole or not at all.

    Raises:
        BadInput: no absolute path, or the folder is not there.
        Conflict: there is a file of that name.
        Unavailable: it cannot be written.
    """
    if not target.is_absolute() or not target.parent.is_dir():
        raise BadInput("must be an absolute path in a folder that is there", pointer="path")
    if target.exists():
        raise Conflict(f"{target} is there already", hint="choose another name")
    head, leaves = await node.store.transact(lambda tx: (node.journal.head(tx), tx.ledger_size()))
    try:
        with tempfile.TemporaryDirectory(prefix=".madang-", dir=target.parent) as folder:
            copied = Path(folder) / DATABASE
            await node.store.backup(copied)
            archive = Path(folder) / "archive"
            moment = iso(node.clock.now())
            names = await asyncio.to_thread(
                _pack, archive, node.settings.home, copied, head, did=node.parties.did, moment=moment
            )
            size = archive.stat().st_size
            # A link fails where a rename would replace what came in between.
            await asyncio.to_thread(os.link, archive, target)
    except FileExistsError:
        raise Conflict(f"{target} is there already", hint="choose another name") from None
    except OSError as error:
        raise Unavailable(f"the backup cannot be written: {error.strerror}", hint="free disk space") from None
    return Backup(target, size, tuple(names), leaves)


def _pack(archive: Path, home: Path, database: Path, head: str, *, did: str, moment: str) -> list[str]:
    found = {DATABASE: database, CONFIG_FILE: home / CONFIG_FILE, "management.key": home / "management.key"}
    found |= {f"keys/{path.name}": path for path in sorted((home / "keys").iterdir()) if path.is_file()}
    found = {name: path for name, path in found.items() if path.is_file()}
    digests = {name: _digest(path) for name, path in found.items()}
    head_raw = head.encode("ascii")
    digests[HEAD] = hashlib.sha256(head_raw).hexdigest()
    manifest = {"format": FORMAT, "did": did, "at": moment, "files": digests}
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, MANIFEST, json.dumps(manifest, indent=2).encode("utf-8"))
            _add(tar, HEAD, head_raw)
            for name, path in found.items():
                with path.open("rb") as file:
                    info = tarfile.TarInfo(name)
                    info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
                    tar.addfile(info, file)
        raw.flush()
        os.fsync(raw.fileno())
    return [MANIFEST, *digests]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- back -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: from when it is, and how many transfers were suspended."""

    home: Path
    did: str
    at: datetime
    suspended: int
    leaves: int


def restore(archive: Path, home: Path, clock: Clock) -> Restored:
    """Make a home from an archive. Nothing stays behind if it fails. Not within a running event loop.

    Raises:
        NotFound: no such file.
        BadInput: it is no backup, or one that was changed or cut.
        Conflict: the home is not empty.
        Unavailable: the home cannot be written.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(f"{home} is not empty", hint="name a new folder with --home")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".madang-", dir=home.parent) as folder:
            new = Path(folder) / "home"
            new.mkdir(mode=0o700)
            manifest = _unpack(archive, new)
            moment = parse_iso(manifest["at"])
            suspended, leaves = asyncio.run(_settle(new / DATABASE, manifest["did"], moment, clock))
            if home.exists():
                home.rmdir()
            new.replace(home)
    except FileNotFoundError:
        raise NotFound(f"there is no file {archive}") from None
    except sqlite3.Error as error:
        raise BadInput(f"the database in the backup cannot be opened: {error}") from None
    except OSError as error:
        raise Unavailable(f"{home} cannot be written: {error.strerror or error}") from None
    return Restored(home, manifest["did"], moment, suspended, leaves)


def _unpack(archive: Path, home: Path) -> Mapping[str, Any]:
    """Write the files of an archive that is whole, and give its manifest. Names are matched, not followed."""
    seen: dict[str, str] = {}
    try:
        with tarfile.open(archive, mode="r:") as tar:
            manifest = _manifest(tar.next(), tar)
            while (member := tar.next()) is not None:
                source = tar.extractfile(member) if member.isreg() and _KNOWN.fullmatch(member.name) else None
                if source is None or member.name in seen:
                    raise BadInput(f"the backup holds {member.name!r}, which does not belong there")
                target = home / member.name
                target.parent.mkdir(mode=0o700, exist_ok=True)
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    while block := source.read(1 << 20):
                        file.write(block)
                    file.flush()
                    os.fsync(file.fileno())
                seen[member.name] = _digest(target)
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{archive} is no backup, or was cut: {error}") from None
    if seen != manifest["files"] or DATABASE not in seen:
        changed = sorted(n for n in {*seen, *manifest["files"]} if seen.get(n) != manifest["files"].get(n))
        raise BadInput(f"the backup was changed or cut: {', '.join(changed) or DATABASE}")
    (home / HEAD).rename(home / "restored-head.jwt")
    return manifest


def _manifest(member: tarfile.TarInfo | None, tar: tarfile.TarFile) -> Mapping[str, Any]:
    source = tar.extractfile(member) if member is not None and member.isreg() else None
    if member is None or source is None or member.name != MANIFEST or member.size > _MAX_SMALL:
        raise BadInput("this is no backup of a connector")
    try:
        manifest = json.loads(source.read())
        is_ours = manifest["format"] == FORMAT and isinstance(manifest["files"], dict)
        parse_iso(manifest["at"])
        if not is_ours or not isinstance(manifest["did"], str):
            raise BadInput("the backup was written by a newer version")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput("this is no backup of a connector") from None
    return manifest  # type: ignore[no-any-return]  # checked above


async def _settle(database: Path, did: str, moment: datetime, clock: Clock) -> tuple[int, int]:
    """Suspend what could move data, in one transaction; how much that was, and the length of the ledger."""
    store = SqliteStore(database, in_line=True)
    try:
        return await store.transact(lambda tx: _suspend(tx, did, moment, clock.now()))
    finally:
        await store.close()


def _suspend(tx: Tx, did: str, moment: datetime, now: datetime) -> tuple[int, int]:
    suspended = 0
    for transfer in tx.transfers.open():
        if TransferState.STARTED not in (transfer.state, transfer.pending):
            continue
        tx.outbox.delete_of_process(transfer.id)
        tx.transfers.save(
            replace(
                transfer,
                state=TransferState.SUSPENDED,
                pending=None,
                suspended_by=transfer.role,
                reason=REASON,
                reason_by=transfer.role,
                updated_at=now,
            )
        )
        suspended += 1
    tx.put_meta(META, UNCONFIRMED)
    data = {"outcome": UNCONFIRMED, "from": iso(moment), "suspended": suspended}
    Ledger(did).append(tx, LeafKind.RESTORE, "local", did, data, now)
    return suspended, tx.ledger_size()
