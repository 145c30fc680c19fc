"""A clock that stands still, and two factories with keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.identity.did import did_document, parse_did_document
from connector.identity.keys import KeyRing
from connector.identity.tokens import SelfIssuedTokens
from connector.model.identity import DidDocument

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    moment: datetime = NOW
    ticks: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.ticks += seconds


@dataclass
class Factory:
    did: str
    ring: KeyRing
    clock: FakeClock
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        return did_document(self.did, self.ring.public_jwks["keys"], f"https://{self.host}/dsp/2025-1")

    @property
    def host(self) -> str:
        return self.did.removeprefix("did:web:").replace("%3A", ":")

    @property
    def document(self) -> DidDocument:
        return parse_did_document(self.json, self.did)

    @property
    def tokens(self) -> SelfIssuedTokens:
        return SelfIssuedTokens(self.ring.signer, self.clock, os.urandom)

    async def resolve(self, did: str, kid: str | None = None) -> DidDocument:
        """As if it were the only party that can be resolved."""
        self.asked.append((did, kid))
        return self.document


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def factory_a(tmp_path, clock):
    did = "did:web:factory-a.example"
    return Factory(did, KeyRing.create(tmp_path / "a", did, now=clock.now()), clock)


@pytest.fixture
def factory_b(tmp_path, clock):
    did = "did:web:factory-b.example%3A8443"
    return Factory(did, KeyRing.create(tmp_path / "b", did, now=clock.now(), alg="EdDSA"), clock)
