"""The log: one leaf for each thing this connector did, under heads that it signs.

A leaf is written in the transaction of the change it tells of, so neither can
exist without the other. `Ledger` keeps nothing in memory: each append reads the
size and, on average, one stored node, so a rolled-back savepoint or a second
process can never leave a stale tree behind.

A leaf says who did what to which thing, by ids, digests, counts and codes.
Personal data and payloads never stand in one (`conceal` puts a salted digest
there instead), because a leaf can never be erased.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from connector.errors import BadInput, MalformedBody, TokenInvalid, TooLarge
from connector.ledger.jws import Jwk, read_unverified, verify_jws
from connector.ledger.merkle import (
    Frontier,
    Node,
    completed_nodes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from connector.model.canonical import canonical, load_json
from connector.model.ports import Signer
from connector.model.times import iso, parse_iso

EXPORT_FORMAT: Final = "madang-ledger/1"
HEAD_TYP: Final = "madang-tree-head+jwt"
MAX_LEAF_BYTES: Final = 8 * 1024
"""A leaf holds ids, digests and codes; whatever needs more room than this is a payload."""


class LeafKind(StrEnum):
    """What a leaf tells of."""

    STATE = "state"  # a negotiation or transfer changed its state
    DECISION = "decision"  # a policy was asked and answered
    APPROVAL = "approval"  # a person (or the automation that stands in) decided
    CONTRACT = "contract"  # a contract token was signed here or received and checked
    GRANT = "grant"  # bytes of a range are about to leave
    DELIVERED = "delivered"  # so many bytes were handed to the kernel
    RECEIVED = "received"  # so many bytes arrived, digest checked or not
    CATALOG = "catalog"  # a partner was shown the catalog
    PUBLISH = "publish"  # a dataset version became public
    UNPUBLISH = "unpublish"
    WITHDRAWAL = "withdrawal"  # a contract was withdrawn, by us or by the peer
    TRUST = "trust"  # a key, credential or trusted issuer changed
    SETTING = "setting"  # an owner changed what governs the above
    RESTORE = "restore"  # the store came back from a backup, or that was confirmed


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line of the log. `data` is JSON whose shape the kind decides; numbers are integers."""

    seq: int
    at: datetime
    kind: LeafKind
    actor: str
    subject: str
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """The bytes that are hashed: RFC 8785 JSON.

        Raises:
            TooLarge: more than MAX_LEAF_BYTES; texts from outside belong in as a digest.
            ValueError: `data` is not JSON, or has a float in it.
        """
        raw = canonical(
            {
                "actor": self.actor,
                "at": iso(self.at),
                "data": self.data,
                "kind": self.kind.value,
                "seq": self.seq,
                "subject": self.subject,
            }
        )
        if len(raw) > MAX_LEAF_BYTES:
            raise TooLarge(
                f"a ledger leaf of {len(raw)} bytes; {MAX_LEAF_BYTES} are allowed", pointer=self.kind
            )
        return raw

    @classmethod
    def parse(cls, body: bytes) -> Leaf:
        """Read the bytes of a leaf back.

        Raises:
            MalformedBody: not the canonical form of a leaf.
        """
        value = load_json(body, limit=MAX_LEAF_BYTES)
        try:
            leaf = cls(
                seq=value["seq"],
                at=parse_iso(value["at"]),
                kind=LeafKind(value["kind"]),
                actor=value["actor"],
                subject=value["subject"],
                data=value["data"],
            )
            if leaf.body() != body:
                raise ValueError("not in canonical form")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise MalformedBody(f"not a ledger leaf: {error}") from None
        return leaf


def conceal(text: str, salt: bytes) -> str:
    """A salted digest that stands in a leaf for what must be erasable (a person's name, a note).

    The text and its salt (16 random bytes or more, one for each text) are kept
    outside the log. While both are there, anyone can check them against the
    leaf; once they are erased the leaf and all proofs stay valid and say nothing.

    Raises:
        ValueError: the salt is too short to hide anything.
    """
    if len(salt) < 16:
        raise ValueError("a salt needs 16 bytes")
    return hashlib.sha256(len(salt).to_bytes(2, "big") + salt + text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a signer says about its whole log at one moment. `origin` is its DID, `root` 64 hex digits."""

    origin: str
    size: int
    root: str
    at: datetime


def sign_head(signer: Signer, head: TreeHead) -> str:
    """The head as a compact JWS of type `madang-tree-head+jwt`.

    Raises:
        ValueError: the head is another participant's.
    """
    if signer.did != head.origin:
        raise ValueError(f"{signer.did} cannot sign a head of {head.origin}")
    claims = {
        "iss": head.origin,
        "iat": int(head.at.timestamp()),
        "at": iso(head.at),
        "size": head.size,
        "root": head.root,
    }
    return signer.sign(claims, typ=HEAD_TYP)


def read_head(token: str, keys: Mapping[str, Jwk]) -> TreeHead:
    """Check a signed head against its signer's keys (DID URL -> JWK) and read it.

    Raises:
        TokenInvalid: the signature, the type or a claim is wrong.
    """
    signed = verify_jws(token, keys, typ=HEAD_TYP)
    head = _head(signed.claims)
    if signed.kid.partition("#")[0] != head.origin:
        raise TokenInvalid("the head is signed by another participant", pointer="kid")
    return head


def peek_head(token: str) -> TreeHead:
    """Read a head without checking its signature: only for tokens that our own store keeps.

    Raises:
        TokenInvalid: it has not the form of a head.
    """
    return _head(read_unverified(token))


def _head(claims: Mapping[str, Any]) -> TreeHead:
    origin, size, root, at = (claims.get(name) for name in ("iss", "size", "root", "at"))
    if type(size) is not int or size < 0:
        raise TokenInvalid("not a number of leaves", pointer="size")
    if not isinstance(root, str) or len(root) != 64 or set(root) - set("0123456789abcdef"):
        raise TokenInvalid("not a SHA-256 root", pointer="root")
    if not isinstance(origin, str) or not isinstance(at, str):
        raise TokenInvalid("not a tree head", pointer="iss")
    try:
        return TreeHead(origin, size, root, parse_iso(at))
    except ValueError:
        raise TokenInvalid("not a time", pointer="at") from None


class LedgerStore(Protocol):
    """The log's tables inside one open transaction; all verbs are synchronous and never commit."""

    def ledger_size(self) -> int:
        """How many leaves there are; they are numbered from 0 without gaps."""
        ...

    def ledger_node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree; level 0 is the leaf hash."""
        ...

    def add_ledger_leaf(self, seq: int, body: bytes, leaf: bytes, nodes: Iterable[Node]) -> None:
        """Insert a leaf, its hash and the inner nodes (levels 1 and up) it completed; nothing is replaced."""
        ...

    def ledger_bodies(self, start: int, stop: int) -> Iterable[bytes]:
        """The bodies of the leaves [start, stop) in order, a few in memory at a time."""
        ...

    def add_ledger_head(self, size: int, root: str, token: str) -> None:
        """Keep a signed head; the same size again keeps the first."""
        ...

    def ledger_heads(self) -> Iterable[str]:
        """All signed heads by rising size."""
        ...

    def newest_ledger_head(self) -> tuple[int, str] | None:
        """Size and token of the head with the greatest size, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Ledger:
    """The log of one participant. It has no state but the participant's DID: all of it is in the store."""

    origin: str

    def append(
        self,
        store: LedgerStore,
        kind: LeafKind,
        actor: str,
        subject: str,
        data: Mapping[str, Any],
        at: datetime,
    ) -> int:
        """Write one leaf within the open transaction and return its number.

        `actor` is a DID, `local` (the factory itself) or a role; `subject` the id
        of the thing; `data` small JSON without floats, personal data or payloads.

        Raises:
            TooLarge, ValueError: see `Leaf.body`; nothing was written.
        """
        seq = store.ledger_size()
        body = Leaf(seq, at, kind, actor, subject, data).body()
        leaf = leaf_hash(body)
        store.add_ledger_leaf(seq, body, leaf, completed_nodes(seq, leaf, store.ledger_node))
        return seq

    def head(self, store: LedgerStore, at: datetime) -> TreeHead:
        """The head over every leaf written so far; O(log n) reads."""
        frontier = Frontier.read(store.ledger_size(), store.ledger_node)
        return TreeHead(self.origin, frontier.size, frontier.root().hex(), at)

    def seal(self, store: LedgerStore, signer: Signer, at: datetime) -> str:
        """A signed head over every leaf written so far: the newest kept one if nothing was added
        since, else a new one, kept. Goes into each agreement and verification, and is made
        once a minute while leaves arrive (`is_seal_due`).
        """
        newest = store.newest_ledger_head()
        if newest is not None and newest[0] == store.ledger_size():
            return newest[1]
        head = self.head(store, at)
        token = sign_head(signer, head)
        store.add_ledger_head(head.size, head.root, token)
        return token

    def is_seal_due(self, store: LedgerStore, now: datetime, *, every_s: float = 60.0) -> bool:
        """Whether there are leaves under no head and the newest head is `every_s` old (or missing)."""
        newest = store.newest_ledger_head()
        if newest is None:
            return store.ledger_size() > 0
        if newest[0] == store.ledger_size():
            return False
        age_s = (now - peek_head(newest[1]).at).total_seconds()
        return age_s >= every_s or age_s < 0

    def prove_inclusion(self, store: LedgerStore, seq: int, size: int) -> list[str]:
        """The audit path (hex) of leaf `seq` under the head of `size` leaves.

        Raises:
            BadInput: that head covers no such leaf, or the log has not that many.
        """
        self._check_size(store, size)
        if not 0 <= seq < size:
            raise BadInput(f"a head over {size} leaves covers no leaf {seq}", pointer="seq")
        return [piece.hex() for piece in inclusion_proof(seq, size, store.ledger_node)]

    def prove_consistency(self, store: LedgerStore, first: int, second: int) -> list[str]:
        """The proof (hex) that the head of `first` leaves is the beginning of that of `second`.

        Raises:
            BadInput: the sizes are not 0 <= first <= second <= the log's size.
        """
        self._check_size(store, second)
        if not 0 <= first <= second:
            raise BadInput(f"{first} leaves are no beginning of {second}", pointer="first")
        return [piece.hex() for piece in consistency_proof(first, second, store.ledger_node)]

    @staticmethod
    def _check_size(store: LedgerStore, size: int) -> None:
        if size > store.ledger_size():
            raise BadInput(f"the log has only {store.ledger_size()} leaves", pointer="size")

    def export(self, store: LedgerStore, keys: Iterable[Jwk]) -> Iterator[bytes]:
        """The whole log as NDJSON lines for the stand-alone verifier, constant memory.

        `keys` are this participant's public JWKs, old ones too, each with its DID
        URL as `kid`. `seal` first, within the same transaction: leaves under no
        head are exported but not proved. Lines: format and DID; every leaf; every
        signed head; the keys, which end the file.
        """
        yield _line({"format": EXPORT_FORMAT, "did": self.origin})
        for seq, body in enumerate(store.ledger_bodies(0, store.ledger_size())):
            yield _line({"seq": seq, "body": body.decode("utf-8")})
        for token in store.ledger_heads():
            yield _line({"head": token})
        yield _line({"keys": [dict(key) for key in keys]})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"
