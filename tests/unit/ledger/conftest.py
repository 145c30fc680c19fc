"""Keys, a signer, the log's tables in a real SQLite, and a contract between two factories."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connector.ledger.log import LeafKind, Ledger
from connector.ledger.merkle import Node
from connector.model.canonical import digest
from connector.model.times import iso

PROVIDER = "did:web:factory-a.example"
CONSUMER = "did:web:factory-b.example"
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def make_key(algorithm: str) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(65537, 2048)


class RealSigner:
    """Signs as a connector does, with a key that lives in the test."""

    def __init__(self, did: str, *, name: str = "key-1", algorithm: str = "ES256", key: Any = None) -> None:
        self.did = did
        self.kid = f"{did}#{name}"
        self.algorithm = algorithm
        self.key = key or make_key(algorithm)

    def sign(self, claims: Mapping[str, Any], *, typ: str, **headers: Any) -> str:
        header = {"kid": self.kid, "typ": typ} | headers
        return jwt.PyJWS().encode(
            json.dumps(claims).encode(), self.key, algorithm=self.algorithm, headers=header
        )

    @property
    def jwk(self) -> dict[str, Any]:
        kind = jwt.get_algorithm_by_name(self.algorithm)
        public = kind.to_jwk(self.key.public_key(), as_dict=True)
        return {name: value for name, value in public.items() if name in ("kty", "crv", "x", "y", "n", "e")}

    @property
    def named_jwk(self) -> dict[str, Any]:
        return {**self.jwk, "kid": self.kid}

    def document(self, *others: RealSigner) -> dict[str, Any]:
        signers = (self, *others)
        return {
            "id": self.did,
            "verificationMethod": [
                {"id": s.kid, "type": "JsonWebKey2020", "controller": s.did, "publicKeyJwk": s.jwk}
                for s in signers
            ],
            "assertionMethod": [s.kid for s in signers],
        }


class SqliteLog:
    """The tables of the log as the product has them, in memory."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(
            """
            create table ledger_leaf (seq integer primary key, body blob not null, hash blob not null);
            create table ledger_node (level integer, idx integer, hash blob not null,
                                      primary key (level, idx)) without rowid;
            create table ledger_head (size integer primary key, root text not null, token text not null);
            """
        )

    def ledger_size(self) -> int:
        return self.db.execute("select coalesce(max(seq) + 1, 0) from ledger_leaf").fetchone()[0]

    def ledger_node(self, level: int, index: int) -> bytes:
        if level == 0:
            row = self.db.execute("select hash from ledger_leaf where seq = ?", (index,)).fetchone()
        else:
            row = self.db.execute(
                "select hash from ledger_node where level = ? and idx = ?", (level, index)
            ).fetchone()
        return row[0]

    def add_ledger_leaf(self, seq: int, body: bytes, leaf: bytes, nodes: Iterable[Node]) -> None:
        self.db.execute("insert into ledger_leaf values (?, ?, ?)", (seq, body, leaf))
        self.db.executemany("insert into ledger_node values (?, ?, ?)", nodes)

    def ledger_bodies(self, start: int, stop: int) -> Iterable[bytes]:
        rows = self.db.execute(
            "select body from ledger_leaf where seq >= ? and seq < ? order by seq", (start, stop)
        )
        return (body for (body,) in rows)

    def add_ledger_head(self, size: int, root: str, token: str) -> None:
        self.db.execute("insert or ignore into ledger_head values (?, ?, ?)", (size, root, token))

    def ledger_heads(self) -> Iterable[str]:
        return (token for (token,) in self.db.execute("select token from ledger_head order by size"))

    def newest_ledger_head(self) -> tuple[int, str] | None:
        return self.db.execute("select size, token from ledger_head order by size desc limit 1").fetchone()


class Contract:
    """One signed contract, and its export; every claim can be changed before it is signed."""

    def __init__(self, algorithms: tuple[str, str] = ("ES256", "EdDSA")) -> None:
        self.provider = RealSigner(PROVIDER, algorithm=algorithms[0])
        self.consumer = RealSigner(CONSUMER, algorithm=algorithms[1])

    def export(
        self,
        change: Mapping[str, Mapping[str, Any]] | None = None,
        signers: Mapping[str, RealSigner] | None = None,
        headers: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        leave_out: tuple[str, ...] = (),
        agreement_policy: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A whole export. `change` replaces claims per token; a None value takes the claim out."""
        rules = {"permission": [{"action": "use", "constraint": []}]}
        dataset = {"id": "urn:uuid:shot-log", "version": "1", "sha256": "ab" * 32}
        agreement_id = "urn:uuid:agreement-1"
        policy = {
            "@id": agreement_id,
            "@type": "Agreement",
            "assigner": PROVIDER,
            "assignee": CONSUMER,
            "target": dataset["id"],
            "timestamp": iso(START),
            **rules,
            **(agreement_policy or {}),
        }
        offer = {"@id": "urn:uuid:offer-1", "@type": "Offer", **rules}
        iat = int(START.timestamp())
        pids = {"consumerPid": "urn:uuid:consumer-pid", "providerPid": "urn:uuid:provider-pid"}
        to_consumer = {"iss": PROVIDER, "aud": CONSUMER, **pids, "dataset": dataset}
        to_provider = {"iss": CONSUMER, "aud": PROVIDER, **pids, "dataset": dataset}
        claims: dict[str, dict[str, Any]] = {
            "offer": {
                "iss": PROVIDER,
                "dataset": dataset,
                "jti": "o-1",
                "iat": iat - 600,
                "exp": iat + 86_400,
                "policy": offer,
                "policyDigest": digest(offer),
            },
            "agreement": {
                **to_consumer,
                "jti": "a-1",
                "iat": iat,
                "policy": policy,
                "policyDigest": digest(policy),
                "treeHead": sealed_head(self.provider),
            },
            "verification": {
                **to_provider,
                "jti": "v-1",
                "iat": iat + 1,
                "policyDigest": digest(policy),
                "treeHead": sealed_head(self.consumer),
            },
            "withdrawal": {**to_consumer, "jti": "w-1", "iat": iat + 3600, "policyDigest": digest(policy)},
        }
        tokens: dict[str, str] = {}
        for name in (name for name in claims if name not in leave_out):
            said = claims[name]
            if name in ("verification", "withdrawal") and "agreement" in tokens:
                said["over"] = hashlib.sha256(tokens["agreement"].encode()).hexdigest()
            changes = (change or {}).get(name, {})
            said = {key: value for key, value in (said | changes).items() if value is not None}
            signer = (signers or {}).get(name) or (
                self.consumer if said.get("iss") == CONSUMER else self.provider
            )
            extra = {"typ": f"madang-{name}+jwt", **(headers or {}).get(name, {})}
            tokens[name] = signer.sign(said, **extra)
        return {
            "format": "madang-contract/1",
            "agreementId": agreement_id,
            "terms": {"ko": "누구나 사용", "en": "open use"},
            "tokens": tokens,
            "didDocuments": {PROVIDER: self.provider.document(), CONSUMER: self.consumer.document()},
            "policy": policy,
        }


def fill(store: SqliteLog, ledger: Ledger, count: int) -> None:
    start = store.ledger_size()
    for i in range(start, start + count):
        ledger.append(
            store,
            LeafKind.DELIVERED,
            CONSUMER,
            f"urn:uuid:transfer-{i}",
            {"bytes": i * 1000, "등급": "가"},
            START + timedelta(seconds=i),
        )


def sealed_head(signer: RealSigner, count: int = 5) -> str:
    store, ledger = SqliteLog(), Ledger(signer.did)
    fill(store, ledger, count)
    return ledger.seal(store, signer, START)


@pytest.fixture
def store() -> SqliteLog:
    return SqliteLog()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(PROVIDER)


@pytest.fixture(scope="session")
def signer() -> RealSigner:
    return RealSigner(PROVIDER)


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract()


@pytest.fixture(scope="session")
def kit() -> Any:
    """The classes and functions of this file, for tests that need more than one of a thing."""

    class Kit:
        RealSigner = RealSigner
        SqliteLog = SqliteLog
        Contract = Contract
        PROVIDER = PROVIDER
        CONSUMER = CONSUMER
        START = START
        fill = staticmethod(fill)
        make_key = staticmethod(make_key)
        sealed_head = staticmethod(sealed_head)

    return Kit
