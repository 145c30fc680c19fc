"""Who a party is: its DID document, the keys in it, and the peer that a request came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Relationship(StrEnum):
    """What a key may be used for (DID Core 1.0 §5.3)."""

    AUTHENTICATION = "authentication"
    ASSERTION_METHOD = "assertionMethod"
    CAPABILITY_INVOCATION = "capabilityInvocation"
    CAPABILITY_DELEGATION = "capabilityDelegation"
    KEY_AGREEMENT = "keyAgreement"


@dataclass(frozen=True, slots=True)
class VerificationMethod:
    """One public key of a DID, under its absolute DID URL."""

    id: str
    jwk: Mapping[str, Any] = field(hash=False)
    relationships: frozenset[Relationship]


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service that a DID document announces; `id` is absolute, `endpoint` a URL."""

    id: str
    type: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class DidDocument:
    """A DID document that was checked; `source` is the JSON it was read from, for export and proof."""

    id: str
    methods: tuple[VerificationMethod, ...]
    services: tuple[ServiceEntry, ...]
    source: Mapping[str, Any] = field(hash=False, compare=False, repr=False)

    def method(self, kid: str) -> VerificationMethod | None:
        """The method with that absolute id, or None."""
        return next((m for m in self.methods if m.id == kid), None)

    def keys(self, relationship: Relationship | None = None) -> dict[str, Mapping[str, Any]]:
        """Public JWKs by absolute method id, only those of one relationship if given."""
        return {m.id: m.jwk for m in self.methods if relationship is None or relationship in m.relationships}

    def service(self, type_: str) -> ServiceEntry | None:
        """The first service of that type, or None."""
        return next((s for s in self.services if s.type == type_), None)


class PeerKind(StrEnum):
    """How a peer proved who it is."""

    DID = "did"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Peer:
    """The authenticated other side of a request.

    `our_id` is the id that we have towards it: our DID, or for a static peer the
    id that the settings give us there.
    """

    participant_id: str
    kind: PeerKind
    our_id: str
    document: DidDocument | None = None
