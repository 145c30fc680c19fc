"""The factory's own keys: a folder with one file per private key and an index.

    keys/
      index.json            {version, did, keys: [{fragment, alg, created, status, jwk}]}
      key-<thumbprint>.pem  PKCS #8, readable by its owner only

The index says what is published; it is replaced atomically, after the key file
it mentions is on the disk, so that a crash leaves the old ring or the new one.
A key is `active` (one: it signs), `retired` (published, so that old signatures
can be proved) or `revoked` (withdrawn: no longer published).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from connector.errors import BadInput, Conflict, NotFound, TooLarge, Unavailable
from connector.identity.jose import KeySigner
from connector.identity.jwk import public_jwk, thumbprint
from connector.model.canonical import load_json
from connector.model.ports import RandomBytes
from connector.model.times import iso, parse_iso

SigningAlg = Literal["ES256", "EdDSA"]

_INDEX: Final = "index.json"
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class KeyStatus(StrEnum):
    """What a key of ours may still do."""

    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One line of the index."""

    fragment: str
    alg: SigningAlg
    created: datetime
    status: KeyStatus
    jwk: Mapping[str, str] = field(hash=False)


class KeyRing:
    """The keys of one DID, in one folder.

    `signer` stays valid when keys rotate: it signs with whichever key is active.
    """

    def __init__(self, folder: Path, did: str, entries: tuple[KeyEntry, ...], active: KeySigner) -> None:
        self.folder = folder
        self.did = did
        self.entries = entries
        self.signer: RingSigner = RingSigner(active)

    @classmethod
    def create(
        cls,
        folder: Path,
        did: str,
        *,
        now: datetime,
        alg: SigningAlg = "ES256",
        random: RandomBytes = os.urandom,
    ) -> KeyRing:
        """Make the folder and a first key.

        Raises:
            Conflict: the folder already holds keys.
            BadInput: an algorithm that we do not sign with.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            if (folder / _INDEX).exists():
                raise Conflict(f"{folder} already holds keys", hint="use rotate to add a key")
            key, entry = _new_key(alg, now, random)
            _write_key(folder, entry.fragment, key)
            _write_index(folder, did, (entry,))
        return cls(folder, did, (entry,), _signer(did, entry, key))

    @classmethod
    def open(cls, folder: Path, did: str) -> KeyRing:
        """Read the ring of that DID.

        Raises:
            NotFound: no index in the folder.
            Conflict: the keys belong to another DID.
            Unavailable: the index or the active key is damaged, or others may read the key.
        """
        entries = _read_index(folder, did)
        entry = _active(entries)
        return cls(folder, did, entries, _signer(did, entry, _read_key(folder, entry)))

    def rotate(
        self, *, now: datetime, alg: SigningAlg | None = None, random: RandomBytes = os.urandom
    ) -> KeyEntry:
        """Make a new active key; the old one stays published as retired.

        Raises:
            BadInput: an algorithm that we do not sign with.
            Unavailable: the index on the disk is damaged.
        """
        with _locked(self.folder):
            # Read again under the lock: another process may have rotated meanwhile.
            entries = _read_index(self.folder, self.did)
            key, entry = _new_key(alg or _active(entries).alg, now, random)
            _write_key(self.folder, entry.fragment, key)
            kept = tuple(
                replace(e, status=KeyStatus.RETIRED) if e.status is KeyStatus.ACTIVE else e for e in entries
            )
            _write_index(self.folder, self.did, (*kept, entry))
        self.entries = (*kept, entry)
        self.signer.use(_signer(self.did, entry, key))
        return entry

    def revoke(self, fragment: str) -> None:
        """Take a retired key out of the DID document at once, as after a compromise.

        Raises:
            NotFound: no such key.
            Conflict: it is the active key; rotate first.
        """
        with _locked(self.folder):
            entries = _read_index(self.folder, self.did)
            entry = next((e for e in entries if e.fragment == fragment), None)
            if entry is None:
                raise NotFound(f"there is no key {fragment!r}", pointer="fragment")
            if entry.status is KeyStatus.ACTIVE:
                raise Conflict(
                    "the active key cannot be revoked", hint="rotate first, then revoke the old key"
                )
            revoked = replace(entry, status=KeyStatus.REVOKED)
            entries = tuple(revoked if e is entry else e for e in entries)
            _write_index(self.folder, self.did, entries)
        self.entries = entries

    @property
    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The published keys as a JWK set (RFC 7517 §5), newest first, `kid` absolute, with `alg`."""
        published = [e for e in reversed(self.entries) if e.status is not KeyStatus.REVOKED]
        return {"keys": [{**e.jwk, "kid": f"{self.did}#{e.fragment}", "alg": e.alg} for e in published]}

    @property
    def thumbprint(self) -> str:
        """The thumbprint (RFC 7638) of the active key, for a peer to pin."""
        return thumbprint(_active(self.entries).jwk)


class RingSigner:
    """`model.ports.Signer` for whichever key of a ring is active."""

    __slots__ = ("_active", "did", "sign")

    def __init__(self, active: KeySigner) -> None:
        self.did = active.did
        self.use(active)

    @property
    def kid(self) -> str:
        """The DID URL of the active key."""
        return self._active.kid

    @property
    def alg(self) -> str:
        """The algorithm of the active key."""
        return self._active.alg

    def use(self, active: KeySigner) -> None:
        """Sign with that key from now on."""
        self._active = active
        self.sign = active.sign


def _signer(did: str, entry: KeyEntry, key: PrivateKey) -> KeySigner:
    return KeySigner(did, f"{did}#{entry.fragment}", key)


def _new_key(alg: SigningAlg, now: datetime, random: RandomBytes) -> tuple[PrivateKey, KeyEntry]:
    key: PrivateKey
    match alg:
        case "ES256":
            key = ec.derive_private_key(_scalar(random), ec.SECP256R1())
        case "EdDSA":
            key = ed25519.Ed25519PrivateKey.from_private_bytes(random(32))
        case _:
            raise BadInput(f"keys are made for {' or '.join(get_args(SigningAlg))}, not {alg}", pointer="alg")
    jwk = public_jwk(key.public_key())
    return key, KeyEntry("key-" + thumbprint(jwk)[:16], alg, now, KeyStatus.ACTIVE, jwk)


def _scalar(random: RandomBytes) -> int:
    # Drawing again instead of reducing keeps every scalar equally likely.
    while True:
        scalar = int.from_bytes(random(32), "big")
        if 0 < scalar < _P256_ORDER:
            return scalar


def _active(entries: tuple[KeyEntry, ...]) -> KeyEntry:
    return next(e for e in entries if e.status is KeyStatus.ACTIVE)


def _read_index(folder: Path, did: str) -> tuple[KeyEntry, ...]:
    path = folder / _INDEX
    try:
        index = load_json(path.read_bytes(), limit=1 << 20)
        if index["version"] != 1:
            raise Unavailable(f"{path} was written by a newer version")
        owner = index["did"]
        entries = tuple(_entry(e) for e in index["keys"])
    except FileNotFoundError:
        raise NotFound(f"there are no keys in {folder}", hint="madang init makes them") from None
    except (BadInput, TooLarge, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{path} is damaged: {error}", hint="restore it from a backup") from None
    if owner != did:
        raise Conflict(f"the keys in {folder} belong to {owner}, not to {did}")
    if [e.status for e in entries].count(KeyStatus.ACTIVE) != 1:
        raise Unavailable(f"{path} does not name exactly one active key", hint="restore it from a backup")
    return entries


def _entry(value: Any) -> KeyEntry:
    jwk = value["jwk"]
    fragment = "key-" + thumbprint(jwk)[:16]
    if value["fragment"] != fragment or value["alg"] not in get_args(SigningAlg):
        raise ValueError(f"the entry {value['fragment']!r} does not fit its key")
    return KeyEntry(fragment, value["alg"], parse_iso(value["created"]), KeyStatus(value["status"]), jwk)


def _write_index(folder: Path, did: str, entries: tuple[KeyEntry, ...]) -> None:
    keys = [
        {
            "fragment": e.fragment,
            "alg": e.alg,
            "created": iso(e.created),
            "status": e.status,
            "jwk": dict(e.jwk),
        }
        for e in entries
    ]
    text = json.dumps({"version": 1, "did": did, "keys": keys}, indent=2) + "\n"
    draft = folder / (_INDEX + ".new")
    draft.unlink(missing_ok=True)
    _write_file(draft, text.encode())
    draft.replace(folder / _INDEX)
    _sync_folder(folder)


def _write_key(folder: Path, fragment: str, key: PrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_file(folder / f"{fragment}.pem", pem)
    _sync_folder(folder)


def _read_key(folder: Path, entry: KeyEntry) -> PrivateKey:
    path = folder / f"{entry.fragment}.pem"
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Unavailable(f"others may read the private key {path}", hint=f"chmod 600 {path}")
            key = serialization.load_pem_private_key(file.read(), password=None)
    except FileNotFoundError:
        raise Unavailable(f"the private key {path} is missing", hint="restore it from a backup") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unavailable(
            f"the private key {path} is damaged: {error}", hint="restore it from a backup"
        ) from None
    if not isinstance(key, PrivateKey) or public_jwk(key.public_key()) != dict(entry.jwk):
        raise Unavailable(f"{path} is not the key that the index names", hint="restore it from a backup")
    return key


def _write_file(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the ring meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
